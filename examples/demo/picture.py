"""The timeline: how fast the copies went, when contexts were lost, how they came back, and how long it took."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from examples.demo.accounting import Books
from examples.demo.acts import Act
from examples.demo.events import Event, Kind

TICKET: Final = "#1a7f5a"
EXCHANGE: Final = "#c4561b"
LOST: Final = "#b3202c"
COPYING: Final = "#3b6fb6"
NIGHT: Final = "#e9e6f2"
INK: Final = "#333333"
STEP: Final = 0.25


def draw(act: Act, path: Path) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#999999"}):
        figure = Figure(figsize=(12, 7.2), dpi=130, layout="constrained")
        speed, lanes, times = figure.subplots(3, 1, sharex=True, height_ratios=[2.2, 2.6, 2.6])
        books = act.books
        _title(figure, act, books)
        _draw_speed(speed, act)
        _draw_lanes(lanes, act, books)
        _draw_times(times, act, books)
        for axes in (speed, lanes, times):
            _mark_phases(axes, act)
        _name_phases(speed, act)
        times.set_xlabel("seconds since the clients began")
        first = min((event.at for event in act.events if event.kind is Kind.EXCHANGED), default=act.began)
        times.set_xlim(first - act.began - 0.3, act.ended - act.began + 0.2)
        figure.savefig(path)


def _title(figure: Figure, act: Act, books: Books) -> None:
    lost = len(books.server.dropped) + len(books.server.killed)
    figure.suptitle(
        f"{lost} security contexts lost, {len(books.by_ticket)} recoveries by ticket,"
        f" {len(books.failures)} failed calls",
        fontsize=15,
        fontweight="bold",
        color=INK,
        x=0.01,
        ha="left",
    )


def _draw_speed(axes: Axes, act: Act) -> None:
    """Octets per second of all clients together."""
    edges = [STEP * index for index in range(int((act.ended - act.began) / STEP) + 2)]
    octets = [0.0] * len(edges)
    last: dict[str, int] = {}
    for event in act.events:
        if event.kind is Kind.MOVED:
            index = int((event.at - act.began) / STEP)
            if 0 <= index < len(octets):
                octets[index] += event.number - last.get(event.source, 0)
            last[event.source] = event.number
    axes.fill_between(edges, [count / STEP / 1e6 for count in octets], step="post", color=COPYING, alpha=0.75, lw=0)
    axes.set_ylabel("MB/s copied")
    axes.set_ylim(bottom=0)


def _draw_lanes(axes: Axes, act: Act, books: Books) -> None:
    """A lane per client: losses above, new contexts below."""
    for lane, client in enumerate(reversed(books.clients)):
        axes.axhline(lane, color="#dddddd", lw=0.8, zorder=0)
        mine = [event for event in act.events if event.source == client.name]
        _dots(axes, act, _of(mine, Kind.REFUSED), lane + 0.16, LOST, "|", 70, "context lost")
        _dots(axes, act, _of(mine, Kind.RECOVERED), lane - 0.16, TICKET, "|", 70, "recovered by ticket")
        _dots(axes, act, _of(mine, Kind.EXCHANGED), lane - 0.16, EXCHANGE, "D", 45, "full exchange")
    axes.set_yticks(range(len(books.clients)), [client.name for client in reversed(books.clients)])
    axes.set_ylim(-0.6, len(books.clients) + 0.1)  # room for the legend
    axes.tick_params(axis="y", length=0)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="upper right", ncols=3, fontsize=9, framealpha=0.9)


def _of(events: Sequence[Event], kind: Kind) -> list[Event]:
    return [event for event in events if event.kind is kind]


def _dots(
    axes: Axes, act: Act, events: Sequence[Event], height: float, color: str, marker: str, size: float, label: str
) -> None:
    moments = [event.at - act.began for event in events]
    axes.scatter(moments, [height] * len(moments), color=color, marker=marker, s=size, label=label, zorder=3)


def _draw_times(axes: Axes, act: Act, books: Books) -> None:
    """How long each recovery took."""
    for recoveries, color, label in (
        ([recovery for recovery in books.by_ticket if not recovery.of_kill], TICKET, "by ticket"),
        ([recovery for recovery in books.by_ticket if recovery.of_kill], LOST, "by ticket, server restart included"),
        (books.by_exchange, EXCHANGE, "by full exchange"),
    ):
        if recoveries:
            moments = [recovery.at - act.began for recovery in recoveries]
            seconds = [recovery.seconds * 1000 for recovery in recoveries]
            axes.scatter(moments, seconds, color=color, s=16, alpha=0.8, lw=0, label=label, zorder=3)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms")
    )
    axes.set_ylabel("time to recover")
    axes.grid(axis="y", color="#eeeeee")
    if axes.get_legend_handles_labels()[0]:
        bottom, top = axes.get_ylim()
        axes.set_ylim(bottom, top * 3)
        axes.legend(loc="upper right", ncols=3, fontsize=9, framealpha=0.9)


def _mark_phases(axes: Axes, act: Act) -> None:
    if act.kdc_stopped is not None:
        axes.axvspan(act.kdc_stopped - act.began, act.ended - act.began + 1, color=NIGHT, zorder=-2, lw=0)
    if act.killed is not None:
        until = act.restarted if act.restarted is not None else act.killed
        axes.axvspan(act.killed - act.began, until - act.began, color=LOST, alpha=0.18, zorder=-1, lw=0)
        axes.axvline(act.killed - act.began, color=LOST, lw=1.4)
    if act.copied_in is not None:
        axes.axvline(act.copied_in - act.began, color="#888888", lw=1, ls=":")


def _name_phases(axes: Axes, act: Act) -> None:
    """Names above the topmost axes, each where its phase begins, on two lines so that near ones do not collide."""
    names = [
        (act.began, "copying in", INK),
        (act.kdc_stopped, "KDC stopped, credentials destroyed", "#5b4b8a"),
        (act.killed, "server killed, started again", LOST),
        (act.copied_in, "copying out", INK),
    ]
    for row, (moment, name, color) in enumerate(names):
        if moment is not None:
            axes.annotate(
                name,
                (moment - act.began, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(2, 4 + 13 * (row % 2)),
                textcoords="offset points",
                color=color,
                fontsize=9,
                annotation_clip=False,
            )
