"""The magic line's own splitter (rule 38)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow_nb_magics.arguments import Flag, read_arguments
from tinyflow_nb_magics.magic_line import MagicError, Word, split_line

FLAGS = (Flag("-i", "pairs", "", "k=v"), Flag("--deadline", "value", "", "3m"), Flag("--wait", "switch", ""))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  a   b\t c ", ["a", "b", "c"]),
        ("don't", ["don't"]),
        ("it's a dog's life", ["it's", "a", "dog's", "life"]),
        ('"two words"', ["two words"]),
        ("'it is \"so\"'", ['it is "so"']),
        (r'"a \"quoted\" word"', ['a "quoted" word']),
        (r'"C:\temp\new"', [r"C:\temp\new"]),
        ('"{x} $y ${z} %m !ls"', ["{x} $y ${z} %m !ls"]),
        ('""', [""]),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert [word.text for word in split_line(line)] == words


@pytest.mark.parametrize(
    ("text", "name", "value", "quoted"),
    [
        ("k=v", "k", "v", False),
        ("k=", "k", "", False),
        ('k="a b"', "k", "a b", True),
        ("k='[1, 2]'", "k", "[1, 2]", True),
        ("k=a=b", "k", "a=b", False),
        ("k=@docs", "k", "@docs", False),
        ('k="@docs"', "k", "@docs", True),
        ("k=-5", "k", "-5", False),
        ("k=don't", "k", "don't", False),
        ('"k=v"', "", "", True),
        ("=v", "", "", False),
    ],
)
def test_pairs(text: str, name: str, value: str, quoted: bool) -> None:
    (word,) = split_line(text)
    assert (word.name, word.value, word.quoted) == (name, value, quoted)
    assert word.is_pair == bool(name)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('a "b', 'the quote at "b is not closed'),
        ("k='v", "the quote at 'v is not closed"),
        ('"a"b', "a space is missing after the quoted text, before b"),
    ],
)
def test_a_wrong_quote_is_told_where_it_is(line: str, message: str) -> None:
    with pytest.raises(MagicError) as caught:
        split_line(line)
    assert str(caught.value) == message


@given(st.text(st.characters(codec="utf-8", exclude_characters="\\\n\r"), max_size=40))
def test_a_quoted_text_is_literal(text: str) -> None:
    """Rule 38: whatever is quoted comes out as it was written."""
    quoted = text.replace('"', '\\"')
    assert split_line(f'k="{quoted}" rest')[0] == Word(f"k={text}", "k", text, True)


@given(st.text(max_size=60))
def test_any_line_is_split_or_refused(line: str) -> None:
    try:
        words = split_line(line)
    except MagicError:
        return
    assert (
        "".join(word.text for word in words if not word.quoted).split()
        == [word.text for word in words if not word.quoted]
        or any(word.quoted for word in words)
        or len(words) > 1
    )


def test_flags_and_words() -> None:
    found = read_arguments('NAME -i a=1 b="x y" --deadline 3m --wait -i c=3', FLAGS, "%%t")
    assert [word.text for word in found.words] == ["NAME"]
    assert {name: word.value for name, word in found.pairs.items()} == {"a": "1", "b": "x y", "c": "3"}
    assert found.value("--deadline") == "3m"
    assert found.switches == {"--wait"}
    assert read_arguments("--deadline=3m", FLAGS, "%%t").value("--deadline") == "3m"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--wiat", "%%t has no flag --wiat; did you mean --wait?"),
        ("--zzz", "%%t has no flag --zzz; it knows -i, --deadline, --wait"),
        ("-i", "-i needs k=v"),
        ("-i three", "-i needs k=v, not 'three'"),
        ("-i a=1 a=2", "a is given twice"),
        ("--deadline", "--deadline needs a value: --deadline 3m"),
        ("--deadline --wait", "--deadline needs a value: --deadline 3m"),
        ("--wait=yes", "--wait takes no value"),
    ],
)
def test_wrong_flags(line: str, message: str) -> None:
    with pytest.raises(MagicError) as caught:
        read_arguments(line, FLAGS, "%%t")
    assert str(caught.value) == message
