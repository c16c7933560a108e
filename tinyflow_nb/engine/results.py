"""How a run's end reaches who waits for it: its result, or one clear error."""

from __future__ import annotations

import json
from typing import Any

from tinyflow_nb.errors import ChainCancelled, ChainFailed, ChainSuspended
from tinyflow_nb.model.shape import Shape
from tinyflow_nb.model.state import ChainState, RunHeader
from tinyflow_nb.model.status import Status
from tinyflow_nb.ports import StateStore


async def result_of(store: StateStore, header: RunHeader, shape: Shape) -> Any:
    """A SUCCEEDED run's result, by SEMANTICS 6.

    Raises:
        ChainFailed, ChainCancelled: it ended otherwise.
    """
    if header.status is Status.FAILED:
        raise failure(header)
    if header.status is Status.CANCELLED:
        raise ChainCancelled(f"{header.chain} was stopped (run {header.run})", run_id=header.run)
    return await value_of(store, header.run, shape)


async def value_of(store: StateStore, run: str, shape: Shape) -> Any:
    """The result of a run that is known to have SUCCEEDED."""
    ids = shape.results
    values = await store.values(run, ids)
    if len(ids) == 1:
        text = values[ids[0]]
        return None if text is None else json.loads(text)
    found = {id: json.loads(text) for id in ids if (text := values[id]) is not None}
    return found or None


def failure(header: RunHeader) -> ChainFailed:
    """The error of a FAILED run: chain, node, attempt and the cell's line, in one sentence."""
    error = header.error or {}
    node, attempt, line = error.get("node", ""), error.get("attempt", 0), error.get("line", 0)
    where = f" > {node}" if node else ""
    at = f" (line {line}, attempt {attempt})" if line else ""
    if error.get("path"):  # down to the chain in which it began
        steps = [(where[3:], line), *((f"{s['chain']} > {s['node']}", s["line"]) for s in error["path"])]
        where = "".join(f" > {step} (line {line})" for step, line in steps)
        at = f" (attempt {attempt})"
    told = f"{error.get('type', 'Error')}: {error.get('message', '')}"
    frames = f"\n{error['traceback'].rstrip()}" if error.get("traceback") else ""
    return ChainFailed(
        f"{header.chain}{where} failed{at}: {told}{frames}\n(run {header.run})",
        run_id=header.run, chain=header.chain, node=node, attempt=attempt, line=line, error=error,
    )  # fmt: skip


def suspension(state: ChainState) -> ChainSuspended:
    """The error for who can't wait for people: the open forms, and how to answer."""
    waiting = state.waiting()
    forms = {unit: node.waiting_for or {} for unit, node in waiting.items()}
    lines = [f"{state.chain} waits for an answer (run {state.id}):"]
    for unit, form in forms.items():
        lines.append(f"  {unit}: {form.get('message') or 'no message'}")
    only = next(iter(forms), "")
    fields = (forms.get(only, {}).get("schema") or {}).get("properties")
    values = ", ".join(f"{name}=..." for name in fields) if fields else "value"
    node = f", node={only!r}" if len(forms) > 1 else ""
    lines.append(f"answer in the form above, or: run.resume({values}{node})")
    return ChainSuspended("\n".join(lines), run_id=state.id, forms=forms)
