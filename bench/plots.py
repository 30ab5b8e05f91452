"""The pictures of docs/performance.md."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

from bench.calls import SECURITIES, UPGRADED, Cell, Rates, peer
from bench.goals import Goal
from bench.stage import OURS, PLACEMENTS

mpl.use("Agg")
from matplotlib import pyplot as plt

LARGE: Final = 65536


def draw(rates: Rates, found: list[Goal], directory: Path) -> None:
    """performance-goals.png, performance-calls.png and performance-data.png."""
    _parts(found, directory / "performance-goals.png")
    _bars(rates, directory / "performance-calls.png", 0, "NULL calls per second", 1.0)
    _bars(rates, directory / "performance-data.png", LARGE, "ECHO of 64 KiB: MB/s in each direction", LARGE / 1e6)


def _bars(rates: Rates, path: Path, octets: int, title: str, factor: float) -> None:
    names = (*SECURITIES, *UPGRADED)
    figure, all_axes = plt.subplots(1, len(PLACEMENTS), figsize=(5 * len(PLACEMENTS), 3.4), sharey=True, squeeze=False)
    for axes, placement in zip(all_axes[0], PLACEMENTS, strict=True):
        cells = [Cell(OURS, OURS, placement.name, name, octets, 1) for name in names]
        series = {"libtirpc, 1 in flight": [peer(rates, cell).median * factor for cell in cells]}
        for in_flight in (1, 16, 64):
            series[f"rpcgss, {in_flight} in flight"] = [
                rates[Cell(OURS, OURS, placement.name, name, octets, in_flight)].median * factor for name in names
            ]
        for at, (label, values) in enumerate(series.items()):
            axes.bar([place + 0.2 * at for place in range(len(names))], values, 0.2, label=label)
        axes.set_xticks([place + 0.3 for place in range(len(names))], names, fontsize=8)
        axes.set_title(placement.name, fontsize=9)
        axes.grid(axis="y", alpha=0.3)
    all_axes[0][-1].legend(fontsize=7)
    figure.suptitle(f"{title} (+: context by ticket; beside libtirpc's krb5, krb5i, krb5p)", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _parts(found: list[Goal], path: Path) -> None:
    """Of what is wanted; those that no number can be said of are left out."""
    known = [(f"{goal.what}; wanted {goal.wanted}", goal.reached) for goal in reversed(found) if goal.reached]
    figure, axes = plt.subplots(figsize=(6, 0.5 + 0.2 * len(known)))
    axes.barh(
        [name for name, _ in known],
        [reached - 1 for _, reached in known],
        left=1,
        color=["tab:green" if reached >= 1 else "tab:orange" for _, reached in known],
    )
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xticks([], minor=True)
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"], fontsize=7)
    axes.set_xlabel("times what is wanted", fontsize=8)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=80, bbox_inches="tight")
    plt.close(figure)
