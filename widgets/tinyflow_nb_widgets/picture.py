"""What a reader is shown of a run, as plain JSON: the live view and the static picture draw this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.detail import failure
from tinyflow_nb_widgets.icons import MARKS, icon_of, key_of
from tinyflow_nb_widgets.layered import CAPTION_SIZE, NAME_LEFT, NAME_RIGHT, NAME_SIZE, Layout
from tinyflow_nb_widgets.text import NODE_WORDS, RUN_WORDS, duration, error_line, printable, shorten

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition
    from tinyflow_nb.model.state import ChainState, NodeState


def graph_picture(definition: ChainDefinition, layout: Layout) -> dict[str, Any]:
    """What stays the same while a run goes on: places, names, icons, edges."""
    nodes = []
    for box, node in zip(layout.boxes, definition.nodes, strict=True):
        room = box.width - NAME_LEFT - NAME_RIGHT
        nodes.append({
            "id": node.id, "label": shorten(printable(node.id), room, NAME_SIZE), "type": node.type,
            "icon": icon_of(node.type), "description": printable(node.description), "line": node.line,
            "x": box.x, "y": box.y, "width": box.width, "height": box.height,
        })  # fmt: skip
    edges = [
        {"source": c.source, "target": c.target, "kind": c.kind, "path": c.path, "tip": list(c.tip)}
        for c in layout.curves
    ]
    marks = {status.value: list(paths) for status, paths in MARKS.items()}
    return {
        "chain": definition.name, "description": definition.description, "direction": layout.direction,
        "width": layout.width, "height": layout.height, "nodes": nodes, "edges": edges, "marks": marks,
        "key": key_of((n.type for n in definition.nodes), (c.kind for c in layout.curves)),
    }  # fmt: skip


def node_picture(node: NodeDefinition, state: NodeState | None) -> dict[str, Any]:
    """One node's standing. `word` says where it stands, `note` what else
    fits on its line, `reason` the rest."""
    if state is None:
        return {"status": Status.READY.value, "word": "", "note": "", "reason": "", "progress": None,
                "started_at": None, "finished_at": None}  # fmt: skip
    notes, progress = [], None
    word = NODE_WORDS[state.status]
    if state.items:
        settled = sum(1 for i in state.items if i.status.terminal)
        progress = [settled, len(state.items)]
        notes.append(f"{settled}/{len(state.items)}")
    if state.round > 1 or node.until:
        notes.append(f"round {state.round}" + (", used up" if state.exhausted else ""))
    if state.attempts > 1:
        notes.append(f"attempt {state.attempts}")
    if state.status is Status.READY and state.attempts:
        word = "retrying"
    if state.status is Status.READY and state.reason:
        word = f"waits: {printable(state.reason)}"  # nobody takes it
    if state.cached:
        notes.append("cached")
    if state.handled_by:
        word = f"handled by {state.handled_by}"
    elif state.status is Status.FAILED and state.error:
        word = error_line(state.error)  # the mark and the colour say that it failed
    reason = state.reason or (error_line(state.error) if state.error else "")
    return {
        "status": state.status.value, "word": word, "note": printable(" · ".join(notes)),
        "reason": printable(reason), "progress": progress,
        "started_at": state.started_at, "finished_at": state.finished_at,
    }  # fmt: skip


def run_picture(definition: ChainDefinition, state: ChainState | None) -> dict[str, Any]:
    """The run as a whole: where it stands, its error with the line of the cell, its result."""
    if state is None:
        return {"id": "", "chain": definition.short_ref, "status": Status.READY.value,
                "word": RUN_WORDS[Status.READY], "started_at": None, "finished_at": None,
                "error": None, "result": None, "tokens": []}  # fmt: skip
    return {
        "id": state.id, "chain": state.chain, "status": state.status.value,
        "word": RUN_WORDS[state.status], "started_at": state.created_at or None,
        "finished_at": state.finished_at, "error": error_picture(definition, state),
        "result": state.result if state.status is Status.SUCCEEDED else None, "tokens": _tokens(state),
    }  # fmt: skip


def _tokens(state: ChainState) -> list[int]:
    """Of all its nodes, those of chains below too: into models and out of them; [] if none were reported."""
    used = [unit.usage for unit in state.units() if unit.usage]
    counts = [sum(int(u.get(name) or 0) for u in used) for name in ("input_tokens", "output_tokens")]
    return counts if any(counts) else []


def error_picture(definition: ChainDefinition, state: ChainState) -> dict[str, Any] | None:
    """The run's error: a line to read, the node, and the cell's own line if it is known."""
    error = state.error
    if not error:
        return None
    id = str(error.get("node") or "")
    node = state.nodes.get(id)
    told = failure(definition, {**((node.error if node else None) or {}), **error})
    return {**told, "node": id} if told else None


def elapsed(picture: dict[str, Any]) -> str:
    """How long something that is over took, or ""."""
    if picture["started_at"] is None or picture["finished_at"] is None:
        return ""
    return duration(picture["finished_at"] - picture["started_at"])


def caption(picture: dict[str, Any], took: str, room: float) -> str:
    """A node's second line."""
    if picture["status"] in (Status.SKIPPED, Status.CANCELLED):
        took = ""
    return shorten(" · ".join(filter(None, [picture["word"], picture["note"], took])), room, CAPTION_SIZE)
