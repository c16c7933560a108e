"""The layered layout: readable from 3 to 500 nodes, and always the same."""

from __future__ import annotations

import re
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


def points(path: str) -> list[tuple[float, float]]:
    """Along an edge, close to each other where it bends; straight parts by their ends."""
    at, found = (0.0, 0.0), []
    for letter, text in re.findall(r"([MCHV])([^MCHV]+)", path):
        to = [float(n) for n in text.split()]
        match letter:
            case "H":
                ends = [(to[0], at[1])]
            case "V":
                ends = [(at[0], to[0])]
            case "M":
                ends = [(to[0], to[1])]
            case _:
                xs, ys = (at[0], *to[::2]), (at[1], *to[1::2])
                ends = [(_bezier(t / 16, *xs), _bezier(t / 16, *ys)) for t in range(1, 17)]
        found += ends
        at = ends[-1]
    return found


def _bezier(t: float, a: float, b: float, c: float, d: float) -> float:
    u = 1 - t
    return u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d


@pytest.mark.parametrize("direction", ["right", "down"])
def test_no_edge_runs_through_a_box(make: SimpleNamespace, direction: Any) -> None:
    """30 random chains of 4 to 62 nodes; an edge over several layers passes by the boxes between."""
    for seed in range(30):
        drawn = layout(make.random_chain(4 + 2 * seed, seed), direction)
        for curve in drawn.curves:
            between = [b for b in drawn.boxes if b.id not in (curve.source, curve.target)]
            for x, y in points(curve.path):
                assert not any(b.x < x < b.x + b.width and b.y < y < b.y + b.height for b in between), (
                    seed,
                    curve,
                )


@pytest.mark.parametrize("direction", ["right", "down"])
def test_an_edge_over_many_layers_is_straight_between_its_ends(make: SimpleNamespace, direction: Any) -> None:
    """Beside a line with a side branch, which would draw it out of line."""
    definition = line(make, 8)
    more = [
        Edge(source="n0", target="n7"),
        Edge(source="n3", target="side"),
        Edge(source="side", target="n6"),
    ]
    nodes = [*definition.nodes, NodeDefinition(id="side")]
    drawn = layout(make.chain(nodes, [*definition.edges, *more]), direction)
    long = next(c for c in drawn.curves if (c.source, c.target) == ("n0", "n7"))
    way = [p[1 if direction == "right" else 0] for p in points(long.path)[17:-16]]
    assert len(way) > 5 * 16
    assert len(set(way)) == 1


def test_what_fans_out_far_is_given_room(make: SimpleNamespace) -> None:
    """Else the edges of twenty branches lie on each other."""
    nodes = [NodeDefinition(id=i) for i in ("split", *(f"n{i}" for i in range(20)))]
    few, many = (
        layout(make.chain(nodes[: 1 + n], [Edge(source="split", target=f"n{i}") for i in range(n)]), "right")
        for n in (2, 20)
    )
    gaps = [drawn.boxes[1].x - drawn.boxes[0].x - drawn.boxes[0].width for drawn in (few, many)]
    assert gaps[0] * 1.5 < gaps[1]


def test_one_node_alone(make: SimpleNamespace) -> None:
    drawn = layout(make.chain([NodeDefinition(id="only")], []))
    assert len(drawn.boxes) == 1
    assert drawn.curves == ()
