"""Where a chain's nodes and edges are drawn: in layers, the same for the same chain.

Layers by longest path, invisible waypoints where an edge crosses layers, few crossings
(`crossings.py`), then the places within each layer (`placing.py`). Layers follow each other to the
right, or downwards if that is much easier to read in a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, Literal

from tinyflow_nb_widgets.crossings import order
from tinyflow_nb_widgets.placing import Field, places
from tinyflow_nb_widgets.text import width_of

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition

Direction = Literal["right", "down"]

NODE_HEIGHT = 54.0
NARROWEST, WIDEST = 184.0, 232.0
NAME_SIZE, CAPTION_SIZE = 13.0, 11.0
NAME_LEFT, NAME_RIGHT = 48.0, 34.0
"""Room in a box beside its name: the icon before it, the status mark after it."""
_BETWEEN_LAYERS: dict[Direction, tuple[float, float, float]] = {
    "right": (42.0, 2.0, 96.0),
    "down": (26.0, 1.0, 56.0),
}
"""The least; what is added to it for the square root of how far an edge goes to the side; the most."""
_BETWEEN_NODES: dict[Direction, float] = {"right": 20.0, "down": 26.0}
_WAYPOINT = 18.0
_WINDOW = (960.0, 520.0)
"""What a notebook shows of a drawing at once, in pixels."""
_MUCH_LARGER = 1.25
"""Reading to the right is usual: only a drawing that is this much larger in the window goes downwards."""
_MARGIN = 16.5
"""A half: a line in the middle of a pixel is sharp."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place, in pixels; (x, y) is its upper left corner."""

    id: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge: an SVG path, and the tip of its arrow, which points where the layers go."""

    source: str
    target: str
    kind: str
    path: str
    tip: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing `width` by `height` pixels; boxes in the definition's order."""

    direction: Direction
    width: float
    height: float
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]

    @property
    def scale(self) -> float:
        """How large it can be shown as a whole, at most 1."""
        return min(1.0, _WINDOW[0] / self.width, _WINDOW[1] / self.height)


def layout(definition: ChainDefinition, direction: Direction | None = None) -> Layout:
    """The same definition always gets the same places. Without a direction, the one that is read best."""
    grid = _Grid(definition)
    if direction:
        return grid.layout(direction)
    right, down = grid.layout("right"), grid.layout("down")
    return down if down.scale > right.scale * _MUCH_LARGER else right


class _Grid:
    """Nodes and waypoints by number: nodes first, in the definition's order."""

    def __init__(self, definition: ChainDefinition) -> None:
        self.ids = [n.id for n in definition.nodes]
        number = {id: i for i, id in enumerate(self.ids)}
        self.edges: dict[tuple[int, int], str] = {}
        for edge in definition.edges:
            pair = number[edge.source], number[edge.target]
            if self.edges.get(pair) != "data":  # one line per pair of nodes, and data says most
                self.edges[pair] = edge.kind
        self.layer = _longest_path(len(self.ids), list(self.edges))
        self.above: list[list[int]] = [[] for _ in self.ids]
        self.below: list[list[int]] = [[] for _ in self.ids]
        self.routes = {pair: self._route(*pair) for pair in self.edges}
        self.widths = [self._node_width(id) for id in self.ids]
        rows: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for point, layer in enumerate(self.layer):
            rows[layer].append(point)
        ordered = order(rows, self.above, self.below)
        self.field = Field(ordered, self.above, self.below, nodes=len(self.ids))

    def _route(self, source: int, target: int) -> list[int]:
        """The waypoints of an edge, one for each layer between its ends."""
        points = [source]
        for layer in range(self.layer[source] + 1, self.layer[target]):
            self.layer.append(layer)
            self.above.append([])
            self.below.append([])
            points.append(len(self.layer) - 1)
        points.append(target)
        for a, b in pairwise(points):
            self.below[a].append(b)
            self.above[b].append(a)
        return points

    @staticmethod
    def _node_width(id: str) -> int:
        wanted = NAME_LEFT + width_of(id, NAME_SIZE) + NAME_RIGHT
        return 2 * round(min(max(wanted, NARROWEST), WIDEST) / 2)  # even: its middle is a whole pixel

    def layout(self, direction: Direction) -> Layout:
        return _Drawing(self, direction).layout()


