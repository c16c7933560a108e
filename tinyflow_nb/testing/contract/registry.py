"""SEMANTICS 36, 39, 45: publishing, labels, history, circles - over every store."""

from __future__ import annotations

import asyncio
import json

import pytest

from tinyflow_nb.errors import (
    CycleError,
    DefinitionError,
    DeprecatedChain,
    InvalidOperation,
    UnknownChain,
)

PLAIN = "def a(n):\n    return n\n"


def calling(*refs: str) -> str:
    """A chain that calls others."""
    nodes = [f'@chain("{ref}")\ndef call{i}(n): ...\n' for i, ref in enumerate(refs)]
    return "\n".join(nodes) or PLAIN


async def test_39_the_same_content_is_the_same_version_and_becomes_current_again(house):
    executor = await house.open()
    first, second = house.define(PLAIN, "doc"), house.define(PLAIN.replace("return n", "return -n"), "doc")
    assert await executor.publish(first, who="ada", origin="one.ipynb") == "doc@1"
    assert await executor.publish(first) == "doc@1"
    assert await executor.publish(second) == "doc@2"
    assert await executor.publish(first) == "doc@1"
    assert [(v.version, v.current) for v in await executor.chains("doc")] == [(2, False), (1, True)]
    assert [(v.who, v.origin) for v in await executor.chains("doc")][-1] == ("ada", "one.ipynb")
    assert [v.version for v in await executor.chains()] == [1]


async def test_a_label_moves_and_its_history_says_who_moved_it(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "doc"))
    await executor.publish(house.define(PLAIN.replace("return n", "return -n"), "doc"))
    await executor.label("doc@1", "prod", who="ada")
    assert await executor.execute("doc@prod", {"n": 3}) == 3
    await executor.label("doc", "prod", who="bob", origin="ops.ipynb")
    assert await executor.execute("doc@prod", {"n": 3}) == -3
    moves = [(e.kind, e.version, e.who, e.origin) for e in await executor.history("doc") if e.kind == "label"]
    assert moves == [("label", 1, "ada", ""), ("label", 2, "bob", "ops.ipynb")]
    assert (await executor.chains("doc"))[0].labels == ("prod",)
    with pytest.raises(UnknownChain, match="did you mean doc@prod"):
        await executor.execute("doc@prd", {"n": 3})
    await executor.unlabel("doc", "prod")
    with pytest.raises(UnknownChain, match="has no label 'prod'"):
        await executor.execute("doc@prod", {"n": 3})
    with pytest.raises(InvalidOperation, match="can't be a label"):
        await executor.label("doc", "1st")


async def test_a_deprecated_version_warns(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "doc"))
    await executor.deprecate("doc@1", "use summary instead")
    with pytest.warns(DeprecatedChain, match="doc@1 is deprecated: use summary instead"):
        assert await executor.execute("doc", {"n": 3}) == 3
    await executor.deprecate("doc@1", "")
    assert await executor.execute("doc", {"n": 3}) == 3


async def test_an_unused_version_is_deleted_and_its_number_is_not_used_again(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "doc"))
    await executor.publish(house.define(PLAIN.replace("return n", "return -n"), "doc"))
    await executor.publish(house.define(calling("doc@1"), "user"))
    with pytest.raises(InvalidOperation, match=r"doc@1 is used by user@1"):
        await executor.unpublish("doc@1")
    await executor.unpublish("doc@2")
    assert await executor.execute("doc", {"n": 3}) == 3
    with pytest.raises(UnknownChain, match=r"doc@2 was deleted; doc@1 is the current"):
        await executor.execute("doc@2", {"n": 3})
    assert await executor.publish(house.define(PLAIN.replace("return n", "return 0"), "doc")) == "doc@3"


