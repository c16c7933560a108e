"""Where a chain's nodes and edges are drawn: layers from left to right, the same for the same chain.

Layers by longest path, invisible waypoints where an edge crosses layers, few crossings by
barycenter sweeps, then each layer's heights by least squares against its neighbours.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tinyflow_nb_widgets.text import width_of

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition

NODE_HEIGHT = 54.0
NARROWEST, WIDEST = 184.0, 232.0
NAME_SIZE, CAPTION_SIZE = 13.0, 11.0
NAME_LEFT, NAME_RIGHT = 48.0, 34.0
"""Room in a box beside its name: the icon before it, the status mark after it."""
_BETWEEN_LAYERS, _BETWEEN_NODES = 56.0, 20.0
_WAYPOINT = 18.0
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
    """An edge: an SVG path, and the tip of its arrow, which always points right."""

    source: str
    target: str
    kind: str
    path: str
    tip: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing `width` by `height` pixels; boxes in the definition's order."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]


def layout(definition: ChainDefinition) -> Layout:
    """The same definition always gets the same places."""
    return _Grid(definition).layout()


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
        self._order_rows()
        middle = self._heights()
        widths = [max((self._node_width(p) for p in row if self._is_node(p)), default=NARROWEST)
                  for row in self.rows]  # fmt: skip
        lefts, x = [], _MARGIN
        for width in widths:
            lefts.append(x)
            x += width + _BETWEEN_LAYERS
        boxes = tuple(
            Box(id, lefts[self.layer[i]], round(middle[i] - NODE_HEIGHT / 2, 1),
                widths[self.layer[i]], NODE_HEIGHT)
            for i, id in enumerate(self.ids)
        )  # fmt: skip
        curves = []
        for (source, target), kind in self.edges.items():
            stops = [(lefts[self.layer[p]], round(middle[p], 1), widths[self.layer[p]])
                     for p in self.routes[source, target]]  # fmt: skip
            tip = (stops[-1][0], stops[-1][1])
            curves.append(Curve(self.ids[source], self.ids[target], kind, _curve(stops), tip))
        lowest = max((middle[p] + self._room(p) / 2 for p in range(len(middle))), default=0.0)
        width = x - _BETWEEN_LAYERS + _MARGIN if lefts else 2 * _MARGIN
        return Layout(round(width, 1), round(lowest + _MARGIN, 1), boxes, tuple(curves))

    def _node_width(self, node: int) -> float:
        wanted = NAME_LEFT + width_of(self.ids[node], NAME_SIZE) + NAME_RIGHT
        return round(min(max(wanted, NARROWEST), WIDEST))

    def _room(self, point: int) -> float:
        return NODE_HEIGHT if self._is_node(point) else _WAYPOINT

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

    def _heights(self) -> list[float]:
        """The middle of each point. A row keeps its order and its gaps, and follows its neighbours."""
        middle = [0.0] * len(self.layer)
        gaps: list[list[float]] = []
        for row in self.rows:
            offsets = [0.0]
            for a, b in pairwise(row):
                offsets.append(offsets[-1] + (self._room(a) + self._room(b)) / 2 + _BETWEEN_NODES)
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


def _curve(stops: list[tuple[float, float, float]]) -> str:
    """From the right of the first stop to the left of the last, straight through those between."""
    x, y = stops[0][0] + stops[0][2], stops[0][1]
    parts = [f"M{x:g} {y:g}"]
    for left, middle, width in stops[1:]:
        last = left == stops[-1][0]
        end = left - 7 if last else left
        bend = (x + end) / 2
        parts.append(f"C{bend:g} {y:g} {bend:g} {middle:g} {end:g} {middle:g}")
        if not last:
            parts.append(f"H{left + width:g}")
        x, y = left + width, middle
    return "".join(parts)
