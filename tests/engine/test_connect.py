"""What `connect` and its executor refuse, in words."""

from __future__ import annotations

import sys

import pytest

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.errors import MissingExtra, SettingsError

ONE = "def a() -> int:\n    return 1\n"


@pytest.mark.parametrize("address", ["redis://localhost", "rediss://localhost", "redis+cluster://localhost"])
def test_redis_without_its_extra_says_what_to_install(monkeypatch, address):
    for name in [n for n in sys.modules if n.startswith("tinyflow_nb.stores.redis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hiredis", None)
    with pytest.raises(MissingExtra) as caught:
        connect(address)
    assert str(caught.value) == "the Redis store needs an optional part: pip install 'tinyflow-nb[fleet]'"
    assert caught.value.extra == "fleet"


@pytest.mark.parametrize("status", ["foo", "SKIPPED"])
async def test_runs_of_a_status_no_run_has(status):
    async with connect("memory://") as executor:
        with pytest.raises(SettingsError) as caught:
            await executor.runs(status=status)
    assert str(caught.value) == (
        f"a run has no status {status!r}; one of READY, RUNNING, SUSPENDED, SUCCEEDED, FAILED, CANCELLED"
    )


async def test_runs_of_a_status_in_any_case():
    async with connect("memory://") as executor:
        run = await executor.execute_async(ChainDefinition.from_source(ONE, name="demo"))
        await executor.wait(run, timeout=60)
        assert [s.id for s in (await executor.runs(status="succeeded")).runs] == [run]
        assert (await executor.runs(status="FAILED")).runs == []


@pytest.mark.parametrize(
    ("tags", "told"), [(["a b"], "'a b' is no tag"), (list("abcdef"), "6 tags are too many for one worker")]
)
def test_tags_no_worker_can_carry(tags, told):
    with pytest.raises(SettingsError, match=told):
        connect("memory://", tags=tags)