async def test_36_publishing_needs_what_is_called_to_be_published_and_to_fit(house):
    executor = await house.open()
    with pytest.raises(DefinitionError, match=r"line 2.*no chain 'doc' is published"):
        await executor.publish(house.define(calling("doc"), "user"))
    await executor.publish(house.define("def a(m):\n    return m\n", "doc"))
    with pytest.raises(DefinitionError, match="gives doc@1 the input 'n', which it has not"):
        await executor.publish(house.define(calling("doc"), "user"))
    assert [v.name for v in await executor.chains()] == ["doc"]


async def test_45_a_chain_can_t_call_itself(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "doc"))
    with pytest.raises(DefinitionError, match=r"line 2.*'call0' would call its own chain"):
        await executor.publish(house.define(calling("doc"), "doc"))
    assert await executor.publish(house.define(calling("doc@1"), "doc")) == "doc@2", "an older one it may"
    assert await executor.execute("doc", {"n": 3}) == 3


async def test_45_a_circle_is_refused_with_its_path_and_nothing_is_published(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "a"))
    await executor.publish(house.define(calling("a"), "b"))
    await executor.publish(house.define(calling("b"), "c"))
    with pytest.raises(CycleError, match=r"a@2 > c@1 > b@1 > a@2") as refused:
        await executor.publish(house.define(calling("c"), "a"))
    assert refused.value.path == ("a@2", "c@1", "b@1", "a@2")
    assert [v.version for v in await executor.chains("a")] == [1]
    assert await executor.publish(house.define(calling("c@1"), "d")) == "d@1"


async def test_45_a_pinned_reference_closes_no_circle_but_a_moved_label_may(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "a"))
    await executor.label("a", "prod")
    await executor.publish(house.define(calling("a@prod"), "b"))
    await executor.publish(house.define(calling("b"), "a"))  # a@2 > b@1 > a@prod, which is a@1
    with pytest.raises(CycleError, match=r"a@2 > b@1 > a@2"):
        await executor.label("a@2", "prod")
    assert await executor.execute("a@prod", {"n": 3}) == 3
    await executor.publish(house.define(calling("a@1"), "b"))
    await executor.label("a@2", "prod")


async def test_45_an_older_version_can_t_become_current_again_if_that_closes_a_circle(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "x"))
    early = house.define(calling("x"), "a")
    await executor.publish(early)
    await executor.publish(house.define(PLAIN, "a"))
    await executor.publish(house.define(calling("a"), "x"))
    with pytest.raises(CycleError, match=r"a@1 > x@2 > a@1"):
        await executor.publish(early)


async def test_45_deleting_a_version_can_t_close_a_circle(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "x"))
    await executor.publish(house.define(calling("x"), "a"))
    await executor.publish(house.define(PLAIN, "a"))
    await executor.publish(house.define(calling("a"), "x"))
    with pytest.raises(InvalidOperation, match="used by x@2"):
        await executor.unpublish("a@2")


async def test_45_of_two_halves_published_at_once_one_is_refused(house):
    one, two = await house.open(), await house.open()
    await one.publish(house.define(PLAIN, "a"))
    await one.publish(house.define(PLAIN, "b"))
    halves = (one.publish(house.define(calling("b"), "a")), two.publish(house.define(calling("a"), "b")))
    results = await asyncio.gather(*halves, return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["CycleError", "str"]


async def test_concurrent_publishes_get_distinct_versions_without_a_gap(house):
    executors = [await house.open() for _ in range(4)]
    sources = [house.define(PLAIN.replace("return n", f"return {i}"), "doc") for i in range(12)]
    jobs = (executors[i % 4].publish(source) for i, source in enumerate(sources))
    refs = await asyncio.gather(*jobs)
    assert sorted(refs) == sorted(f"doc@{i}" for i in range(1, 13))


async def test_who_uses_me(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "doc"))
    await executor.publish(house.define(calling("doc"), "floats"))
    await executor.publish(house.define(calling("doc@1"), "pinned"))
    await executor.publish(house.define(PLAIN.replace("return n", "return -n"), "doc"))
    assert sorted(await executor.callers("doc")) == ["floats@1", "pinned@1"]
    assert await executor.callers("doc@1") == ["pinned@1"]
    assert await executor.callers("doc@2") == ["floats@1"]


