"""Where a chain's nodes and edges are drawn: in layers, the same for the same chain.

Layers by longest path, invisible waypoints where an edge crosses layers, few crossings by
barycenter sweeps, then the places within each layer by least squares against its neighbours.
Layers follow each other to the right, or downwards if that is much easier to read in a notebook.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from tinyflow_nb_widgets.text import width_of

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition

Direction = Literal["right", "down"]

NODE_HEIGHT = 54.0
NARROWEST, WIDEST = 184.0, 232.0
NAME_SIZE, CAPTION_SIZE = 13.0, 11.0
NAME_LEFT, NAME_RIGHT = 48.0, 34.0
"""Room in a box beside its name: the icon before it, the status mark after it."""
_BETWEEN_LAYERS: dict[Direction, float] = {"right": 56.0, "down": 42.0}
_BETWEEN_NODES: dict[Direction, float] = {"right": 20.0, "down": 26.0}
_WAYPOINT = 18.0
_WINDOW = (960.0, 520.0)
"""What a notebook shows of a drawing at once, in pixels."""
_MUCH_LARGER = 1.25
"""Reading to the right is usual: only a drawing that is this much larger in the window goes downwards."""
_MARGIN = 16.0
_SWEEPS = 12


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
    if direction:
        return _Grid(definition, direction).layout()
    right, down = layout(definition, "right"), layout(definition, "down")
    return down if down.scale > right.scale * _MUCH_LARGER else right


class _Grid:
    """Nodes and waypoints by number: nodes first, in the definition's order."""

    def __init__(self, definition: ChainDefinition, direction: Direction) -> None:
        self.direction = direction
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
        self.width = max(map(self._node_width, range(len(self.ids))), default=NARROWEST)
        depth = max(self.layer, default=-1) + 1
        self.rows: list[list[int]] = [[] for _ in range(depth)]
        for point, layer in enumerate(self.layer):
            self.rows[layer].append(point)

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

    def _is_node(self, point: int) -> bool:
        return point < len(self.ids)

    def layout(self) -> Layout:
        """`along` is the way the layers go, `across` the way of the nodes within one."""
        self._order_rows()
        across = self._places()
        sizes = [max(map(self._length, row)) for row in self.rows]
        starts, end = [], _MARGIN
        for size in sizes:
            starts.append(end)
            end += size + _BETWEEN_LAYERS[self.direction]
        boxes = tuple(
            self._box(id, starts[self.layer[i]], across[i], sizes[self.layer[i]])
            for i, id in enumerate(self.ids)
        )
        curves = []
        for (source, target), kind in self.edges.items():
            stops = [(starts[self.layer[p]], round(across[p], 1), sizes[self.layer[p]])
                     for p in self.routes[source, target]]  # fmt: skip
            tip = self._point(stops[-1][0], stops[-1][1])
            curves.append(Curve(self.ids[source], self.ids[target], kind, self._curve(stops), tip))
        farthest = max((across[p] + self._room(p) / 2 for p in range(len(across))), default=0.0)
        along = end - _BETWEEN_LAYERS[self.direction] + _MARGIN if starts else 2 * _MARGIN
        width, height = self._point(round(along, 1), round(farthest + _MARGIN, 1))
        return Layout(self.direction, width, height, boxes, tuple(curves))

    def _point(self, along: float, across: float) -> tuple[float, float]:
        return (along, across) if self.direction == "right" else (across, along)

    def _box(self, id: str, start: float, middle: float, length: float) -> Box:
        if self.direction == "right":
            return Box(id, start, round(middle - NODE_HEIGHT / 2, 1), length, NODE_HEIGHT)
        return Box(id, round(middle - self.width / 2, 1), start, self.width, NODE_HEIGHT)

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

    def _node_width(self, node: int) -> float:
        wanted = NAME_LEFT + width_of(self.ids[node], NAME_SIZE) + NAME_RIGHT
        return round(min(max(wanted, NARROWEST), WIDEST))

    def _room(self, point: int) -> float:
        """What a point takes of its layer."""
        if not self._is_node(point):
            return _WAYPOINT
        return NODE_HEIGHT if self.direction == "right" else self.width

    def _length(self, point: int) -> float:
        """What a point takes of the way the layers go."""
        if self.direction == "down":
            return NODE_HEIGHT
        return self._node_width(point) if self._is_node(point) else NARROWEST

    def _order_rows(self) -> None:
        """Sort each row by the mean place of its neighbours, left to right and back; keep the best."""
        place = [0] * len(self.layer)
        for row in self.rows:
            for index, point in enumerate(row):
                place[point] = index
        best, fewest = [list(row) for row in self.rows], self._crossings(place)
        for sweep in range(_SWEEPS):
            if fewest == 0:
                break
            forward = sweep % 2 == 0
            neighbours = self.above if forward else self.below
            for row in self.rows if forward else reversed(self.rows):
                mean = {p: sum(place[n] for n in neighbours[p]) / len(neighbours[p])
                        if neighbours[p] else float(place[p]) for p in row}  # fmt: skip
                row.sort(key=mean.__getitem__)
                for index, point in enumerate(row):
                    place[point] = index
            crossings = self._crossings(place)
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _crossings(self, place: list[int]) -> int:
        count = 0
        for row in self.rows:
            seen: list[int] = []
            for _, end in sorted((place[a], place[b]) for a in row for b in self.below[a]):
                count += len(seen) - bisect_right(seen, end)
                insort(seen, end)
        return count

    def _places(self) -> list[float]:
        """The middle of each point. A row keeps its order and its gaps, and follows its neighbours."""
        middle = [0.0] * len(self.layer)
        gaps: list[list[float]] = []
        for row in self.rows:
            offsets = [0.0]
            for a, b in pairwise(row):
                offsets.append(
                    offsets[-1] + (self._room(a) + self._room(b)) / 2 + _BETWEEN_NODES[self.direction]
                )
            gaps.append(offsets)
            for point, offset in zip(row, offsets, strict=True):
                middle[point] = offset - offsets[-1] / 2
        rows = list(zip(self.rows, gaps, strict=True))
        for sweep in range(_SWEEPS):
            for row, offsets in rows if sweep % 2 == 0 else reversed(rows):
                wanted = [self._pull(point, middle) for point in row]
                for point, value in zip(row, _spread(wanted, offsets), strict=True):
                    middle[point] = value
        top = min((middle[p] - self._room(p) / 2 for p in range(len(middle))), default=0.0) - _MARGIN
        return [m - top for m in middle]

    def _pull(self, point: int, middle: list[float]) -> float:
        """Where a point's neighbours want it; those in line with it pull hardest, for straight edges."""
        total = weight = 0.0
        for near, joined in ((self.above[point], self.below), (self.below[point], self.above)):
            own = len(near)
            for other in near:
                straight = own == 1 and len(joined[other]) == 1
                pull = 40.0 if straight else 1.0
                total, weight = total + pull * middle[other], weight + pull
        return total / weight if weight else middle[point]


def _spread(wanted: list[float], offsets: list[float]) -> list[float]:
    """The values nearest to `wanted` (least squares) that keep at least the gaps of `offsets`."""
    blocks: list[tuple[float, int]] = []  # sum and count of values that share one shift
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / count:
            before, members = blocks.pop()
            total, count = total + before, count + members
        blocks.append((total, count))
    shifts = [total / count for total, count in blocks for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


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
