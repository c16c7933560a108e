"""Small charts of a series, as inline SVG, and as one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple


class Layer(NamedTuple):
    """Values, side by side."""

    status: str
    """Whose colour it has."""
    values: Sequence[float]
    faded: bool = False


_LEVELS = "▁▂▃▄▅▆▇█"


def stacked(layers: Sequence[Layer]) -> list[Layer]:
    """Each on the one before, to be drawn from the last one down."""
    sums = [0.0] * len(layers[0].values)
    found: list[Layer] = []
    for layer in layers:
        sums = [below + value for below, value in zip(sums, layer.values, strict=True)]
        found.append(layer._replace(values=sums))
    return found[::-1]


def bars(label: str, layers: Sequence[Layer], size: tuple[int, int], tips: Sequence[str] = ()) -> str:
    """Bars that stand side by side, the largest as high as the chart; a later layer stands before the
    earlier ones.

    Args:
        label: all it shows, for who does not see it.
        size: width and height.
        tips: what is told of each place under the mouse.
    """
    width, height = size
    top = max((value for layer in layers for value in layer.values), default=0.0)
    step = width / max(1, *(len(layer.values) for layer in layers))
    shapes = "".join(
        f"<g data-status='{layer.status}'>"
        f"<path class='tf-done{' tf-faded' if layer.faded else ''}'"
        f" d='{_bars(layer.values, step, height, top)}'/></g>"
        for layer in layers
        if any(layer.values)
    )
    shapes += "".join(
        f"<rect class='tf-spot' x='{place * step:.1f}' width='{step:.1f}' height='{height}'>"
        f"<title>{escape(tip)}</title></rect>"
        for place, tip in enumerate(tips)
    )
    floor = f"<path class='tf-floor' d='M0 {height - 0.5}h{width}'/>"
    return (
        f"<svg role='img' aria-label='{escape(label)}' width='{width}' height='{height}'"
        f" viewBox='0 0 {width} {height}'>{floor}{shapes}</svg>"
    )


def _bars(values: Sequence[float], step: float, height: int, top: float) -> str:
    """One path for all of a layer; what is there at all is seen."""
    gap = 1.0 if step < 8 else 2.0
    found = ""
    for place, value in enumerate(values):
        if value > 0:
            tall = max((height - 2) * value / top, 1.5)
            found += f"M{place * step:.1f} {height}v-{tall:.1f}h{step - gap:.1f}v{tall:.1f}z"
    return found


def spark(values: Sequence[float | None]) -> str:
    """The series as one line of text: a block for each value, a dot for nothing."""
    top = max((value for value in values if value), default=0.0)
    return "".join(
        _LEVELS[min(int(len(_LEVELS) * value / top), len(_LEVELS) - 1)] if value else "·" for value in values
    )
