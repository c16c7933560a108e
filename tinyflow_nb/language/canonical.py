"""The content hash of a cell: what it says, not how it is laid out (SEMANTICS 39).

Positions, comments, formatting, redundant spellings and what only some Python versions record are
left out, so that the hash is the same everywhere. Docstrings count as `inspect.cleandoc` shows them.
"""

from __future__ import annotations

import ast
import hashlib
import inspect

_FORMAT = "tinyflow 1\n"
"""Changes when the canonical form does."""
_LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def content_hash(tree: ast.Module) -> str:
    """Hex SHA-256."""
    out: list[str] = [_FORMAT]
    _dump(tree, out)
    return hashlib.sha256("".join(out).encode("utf-8", "surrogatepass")).hexdigest()


def clean(docstring: str) -> str:
    """A docstring or prompt without its indentation and trailing spaces."""
    return "\n".join(line.rstrip() for line in inspect.cleandoc(docstring).split("\n")).strip("\n")


def _dump(value: object, out: list[str]) -> None:
    if isinstance(value, ast.AST):
        out.append(type(value).__name__ + "(")
        for field in value._fields:
            item = getattr(value, field, None)
            if field in _LEFT_OUT or item == [] or (item is None and not isinstance(value, ast.Constant)):
                continue
            out.append(field + "=")
            if field == "body" and isinstance(value, _DOCUMENTED):
                _dump_body(value.body, out)
            elif isinstance(value, ast.JoinedStr):
                _dump(_joined(value), out)
            else:
                _dump(item, out)
        out.append(")")
    elif isinstance(value, list):
        out.append("[")
        for item in value:
            _dump(item, out)
        out.append("]")
    elif isinstance(value, str):  # repr() of a text depends on the Unicode tables of the Python that runs
        out.append(f"{len(value)}'{value}'")
    elif isinstance(value, int):
        out.append(f"{type(value).__name__}:{value:x};")
    else:
        out.append(f"{type(value).__name__}:{value!r};")


def _dump_body(body: list[ast.stmt], out: list[str]) -> None:
    docstring = docstring_of(body)
    if docstring is not None:
        out.append("doc")
        _dump(clean(str(docstring.value)), out)
        body = body[1:]
    _dump(body, out)


def docstring_of(body: list[ast.stmt]) -> ast.Constant | None:
    """The literal that is the docstring of this body."""
    if body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value
    return None


def _joined(text: ast.JoinedStr) -> list[ast.expr]:
    """An f-string's parts with neighbouring texts as one: how they are split depends on Python."""
    parts: list[ast.expr] = []
    for part in text.values:
        last = parts[-1] if parts else None
        if not isinstance(part, ast.Constant):
            parts.append(part)
        elif isinstance(last, ast.Constant):
            parts[-1] = ast.Constant(str(last.value) + str(part.value))
        elif part.value:
            parts.append(part)
    return parts
