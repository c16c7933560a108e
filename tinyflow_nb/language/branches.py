"""Comparisons with a node's fixed values: impossible ones, and values no branch covers (SEMANTICS 37)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow_nb.errors import ExpressionError
from tinyflow_nb.language import expressions
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.words import did_you_mean
from tinyflow_nb.language.written import Written


def check_branches(drafts: list[NodeDraft], schemas: Mapping[str, Mapping[str, Any]], report: Report) -> None:
    """`schemas` are those of nodes (without `each`) and inputs by name."""
    values = {name: allowed for name, schema in schemas.items() if (allowed := _allowed(schema)) is not None}
    for draft in drafts:
        for written in _conditions(draft):
            _check_comparisons(written, values, report)
    _check_coverage(drafts, values, report)


def _allowed(schema: Mapping[str, Any]) -> list[Any] | None:
    """Every value the schema allows, if it lists them."""
    if "enum" in schema:
        return list(schema["enum"])
    if "const" in schema:
        return [schema["const"]]
    if schema.get("type") == "boolean":
        return [True, False]
    if schema.get("type") == "null":
        return [None]
    if "$ref" in schema:
        definitions = schema.get("$defs", {})
        return _allowed(definitions.get(str(schema["$ref"]).rpartition("/")[2], {}))
    if "anyOf" in schema:
        parts = [_allowed({**part, "$defs": schema.get("$defs", {})}) for part in schema["anyOf"]]
        return None if any(part is None for part in parts) else [v for part in parts if part for v in part]
    return None


def _conditions(draft: NodeDraft) -> list[Written]:
    found = [draft.when, draft.until, *draft.inputs.values()]
    if draft.each is not None:
        found.append(draft.each.condition)
    return [written for written in found if written is not None]


def _check_comparisons(written: Written, values: Mapping[str, list[Any]], report: Report) -> None:
    if values.keys().isdisjoint(expressions.names(written.text)):
        return
    for name, op, constant in expressions.literal_comparisons(written.text):
        allowed = values.get(name)
        if allowed is None or constant is None or _is_in(constant, allowed):
            continue
        never = "never" if op in ("==", "in") else "always"
        shown = ", ".join(_shown(value) for value in allowed)
        texts = [value for value in allowed if isinstance(value, str)]
        near = did_you_mean(constant, texts) if isinstance(constant, str) else ""
        report.add(
            written.place_of(report, name), f"{name!r} can't be {_shown(constant)}: this is {never} true",
            near or f"it is one of {shown}",
        )  # fmt: skip


def _is_in(constant: Any, allowed: list[Any]) -> bool:
    return any(value == constant and type(value) is type(constant) for value in allowed)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _check_coverage(drafts: list[NodeDraft], values: Mapping[str, list[Any]], report: Report) -> None:
    """A warning for each value of a node that makes the conditions of all its branches false."""
    judging: dict[str, list[str]] = {}
    """By name, the conditions that read it."""
    read_always: set[str] = set()
    for draft in drafts:
        if draft.when is None:
            read_always |= {source for source, edge in draft.edges.items() if edge.kind == "data"}
            continue
        for name in expressions.names(draft.when.text):
            judging.setdefault(name, []).append(draft.when.text)
    for draft in drafts:
        allowed = values.get(draft.id)
        if allowed is None or len(allowed) < 2 or allowed == [True, False] or draft.id in read_always:
            continue
        conditions = judging.get(draft.id, [])
        if not conditions or any(expressions.names(c) != {draft.id} for c in conditions):
            continue
        for value in allowed:
            if not any(_may_be_true(condition, draft.id, value) for condition in conditions):
                report.add(
                    draft.function, f"no branch covers {draft.id} == {_shown(value)}",
                    "add a node with that condition, if it should do something then", severity="warning",
                )  # fmt: skip


def _may_be_true(condition: str, name: str, value: Any) -> bool:
    try:
        return bool(expressions.evaluate(condition, {name: value}))
    except ExpressionError:
        return True
