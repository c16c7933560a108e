"""`%tinyflow metrics`: how the newest runs have been doing, as text and as small charts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tinyflow_nb_magics.tables import Table

if TYPE_CHECKING:
    from tinyflow_nb.model.figures import ChainFigures, Figures

_MOST = 30
"""Chains shown; the ones with the fewest runs are left out."""
_WIDE = 110
_COLUMNS = ("chain", "runs", "success", "p50", "p95", "tokens in", "tokens out")
_ORDER = ("SUCCEEDED", "FAILED", "CANCELLED", "SUSPENDED", "RUNNING", "READY")


class MetricsView:
    """Figures, for people: one line a chain, all of them first."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    @property
    def _shown(self) -> list[tuple[str, ChainFigures]]:
        return [("all", self.figures.all), *list(self.figures.chains.items())[:_MOST]]

    def _about(self) -> str:
        figures = self.figures
        of = "all" if figures.complete else "the newest"
        told = f"Of {of} {figures.looked_at} runs; backlog: {_number(figures.backlog)} ready, nobody at work"
        if figures.tokens_of < figures.looked_at:
            told += f"; tokens of the newest {figures.tokens_of}"
        left = len(figures.chains) - _MOST
        return told + (f"; {left} more chains" if left > 0 else "") + "."

    def __repr__(self) -> str:
        if not self.figures.looked_at:
            return "No runs."
        rows = [_row(name, figures) for name, figures in self._shown]
        return f"{Table(_COLUMNS, rows, '')!r}\n{self._about()}"

    def _repr_html_(self) -> str:
        if not self.figures.looked_at:
            return "<p>No runs.</p>"
        from tinyflow_nb_widgets.styles import graph_css, read

        slowest = max((f.seconds_p95 or 0.0 for _, f in self._shown), default=0.0)
        most = max((f.input_tokens + f.output_tokens for name, f in self._shown[1:]), default=0)
        head = "".join(f"<th>{title}</th>" for title in ("chain", "runs", "success", "p50, p95", "tokens"))
        body = "".join(_html_row(name, figures, slowest, most) for name, figures in self._shown)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        below = f"<p>{_legend(self.figures.all)}{escape(self._about())}</p>"
        style = f"<style>{graph_css()}{read('metrics')}</style>"
        return f"{style}<div class='tf tf-metrics'>{table}{below}</div>"


def _row(name: str, figures: ChainFigures) -> tuple[str, ...]:
    runs = sum(figures.runs.values())
    return (
        name, _number(runs), _percent(figures.success_rate), _seconds(figures.seconds_p50),
        _seconds(figures.seconds_p95), _number(figures.input_tokens), _number(figures.output_tokens),
    )  # fmt: skip


def _html_row(name: str, figures: ChainFigures, slowest: float, most: int) -> str:
    runs = sum(figures.runs.values())
    tokens = figures.input_tokens + figures.output_tokens
    all_of_them = " class='tf-all'" if name == "all" else ""
    return (
        f"<tr{all_of_them}><th scope='row'>{escape(name)}</th>"
        f"<td>{_statuses(figures, runs)}<span>{_number(runs)}</span></td>"
        f"<td>{_success(figures.success_rate)}</td><td>{_times(figures, slowest)}</td>"
        f"<td>{_tokens(figures, most) if all_of_them == '' else ''}<span>{_number(tokens)}</span></td></tr>"
    )


def _svg(label: str, shapes: str) -> str:
    return (
        f"<svg role='img' aria-label='{escape(label)}' width='{_WIDE}' height='14' viewBox='0 0 {_WIDE} 14'>"
        f"<title>{escape(label)}</title><rect class='tf-track' y='3' width='{_WIDE}' height='8' rx='2'/>"
        f"{shapes}</svg>"
    )


def _rect(left: float, width: float, status: str, opacity: float = 1.0) -> str:
    faded = f" opacity='{opacity}'" if opacity < 1 else ""
    return (
        f"<g data-status='{status}'><rect class='tf-done' x='{left:.1f}' y='3' width='{max(width, 1.5):.1f}'"
        f" height='8' rx='2'{faded}/></g>"
    )


def _statuses(figures: ChainFigures, runs: int) -> str:
    known = [(status, figures.runs[status]) for status in _ORDER if figures.runs.get(status)]
    at, shapes = 0.0, ""
    for status, count in known:
        width = _WIDE * count / runs
        shapes += _rect(at, width - 1, status)
        at += width
    return _svg(", ".join(f"{count} {status.lower()}" for status, count in known), shapes)


def _success(rate: float | None) -> str:
    if rate is None:
        return ""
    hue = "SUCCEEDED" if rate >= 0.95 else "SUSPENDED" if rate >= 0.8 else "FAILED"
    return f"{_svg(f'{_percent(rate)} succeeded', _rect(0, _WIDE * rate, hue))}<span>{_percent(rate)}</span>"


def _times(figures: ChainFigures, slowest: float) -> str:
    p50, p95 = figures.seconds_p50, figures.seconds_p95
    if p50 is None or p95 is None:
        return ""
    scale = _WIDE / slowest if slowest else 0.0
    shapes = _rect(0, p95 * scale, "RUNNING", 0.35) + _rect(0, p50 * scale, "RUNNING")
    told = f"{_seconds(p50)}, {_seconds(p95)}"
    return (
        f"{_svg(f'half took up to {_seconds(p50)}, 95 % up to {_seconds(p95)}', shapes)}<span>{told}</span>"
    )


def _tokens(figures: ChainFigures, most: int) -> str:
    if not most:
        return ""
    read, wrote = (_WIDE * count / most for count in (figures.input_tokens, figures.output_tokens))
    shapes = (_rect(0, read, "READY") if read else "") + (_rect(read, wrote, "SUSPENDED") if wrote else "")
    told = f"{_number(figures.input_tokens)} in, {_number(figures.output_tokens)} out"
    return _svg(told, shapes)


def _legend(figures: ChainFigures) -> str:
    known = [status for status in _ORDER if figures.runs.get(status)]
    return "".join(f"<i data-status='{status}'><b></b>{status.lower()}</i>" for status in known)


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.0f} %" if rate in (0, 1) else f"{100 * rate:.1f} %"


def _seconds(seconds: float | None) -> str:
    from tinyflow_nb_widgets.text import duration

    return "" if seconds is None else f"{seconds:.2f} s" if seconds < 1 else duration(seconds)


def _number(count: int) -> str:
    return f"{count:,}".replace(",", " ")
