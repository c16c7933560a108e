"""The layered layout: readable from 3 to 500 nodes, and always the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tinyflow_nb.model.definition import Edge, NodeDefinition
from tinyflow_nb_widgets import Layout, layout


def overlaps(drawn: Layout) -> list[tuple[str, str]]:
    found = []
    boxes = sorted(drawn.boxes, key=lambda b: (b.x, b.y))
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            if b.x >= a.x + a.width:
                break
            if a.y < b.y + b.height and b.y < a.y + a.height:
                found.append((a.id, b.id))
    return found


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("count", [3, 12, 40, 120, 500])
def test_boxes_never_overlap_and_stay_inside(make: SimpleNamespace, count: int, direction: Any) -> None:
    drawn = layout(make.random_chain(count), direction)
    assert len(drawn.boxes) == count
    assert overlaps(drawn) == []
    assert all(b.x >= 0 and b.y >= 0 for b in drawn.boxes)
    assert all(b.x + b.width <= drawn.width and b.y + b.height <= drawn.height for b in drawn.boxes)


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("count", [3, 40, 500])
def test_every_edge_points_where_the_layers_go(make: SimpleNamespace, count: int, direction: Any) -> None:
    drawn = layout(make.random_chain(count), direction)
    at = {b.id: b for b in drawn.boxes}
    assert drawn.curves
    for curve in drawn.curves:
        source, target = at[curve.source], at[curve.target]
        if direction == "right":
            assert source.x + source.width < target.x
            assert curve.tip == (target.x, pytest.approx(target.y + target.height / 2, abs=0.11))
        else:
            assert source.y + source.height < target.y
            assert curve.tip == (pytest.approx(target.x + target.width / 2, abs=0.11), target.y)


@pytest.mark.parametrize(("count", "direction"), [(5, "right"), (30, "down")])
def test_a_long_line_goes_down_to_stay_legible(make: SimpleNamespace, count: int, direction: str) -> None:
    drawn = layout(line(make, count))
    assert drawn.direction == direction


def test_the_same_chain_is_drawn_the_same(make: SimpleNamespace) -> None:
    assert layout(make.random_chain(60)) == layout(make.random_chain(60))


def line(make: SimpleNamespace, count: int) -> Any:
    nodes = [NodeDefinition(id=f"n{i}") for i in range(count)]
    edges = [Edge(source=f"n{i}", target=f"n{i + 1}") for i in range(count - 1)]
    return make.chain(nodes, edges)


def test_a_line_is_straight(make: SimpleNamespace) -> None:
    assert len({b.y for b in layout(line(make, 30), "right").boxes}) == 1
    assert len({b.x for b in layout(line(make, 30), "down").boxes}) == 1


def test_branches_that_need_not_cross_do_not(make: SimpleNamespace) -> None:
    """Two parallel lines, defined in an order that would cross them."""
    ids = ["a1", "b1", "b2", "a2", "a3", "b3"]
    edges = [Edge(source=s, target=t) for s, t in (("a1", "a2"), ("a2", "a3"), ("b1", "b2"), ("b2", "b3"))]
    at = {b.id: b.y for b in layout(make.chain([NodeDefinition(id=i) for i in ids], edges)).boxes}
    assert len({at["a1"] < at["b1"], at["a2"] < at["b2"], at["a3"] < at["b3"]}) == 1


def test_two_edges_between_two_nodes_are_one_line_and_data_wins(make: SimpleNamespace) -> None:
    nodes = [NodeDefinition(id="a"), NodeDefinition(id="b")]
    kinds: list[Any] = ["order", "data", "handler"]
    drawn = layout(make.chain(nodes, [Edge(source="a", target="b", kind=k) for k in kinds]))
    assert [c.kind for c in drawn.curves] == ["data"]


def test_an_edge_over_layers_passes_by_the_boxes_between(make: SimpleNamespace) -> None:
    nodes = [NodeDefinition(id=i) for i in ("a", "b", "c")]
    edges = [Edge(source="a", target="b"), Edge(source="b", target="c"), Edge(source="a", target="c")]
    drawn = layout(make.chain(nodes, edges))
    b = next(box for box in drawn.boxes if box.id == "b")
    long = next(c for c in drawn.curves if (c.source, c.target) == ("a", "c"))
    height = float(long.path.partition("H")[0].rpartition(" ")[2])
    assert not b.y <= height <= b.y + b.height


def test_one_node_alone(make: SimpleNamespace) -> None:
    drawn = layout(make.chain([NodeDefinition(id="only")], []))
    assert len(drawn.boxes) == 1
    assert drawn.curves == ()
