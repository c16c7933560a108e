"""In which order the points of each layer stand, so that few edges cross.

A point is a number: `rows` holds the points of each layer, `above` and `below` the neighbours of
each point in the layers before and after its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

Near = list[list[int]]
_SWEEPS = 12
_SWAPS = 8


def order(rows: list[list[int]], above: Near, below: Near) -> list[list[int]]:
    """The rows sorted anew: the same for the same input.

    Each row by the mean place of its neighbours, forth and back, keeping the best; then neighbours
    change places where that helps.
    """
    rows = [list(row) for row in rows]
    place = [0] * len(above)
    for row in rows:
        _settle(row, place)
    best, fewest = [list(row) for row in rows], _crossings(rows, below, place)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            return best
        forward = sweep % 2 == 0
        near = above if forward else below
        for row in rows if forward else reversed(rows):
            mean = {p: sum(place[n] for n in near[p]) / len(near[p]) if near[p] else float(place[p])
                    for p in row}  # fmt: skip
            row.sort(key=mean.__getitem__)
            _settle(row, place)
        crossings = _crossings(rows, below, place)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    _swap(best, above, below, place)
    return best


def _settle(row: list[int], place: list[int]) -> None:
    for index, point in enumerate(row):
        place[point] = index


def _crossings(rows: list[list[int]], below: Near, place: list[int]) -> int:
    count = 0
    for row in rows:
        seen: list[int] = []
        for _, end in sorted((place[a], place[b]) for a in row for b in below[a]):
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count


def _swap(rows: list[list[int]], above: Near, below: Near, place: list[int]) -> None:
    for row in rows:
        _settle(row, place)
    for _ in range(_SWAPS):
        moved = False
        for row in rows:
            for index in range(len(row) - 1):
                a, b = row[index], row[index + 1]
                if _gain(above[a], above[b], place) + _gain(below[a], below[b], place) > 0:
                    row[index], row[index + 1] = b, a
                    place[a], place[b] = index + 1, index
                    moved = True
        if not moved:
            return


def _gain(of_a: list[int], of_b: list[int], place: list[int]) -> int:
    """How many crossings fewer there are with b before a than with a before b."""
    ends = sorted(place[n] for n in of_b)
    return sum(bisect_left(ends, place[n]) - (len(ends) - bisect_right(ends, place[n])) for n in of_a)