async def test_the_difference_of_two_versions(house):
    executor = await house.open()
    await executor.publish(house.define(PLAIN, "doc"))
    await executor.publish(house.define(PLAIN.replace("return n", "return -n"), "doc"))
    told = await executor.diff("doc@1", "doc@2")
    assert "--- doc@1" in told
    assert "-    return n\n+    return -n\n" in told
    assert await executor.diff("doc@2", "doc") == ""


class TestBundles:
    async def test_a_chain_moves_with_all_it_calls(self, house, tmp_path):
        from tinyflow_nb import connect

        executor = await house.open()
        await executor.publish(house.define(PLAIN, "leaf"))
        await executor.publish(house.define(PLAIN.replace("return n", "return -n"), "leaf"))
        await executor.publish(house.define(calling("leaf@2"), "middle"))
        await executor.label("middle", "prod")
        await executor.publish(house.define(calling("middle@prod"), "top"))
        text = await executor.export_chains("top")
        async with connect("memory://") as other:
            assert await other.import_chains(text) == ["leaf@1", "leaf@2", "middle@1", "top@1"]
            assert await other.execute("top", {"n": 3}) == -3
            assert await other.import_chains(text) == ["leaf@1", "leaf@2", "middle@1", "top@1"]
            assert [v.version for v in await other.chains("leaf")] == [2, 1]

    async def test_nothing_is_imported_if_a_pinned_number_is_another_version_here(self, house):
        from tinyflow_nb import connect

        executor = await house.open()
        await executor.publish(house.define(PLAIN, "leaf"))
        await executor.publish(house.define(calling("leaf@1"), "top"))
        text = await executor.export_chains("top")
        async with connect("memory://") as other:
            await other.publish(house.define(PLAIN.replace("return n", "return 0"), "leaf"))
            with pytest.raises(
                InvalidOperation, match=r"leaf@1 is referred to by its number, and here it would"
            ):
                await other.import_chains(text)
            assert [v.name for v in await other.chains()] == ["leaf"]

    @pytest.mark.parametrize("harm", ["text", "record", "hash", "refs", "no json", "newer", "unsigned"])
    async def test_an_altered_one_is_refused(self, house, harm):
        executor = await house.open()
        await executor.publish(house.define(PLAIN, "leaf"))
        await executor.publish(house.define(calling("leaf"), "top"))
        bundle = json.loads(await executor.export_chains("top"))
        top = bundle["chains"][-1]
        match harm:
            case "text":
                signed = top["signatures"][0]
                signed["text"] = signed["text"].replace('"line":2', '"line":3')
            case "record":
                signed = top["signatures"][0]
                signed["record"] = signed["record"].replace('"top"', '"pot"')
            case "hash":
                top["hash"] = bundle["chains"][0]["hash"]
            case "refs":
                top["refs"] = []
            case "newer":
                bundle["version"] = 2
            case "unsigned":
                top["signatures"] = []
        text = "{" if harm == "no json" else json.dumps(bundle)
        before = await executor.chains()
        with pytest.raises(DefinitionError):
            await executor.import_chains(text)
        assert await executor.chains() == before

    async def test_a_circle_in_it_is_refused_and_nothing_is_half_imported(self, house):
        from tinyflow_nb import connect

        executor = await house.open()
        await executor.publish(house.define(PLAIN, "b"))
        await executor.publish(house.define(calling("b"), "a"))
        text = await executor.export_chains("a")
        async with connect("memory://") as other:
            await other.publish(house.define(PLAIN, "a"))
            await other.publish(house.define(calling("a"), "c"))
            await other.publish(house.define(calling("c"), "b"))  # here b calls c calls a
            with pytest.raises(CycleError):
                await other.publish(house.define(calling("b"), "a"))
            assert await other.import_chains(text) == ["b@2", "a@2"], "its b is another, and becomes current"
            assert await other.execute("a", {"n": 1}) == 1
