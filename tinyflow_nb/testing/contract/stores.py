"""Every test of a store, and the fixtures they use: `from tinyflow_nb.testing.contract.stores import *`.

It needs a fixture `store_factory`: a function that is given a Clock and gives a store that was not
started - a StateStore and DefinitionStore in one. Each call in one test is another process's view of the
same data, or always the same object if there is only one process that can see it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

MODULES = (
    "a_attempts",
    "a_edges_and_skips",
    "a_errors_and_results",
    "a_items_and_rounds",
    "a_together",
    "b_answers_and_ids",
    "b_leases",
    "b_retry_of_a_run",
    "b_roster",
    "b_statuses_and_ends",
    "b_tags",
    "b_waiting_and_deadlines",
    "c_commits",
    "c_events",
    "c_joining",
    "c_watching_elsewhere",
    "chains_and_runs",
    "figures",
    "nested",
    "nested_ends",
    "registry",
)


def _gather() -> dict[str, Any]:
    fixtures = import_module("tinyflow_nb.testing.contract.fixtures")
    found = {name: getattr(fixtures, name) for name in fixtures.__all__}
    for module in MODULES:
        for name, value in vars(import_module(f"tinyflow_nb.testing.contract.{module}")).items():
            if name.startswith(("test_", "Test")):
                assert name not in found, f"two tests are named {name}: one of them would never run"
                found[name] = value
    return found


_found = _gather()
globals().update(_found)
__all__ = list(_found)
