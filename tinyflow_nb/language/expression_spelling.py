"""Python's and JavaScript's spellings in an expression, each with its own hint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

STRINGS = re.compile(
    r"""(?P<prefix>\b[fFrRbB]{1,2})?(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""", re.DOTALL
)


class Slip(NamedTuple):
    """`at` is an offset in the text that was looked at."""

    at: int
    message: str
    hint: str


def without_strings(source: str) -> str:
    """The same text with the characters of its string literals blanked."""
    return STRINGS.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source)


FUNCTIONS = {
    "len": "length", "str": "string", "int": "int", "float": "float", "abs": "abs", "sum": "sum",
    "min": "min", "max": "max", "round": "round", "list": "list", "sorted": "sort", "reversed": "reverse",
    "set": "unique", "dict": "items",
}  # fmt: skip
METHODS = {
    "lower": "lower", "toLowerCase": "lower", "upper": "upper", "toUpperCase": "upper", "title": "title",
    "capitalize": "capitalize", "strip": "trim", "trim": "trim", "items": "items", "keys": "list",
    "replace": "replace('old', 'new')", "count": "length", "sort": "sort", "reverse": "reverse",
}  # fmt: skip
METHOD_HINTS = {
    "get": "write `{base}.key | default(value)`",
    "join": "write `parts | join(', ')`",
    "startswith": "compare the beginning: `{base}[:3] == 'abc'`",
    "endswith": "compare the end: `{base}[-3:] == 'abc'`",
    "includes": "write `'value' in {base}`",
    "format": "join text with `~`: `'Dear ' ~ name`",
    "values": "write `{base} | items | map('last')`",
    "map": "write `{base} | map(attribute='field')`",
    "filter": "write `{base} | selectattr('field', '>', 1)`",
}
FUNCTION_HINTS = {
    "isinstance": "use a test: `x is string`, `x is number`, `x is mapping`",
    "type": "use a test: `x is string`, `x is number`, `x is mapping`",
    "any": "write `items | select | list | length > 0`",
    "all": "write `items | reject | list | length == 0`",
    "range": "loop over a list; a node can make it",
    "print": "the value itself is written; leave `print` out",
    "bool": "a value counts as a condition as it is; `not not x` makes a boolean",
    "map": "write `items | map(attribute='field')`",
    "filter": "write `items | selectattr('field', '>', 1)`",
}
WORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "elif", "for", "set"})

CALL = re.compile(r"(?P<before>[|.]\s*|\bis\s+(?:not\s+)?)?(?<![\w])(?P<name>[A-Za-z_]\w*)\s*\(")
BASE = re.compile(r"[A-Za-z_][\w.]*(?:\[[^\[\]]*\][\w.]*)*$")

Rule = tuple[re.Pattern[str], str, Callable[[re.Match[str]], str] | str]


def _identity_hint(match: re.Match[str]) -> str:
    return f"write `{match[1] or 'x '}is {match[3] or ''}{match[4].lower()}`"


RULES: tuple[Rule, ...] = (
    (re.compile(r"&&"), "`&&` is not an operator here", "write `and`"),
    (re.compile(r"\|\|"), "`||` is not an operator here", "write `or`"),
    (re.compile(r"===|!=="), "`{0}` is not an operator here", lambda m: f"write `{m[0][:2]}`"),
    (re.compile(r"!(?!=)"), "`!` is not an operator here", "write `not`"),
    (re.compile(r"<>"), "`<>` is not an operator here", "write `!=`"),
    (re.compile(r"\?\?"), "`??` is not an operator here", "write `x | default(value)`"),
    (re.compile(r"\?\."), "`?.` is not an operator here", "write `x.field | default(none)`"),
    (re.compile(r"(?<!\?)\?(?![?.])"), "`?` is not an operator here", "write `a if condition else b`"),
    (re.compile(r":="), "`:=` is not available here", "write the value where it is needed"),
    (re.compile(r"=>"), "a function can't be written here", "use a filter, or a node"),
    (
        re.compile(r"([A-Za-z_][\w.]*\s+)?\b(is)\s+(not\s+)?(None|True|False)\b"),
        "`is` takes a test, in lower case", _identity_hint,
    ),
    (re.compile(r"\b(?:null|nil)\b"), "`{0}` is no value here", "write `none`"),
    (
        re.compile(r"\blambda\b"), "a lambda can't be used here",
        "use a filter, as in `docs | map(attribute='score')`, or a node",
    ),
    (re.compile(r"\bawait\b"), "`await` can't be used here", "outputs are there when the expression is read"),
    (re.compile(r"(?<![\w\])])\.\d+"), "`{0}` is no number here", lambda m: f"write `0{m[0]}`"),
)  # fmt: skip
COMPREHENSION = re.compile(r"\bfor\b.+\bin\b", re.DOTALL)
SINGLE_EQUALS = re.compile(r"(?<![=!<>])=(?![=>])")
ELSE_IF = re.compile(r"\belse\s+if\b")
TAG = re.compile(r"[-+\s]*([A-Za-z_]+)")
UNAVAILABLE_TAGS = frozenset(
    {"autoescape", "block", "call", "do", "extends", "filter", "from", "import", "include", "macro", "with"}
)


def slips(source: str, statement: bool = False) -> Iterator[Slip]:
    """What is spelled in another language. `statement`: the inside of `{% %}`."""
    tag = TAG.match(source) if statement else None
    if tag is not None and tag[1] in UNAVAILABLE_TAGS:
        yield Slip(tag.start(1), f"`{tag[1]}` is not available here", "prompts know if, for and set")
        return
    for string in STRINGS.finditer(source):
        if "f" in (string["prefix"] or "").lower():
            yield Slip(string.start(), "an f-string can't be used here", "join with `~`: `'Dear ' ~ name`")
    bare = without_strings(source)
    for pattern, message, hint in RULES:
        for match in pattern.finditer(bare):
            told = hint if isinstance(hint, str) else hint(match)
            yield Slip(match.start(), message.replace("{0}", match[0]), told)
    yield from _calls(source, bare)
    if statement:
        for match in ELSE_IF.finditer(bare):
            yield Slip(match.start(), "`else if` is no tag", "write `{% elif ... %}`")
        if tag is not None and tag[1] in ("if", "elif"):
            yield from _single_equals(bare)
        return
    yield from _single_equals(bare)
    if (loop := COMPREHENSION.search(bare)) is not None:
        yield Slip(
            loop.start(), "a comprehension can't be used here",
            "use filters, as in `docs | selectattr('score', '>', 0.5) | map(attribute='title')`, or a node",
        )  # fmt: skip


def _single_equals(bare: str) -> Iterator[Slip]:
    depth = 0
    for at, char in enumerate(bare):
        depth += (char in "([{") - (char in ")]}")
        if char == "=" and depth == 0 and SINGLE_EQUALS.match(bare, at):
            yield Slip(at, "`=` sets nothing here", "compare with `==`")


def _calls(source: str, bare: str) -> Iterator[Slip]:
    for match in CALL.finditer(bare):
        before, name = (match["before"] or "").strip(), match["name"]
        if before == ".":
            yield _method(source, match)
        elif not before and name not in WORDS:
            inner = re.match(r"\s*([\w.]+)\s*\)", source[match.end() :])
            value = inner[1] if inner else "x"
            hint = FUNCTION_HINTS.get(name, "use a filter, or compute it in a node")
            if name in FUNCTIONS:
                hint = f"write `{value} | {FUNCTIONS[name]}`"
            yield Slip(match.start("name"), f"`{name}()` can't be called here", hint)


def _method(source: str, match: re.Match[str]) -> Slip:
    name = match["name"]
    found = BASE.search(source[: match.start()])
    base = found[0] if found else "x"
    if name in METHODS:
        hint = f"write `{base} | {METHODS[name]}`"
    else:
        hint = METHOD_HINTS.get(name, "use a filter, or compute it in a node").replace("{base}", base)
    return Slip(match.start("name"), f"the method `.{name}()` can't be called here", hint)