class _Drawing:
    """A grid drawn one way: `along` is the way the layers go, `across` the way of the nodes within one."""

    def __init__(self, grid: _Grid, direction: Direction) -> None:
        self.grid, self.direction = grid, direction
        self.width = max(grid.widths, default=round(NARROWEST))
        middle = places(grid.field, self._distance)
        top = min((middle[p] - self._room(p) / 2 for p in range(len(middle))), default=0.0)
        self.across = [round(m - top) + _MARGIN for m in middle]

    def layout(self) -> Layout:
        grid = self.grid
        sizes = [max(map(self._length, row)) for row in grid.field.rows]
        starts, end = [], _MARGIN
        for row, size in zip(grid.field.rows, sizes, strict=True):
            starts.append(end)
            end += size + self._gap(row)
        boxes = tuple(
            self._box(id, starts[grid.layer[i]], self.across[i], sizes[grid.layer[i]])
            for i, id in enumerate(grid.ids)
        )
        curves = []
        for (source, target), kind in grid.edges.items():
            stops = [(starts[grid.layer[p]], self.across[p], sizes[grid.layer[p]])
                     for p in grid.routes[source, target]]  # fmt: skip
            tip = self._point(stops[-1][0], stops[-1][1])
            curves.append(Curve(grid.ids[source], grid.ids[target], kind, self._curve(stops), tip))
        farthest = max((across + self._room(p) / 2 for p, across in enumerate(self.across)), default=0.0)
        along = starts[-1] + sizes[-1] + _MARGIN if starts else 2 * _MARGIN
        width, height = self._point(along, farthest + _MARGIN)
        return Layout(self.direction, width, height, boxes, tuple(curves))

    def _distance(self, a: int, b: int) -> float:
        return (self._room(a) + self._room(b)) / 2 + _BETWEEN_NODES[self.direction]

    def _gap(self, row: list[int]) -> int:
        """To the next layer: more where edges go far to the side, so that none is steep."""
        far = max((abs(self.across[a] - self.across[b]) for a in row for b in self.grid.below[a]), default=0)
        least, part, most = _BETWEEN_LAYERS[self.direction]
        return round(min(least + part * sqrt(far), most))

    def _point(self, along: float, across: float) -> tuple[float, float]:
        return (along, across) if self.direction == "right" else (across, along)

    def _box(self, id: str, start: float, middle: float, length: float) -> Box:
        if self.direction == "right":
            return Box(id, start, middle - NODE_HEIGHT / 2, length, NODE_HEIGHT)
        return Box(id, middle - self.width / 2, start, self.width, NODE_HEIGHT)

    def _curve(self, stops: list[tuple[float, float, float]]) -> str:
        """From the far side of the first stop to the near side of the last, straight through the others."""
        straight = "H" if self.direction == "right" else "V"
        at, middle = stops[0][0] + stops[0][2], stops[0][1]
        parts = [f"M{self._pair(at, middle)}"]
        for start, across, length in stops[1:]:
            last = start == stops[-1][0]
            end = start - 7 if last else start
            bend = (at + end) / 2
            parts.append(f"C{self._pair(bend, middle)} {self._pair(bend, across)} {self._pair(end, across)}")
            if not last:
                parts.append(f"{straight}{start + length:g}")
            at, middle = start + length, across
        return "".join(parts)

    def _pair(self, along: float, across: float) -> str:
        x, y = self._point(along, across)
        return f"{x:g} {y:g}"

    def _is_node(self, point: int) -> bool:
        return point < len(self.grid.ids)

    def _room(self, point: int) -> float:
        """What a point takes of its layer."""
        if not self._is_node(point):
            return _WAYPOINT
        return NODE_HEIGHT if self.direction == "right" else self.width

    def _length(self, point: int) -> float:
        """What a point takes of the way the layers go."""
        if self.direction == "down":
            return NODE_HEIGHT
        return self.grid.widths[point] if self._is_node(point) else NARROWEST


def _longest_path(count: int, edges: list[tuple[int, int]]) -> list[int]:
    layer, waits = [0] * count, [0] * count
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        following[source].append(target)
        waits[target] += 1
    ready = [i for i in range(count) if not waits[i]]
    for node in ready:  # grows while it is read
        for target in following[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    return layer
