"""Where the points of each layer stand, once their order is known: edges straight, gaps kept.

Points are numbers, as in `crossings`. A row is moved by weighted least squares: the way of an edge
over several layers pulls harder than one between two nodes, so that long edges are straight. What
is still a little out of line is then set straight where there is room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from tinyflow_nb_widgets.crossings import Near

_SWEEPS, _SETTLING = 16, 6
"""Sweeps; so many of them, the last, place a row between both its neighbours."""
_BACK = 0.3
"""How hard, in the first ones, the row behind pulls: enough that a large graph does not lean."""
_STRAIGHTENINGS = 4
_NEARLY = 8.0
"""Pixels: an edge that is so little out of line is meant to be straight."""
_ALONG, _INTO, _ONLY = 8.0, 2.0, 4.0
"""How hard an edge pulls: between two of its waypoints, at its end, and if both ends have no other."""


@dataclass(frozen=True, slots=True)
class Field:
    """`nodes`: how many of the points are nodes, the first ones; the others are waypoints."""

    rows: list[list[int]]
    above: Near
    below: Near
    nodes: int


def places(field: Field, gap: Callable[[int, int], float]) -> list[float]:
    """The middle of each point, across the layers. `gap`: the least distance of two side by side."""
    middle = [0.0] * len(field.above)
    rows = []
    for row in field.rows:
        offsets = [0.0]
        for a, b in pairwise(row):
            offsets.append(offsets[-1] + gap(a, b))
        rows.append((row, offsets))
        for point, offset in zip(row, offsets, strict=True):
            middle[point] = offset - offsets[-1] / 2
    pulls = _pulls(field)
    for sweep in range(_SWEEPS):
        down, settling = sweep % 2 == 0, sweep >= _SWEEPS - _SETTLING
        for row, offsets in rows if down else reversed(rows):
            wanted, weights = [], []
            for point in row:
                near, far = pulls[point] if down else reversed(pulls[point])
                pulling = near + (far if settling else [(n, w * _BACK) for n, w in far])
                weight = sum(w for _, w in pulling)
                wanted.append(sum(w * middle[n] for n, w in pulling) / weight if weight else middle[point])
                weights.append(weight or 0.1)
            for point, value in zip(row, _spread(wanted, offsets, weights), strict=True):
                middle[point] = value
    _straighten(field, rows, middle)
    return middle


def _pulls(field: Field) -> list[tuple[list[tuple[int, float]], list[tuple[int, float]]]]:
    """Of each point its neighbours before and after it, and how hard they pull."""

    def pull(a: int, b: int) -> float:
        ends = (a < field.nodes) + (b < field.nodes)
        return (_ALONG, _INTO, 1.0)[ends] * (_ONLY if _alone(field, a, b) else 1.0)

    return [
        ([(n, pull(n, p)) for n in field.above[p]], [(n, pull(p, n)) for n in field.below[p]])
        for p in range(len(field.above))
    ]


def _alone(field: Field, a: int, b: int) -> bool:
    return len(field.below[a]) == 1 and len(field.above[b]) == 1


def _spread(wanted: list[float], offsets: list[float], weights: list[float]) -> list[float]:
    """The values nearest to `wanted` (least squares) that keep at least the gaps of `offsets`."""
    blocks: list[tuple[float, float, int]] = []  # sum, weight and count of values that share one shift
    for want, offset, own in zip(wanted, offsets, weights, strict=True):
        total, weight, count = (want - offset) * own, own, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / weight:
            before, heavy, members = blocks.pop()
            total, weight, count = total + before, weight + heavy, count + members
        blocks.append((total, weight, count))
    shifts = [total / weight for total, weight, count in blocks for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def _straighten(field: Field, rows: list[tuple[list[int], list[float]]], middle: list[float]) -> None:
    """Put the points of a line on one place, as far as those beside it leave room."""
    left: dict[int, tuple[int, float]] = {}
    right: dict[int, tuple[int, float]] = {}
    for row, offsets in rows:
        for (a, b), (start, end) in zip(pairwise(row), pairwise(offsets), strict=True):
            left[b], right[a] = (a, end - start), (b, end - start)

    def room(point: int) -> tuple[float, float]:
        least, most = float("-inf"), float("inf")
        if point in left:
            least = middle[left[point][0]] + left[point][1]
        if point in right:
            most = middle[right[point][0]] - right[point][1]
        return least, most

    lines = _lines(field)
    for _ in range(_STRAIGHTENINGS):
        for line in lines:
            start = 0
            while start < len(line):
                (least, most), end = room(line[start]), start + 1
                while end < len(line):
                    lower, upper = room(line[end])
                    if max(least, lower) > min(most, upper):
                        break
                    least, most, end = max(least, lower), min(most, upper), end + 1
                part, start = line[start:end], end
                at = min(max(_meant(field, part, middle), least), most)
                for point in part:
                    middle[point] = at


def _lines(field: Field) -> list[list[int]]:
    """Points that should stand in one line: the waypoints of an edge, nodes that follow each other alone."""
    following = {
        a: b for a, near in enumerate(field.below) for b in near
        if (a >= field.nodes and b >= field.nodes) or _alone(field, a, b)
    }  # fmt: skip
    followed = set(following.values())
    lines = []
    for point in range(len(field.above)):
        if point not in followed:
            line = [point]
            while line[-1] in following:
                line.append(following[line[-1]])
            lines.append(line)
    return lines


def _meant(field: Field, part: list[int], middle: list[float]) -> float:
    """Where a part of a line belongs: in line with what is joined to it, if that is near, else between."""
    ends = [middle[n] for n in (*field.above[part[0]], *field.below[part[-1]])]
    own = sum(middle[p] for p in part) / len(part)
    at = sum(ends) / len(ends) if ends and len(part) > 1 else own
    return min((end for end in ends if abs(end - at) < _NEARLY), key=lambda end: abs(end - at), default=at)
