"""`%tinyflow metrics`: how the newest runs have been doing, as text and as small charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from tinyflow_nb_magics.charts import Layer, bars, spark, stacked
from tinyflow_nb_magics.tables import Table, moment, number

if TYPE_CHECKING:
    from tinyflow_nb.model.figures import ChainFigures, Figures, Stretch

_MOST = 20
"""Chains shown; the ones with the fewest runs are left out."""
_CHART, _SPARK = (216, 72), (96, 22)
_COLUMNS = ("chain", "runs", "success", "p50", "p95", "tokens in", "tokens out", "ended")
_OUTCOMES = ("SUCCEEDED", "FAILED", "CANCELLED")
_STATUSES = (*_OUTCOMES, "SUSPENDED", "RUNNING", "READY")
_READ, _WROTE, _COST = "READY", "RUNNING", "SUSPENDED"
"""Whose colours tokens and cost have."""


class _Key(NamedTuple):
    """What a colour means."""

    status: str
    name: str
    faded: bool = False


_TOOK_KEYS = (_Key("RUNNING", "half of them, p50"), _Key("RUNNING", "95 %, p95", faded=True))
_TOKEN_KEYS = (_Key(_READ, "read"), _Key(_WROTE, "written"))


class MetricsView:
    """Figures, for people: all chains together over time, then each."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    @property
    def _shown(self) -> list[tuple[str, ChainFigures]]:
        return list(self.figures.chains.items())[:_MOST]

    # ------------------------------------------------------------------ in words

    def __repr__(self) -> str:
        if not self.figures.looked_at:
            return "No runs."
        rows = [_row(name, of) for name, of in (("all", self.figures.all), *self._shown)]
        told = [repr(Table(_COLUMNS, rows, "")), "", f"Over time, {self._times()}"]
        told += ["  ".join(line) for line in self._lines()]
        return "\n".join([*told, "", self._backlog(), self._about()])

    def _lines(self) -> list[tuple[str, str, str]]:
        """What, its series, and what it comes to."""
        series, of = self.figures.all.series, self.figures.all
        lines: list[tuple[str, Sequence[float | None], str]] = [
            (status.lower(), [stretch.ended.get(status, 0) for stretch in series], number(of.runs[status]))
            for status in _OUTCOMES
            if of.runs.get(status)
        ]
        lines += [
            ("took, p50", [stretch.seconds_p50 for stretch in series], _seconds(of.seconds_p50)),
            ("took, p95", [stretch.seconds_p95 for stretch in series], _seconds(of.seconds_p95)),
            ("tokens", [_tokens(stretch) for stretch in series], number(of.input_tokens + of.output_tokens)),
        ]
        if of.cost is not None:
            lines.append(("cost", [stretch.cost for stretch in series], _money(of.cost)))
        return [(what.ljust(9), spark(values), told) for what, values, told in lines if told not in ("", "0")]

    def _times(self) -> str:
        return f"in steps of {_step(self.figures.step)} since {moment(self.figures.began)}:"

    def _backlog(self) -> str:
        parts = [f"{count} {what}" for count, what, _ in self._tiles()]
        return f"Now: {', '.join(parts)}."

    def _tiles(self) -> list[tuple[str, str, str]]:
        """A count, of what, and the status whose colour it has."""
        backlog = self.figures.backlog
        more = "" if backlog.complete else "+"
        waiting = _plural(backlog.suspended, "run waits", "runs wait")
        timers = f"{_plural(backlog.timers, 'timer', 'timers')} set"
        late = f", {number(backlog.overdue)} overdue" if backlog.overdue else ""
        return [
            (number(backlog.ready), "ready, nobody at work", "READY"),
            (number(backlog.running) + more, "at work", "RUNNING"),
            (number(backlog.suspended) + more, f"{waiting} for a person", "SUSPENDED"),
            (number(backlog.timers) + more, timers + late, "FAILED" if late else "READY"),
        ]

    def _about(self) -> str:
        figures = self.figures
        of = "all" if figures.complete else "the newest"
        told = f"Of {of} {number(figures.looked_at)} {_plural(figures.looked_at, 'run', 'runs')}"
        if figures.tokens_of < figures.looked_at:
            told += f"; tokens of the newest {number(figures.tokens_of)}"
        left = len(figures.chains) - _MOST
        return told + (f"; {left} more {_plural(left, 'chain', 'chains')}" if left > 0 else "") + "."

    # ------------------------------------------------------------------ as charts

    def _repr_html_(self) -> str:
        if not self.figures.looked_at:
            return "<p>No runs.</p>"
        from tinyflow_nb_widgets.styles import graph_css, read

        tiles = "".join(
            f"<div data-status='{status}'><b>{count}</b> {escape(what)}</div>"
            for count, what, status in self._tiles()
        )
        style = f"<style>{graph_css()}{read('metrics')}{read('contrast')}</style>"
        return (
            f"{style}<div class='tf tf-metrics'><div class='tf-tiles'>{tiles}</div>"
            f"<div class='tf-charts'>{self._charts()}</div>{self._table()}"
            f"<p>{escape(self._about())}</p></div>"
        )

    def _charts(self) -> str:
        figures, of = self.figures, self.figures.all
        ended, took = "", ""
        if of.success_rate is not None:
            ended = f"{_percent(of.success_rate)} of {number(_settled(of))} succeeded"
        if of.seconds_p50 is not None:
            took = f"half up to {_seconds(of.seconds_p50)}, 95 % up to {_seconds(of.seconds_p95)}"
        charts = [
            self._chart("Ended", ended, _ended(of), _legend(of), [_told_ended(s) for s in of.series], _whole),
            self._chart("Took", took, _took(of), _TOOK_KEYS, [_told_took(s) for s in of.series], _seconds),
        ]
        if tokens := of.input_tokens + of.output_tokens:
            told = number(tokens)
            if figures.tokens_of < figures.looked_at:
                told += f" in the newest {number(figures.tokens_of)} runs"
            tips = [_told_tokens(s) for s in of.series]
            charts.append(self._chart("Tokens", told, _token_layers(of), _TOKEN_KEYS, tips, _whole))
        if of.cost is not None:
            costs = [Layer(_COST, [s.cost or 0.0 for s in of.series])]
            tips = ["" if s.cost is None else _money(s.cost) for s in of.series]
            charts.append(self._chart("Cost", _money(of.cost), costs, [], tips, _money))
        return "".join(charts)

    def _chart(
        self, title: str, told: str, layers: list[Layer], keys: Sequence[_Key], tips: list[str],
        unit: Callable[[float], str],
    ) -> str:  # fmt: skip
        """
        Args:
            unit: how a value of the layers is written.
            tips: what there is to say of each stretch, "" if nothing.
        """
        figures = self.figures
        at = [moment(figures.began + place * figures.step)[:-3] for place in range(len(tips))]
        known = [f"{begun} {tip}" for begun, tip in zip(at, tips, strict=True) if tip]
        label = f"{title}: {told or 'nothing yet'}, {self._times()} {'; '.join(known)}"
        shown = [f"{begun}: {tip or 'nothing'}" for begun, tip in zip(at, tips, strict=True)]
        legend = "".join(
            f"<i data-status='{key.status}'><b{' class=tf-faded' if key.faded else ''}></b>{key.name}</i>"
            for key in keys
        )
        top = max((value for layer in layers for value in layer.values), default=0.0)
        up_to = f"up to {unit(top)}" if top else ""
        return (
            f"<figure><figcaption><b>{title}</b> {escape(told)}</figcaption>"
            f"{bars(label, layers, _CHART, shown)}<div class='tf-axis'><span>{at[0] if at else ''}</span>"
            f"<span>{up_to}</span><span>now</span></div><div class='tf-keys'>{legend}</div></figure>"
        )

    def _table(self) -> str:
        titles = ("chain", "#runs", "ended", "#success", "#p50", "#p95", "took", "#tokens", "read, written")
        head = "".join(
            f"<th scope='col'{' class=tf-number' if title[0] == '#' else ''}>{title.lstrip('#')}</th>"
            for title in titles
        )
        body = "".join(_html_row(name, of) for name, of in self._shown)
        return (
            f"<div class='tf-rows'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


def _row(name: str, of: ChainFigures) -> tuple[str, ...]:
    return (
        name, number(sum(of.runs.values())), _percent(of.success_rate), _seconds(of.seconds_p50),
        _seconds(of.seconds_p95), number(of.input_tokens), number(of.output_tokens),
        spark([sum(stretch.ended.values()) for stretch in of.series]),
    )  # fmt: skip


def _html_row(name: str, of: ChainFigures) -> str:
    rate = of.success_rate
    hue = "" if rate is None or rate >= 0.95 else "SUSPENDED" if rate >= 0.8 else "FAILED"
    statuses = ", ".join(f"{number(of.runs[s])} {s.lower()}" for s in _STATUSES if of.runs.get(s))
    took = f"half took up to {_seconds(of.seconds_p50)}, 95 % up to {_seconds(of.seconds_p95)}"
    tokens = of.input_tokens + of.output_tokens
    read_and_written = f"{number(of.input_tokens)} in, {number(of.output_tokens)} out"
    cells = [
        f"<td class='tf-number'>{number(sum(of.runs.values()))}</td>",
        f"<td>{bars(f'{statuses}', _ended(of), _SPARK)}</td>",
        f"<td class='tf-number' data-status='{hue}'>{_percent(rate)}</td>",
        f"<td class='tf-number'>{_seconds(of.seconds_p50)}</td>",
        f"<td class='tf-number'>{_seconds(of.seconds_p95)}</td>",
        f"<td>{bars(took, _took(of), _SPARK) if of.seconds_p50 is not None else ''}</td>",
        f"<td class='tf-number'>{number(tokens) if tokens else ''}</td>",
        f"<td>{bars(read_and_written, _token_layers(of), _SPARK) if tokens else ''}</td>",
    ]
    return f"<tr><th scope='row'>{escape(name)}</th>{''.join(cells)}</tr>"


# ------------------------------------------------------------------ series as layers


def _ended(of: ChainFigures) -> list[Layer]:
    return stacked([Layer(status, [s.ended.get(status, 0) for s in of.series]) for status in _OUTCOMES])


def _took(of: ChainFigures) -> list[Layer]:
    return [
        Layer("RUNNING", [s.seconds_p95 or 0.0 for s in of.series], faded=True),
        Layer("RUNNING", [s.seconds_p50 or 0.0 for s in of.series]),
    ]


def _token_layers(of: ChainFigures) -> list[Layer]:
    read = Layer(_READ, [s.input_tokens or 0 for s in of.series])
    return stacked([read, Layer(_WROTE, [s.output_tokens or 0 for s in of.series])])


def _tokens(stretch: Stretch) -> int:
    return (stretch.input_tokens or 0) + (stretch.output_tokens or 0)


# ------------------------------------------------------------------ words


def _told_ended(stretch: Stretch) -> str:
    return ", ".join(f"{number(count)} {status.lower()}" for status, count in stretch.ended.items())


def _told_took(stretch: Stretch) -> str:
    if stretch.seconds_p50 is None:
        return ""
    return f"p50 {_seconds(stretch.seconds_p50)}, p95 {_seconds(stretch.seconds_p95)}"


def _told_tokens(stretch: Stretch) -> str:
    if stretch.input_tokens is None or stretch.output_tokens is None:
        return "not counted"
    told = f"{number(stretch.input_tokens)} in, {number(stretch.output_tokens)} out"
    return told if _tokens(stretch) else ""


def _legend(of: ChainFigures) -> list[_Key]:
    known = [status for status in _OUTCOMES if of.runs.get(status)]
    return [_Key(status, f"{number(of.runs[status])} {status.lower()}") for status in known]


def _settled(of: ChainFigures) -> int:
    """Runs that the success rate is of."""
    return of.runs.get("SUCCEEDED", 0) + of.runs.get("FAILED", 0)


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _whole(value: float) -> str:
    return number(round(value))


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.0f} %" if rate in (0, 1) else f"{100 * rate:.1f} %"


def _seconds(seconds: float | None) -> str:
    from tinyflow_nb_widgets.text import duration

    return "" if seconds is None else f"{seconds:.2f} s" if seconds < 1 else duration(seconds)


def _money(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 1 else f"{amount:.2g}"


def _step(seconds: float) -> str:
    for unit, word in ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            count = round(seconds / unit)
            return f"{count} {word}s" if count > 1 else f"1 {word}"
    return f"{seconds:.0f} seconds"
