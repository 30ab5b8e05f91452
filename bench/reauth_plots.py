"""The pictures of docs/reauth-performance.md."""

from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.processing import FLAVOR
from bench.recovery import Found

mpl.use("Agg")
from matplotlib import pyplot as plt

DOTS: Final = 80  # per inch


def draw(found: Found, directory: Path) -> None:
    """reauth-cost.png and reauth-storms.png."""
    _cost(found, directory / "reauth-cost.png")
    _storms(found, directory / "reauth-storms.png")


def _cost(found: Found, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 3))
    kinds = {kind: cost for (layer, kind), cost in found.costs.items() if layer == FLAVOR}
    places = range(len(kinds))
    for at, end in enumerate(("server", "client")):
        samples = [getattr(cost, end) for cost in kinds.values()]
        middle = [one.median * 1e6 for one in samples]
        below = [value - min(one.values) * 1e6 for one, value in zip(samples, middle, strict=True)]
        above = [max(one.values) * 1e6 - value for one, value in zip(samples, middle, strict=True)]
        axes.barh([place + 0.4 * at for place in places], middle, 0.4, xerr=(below, above), label=end)
    axes.set_yticks([place + 0.2 for place in places], list(kinds), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("µs of CPU for one context, processing alone", fontsize=8)
    axes.legend(fontsize=8)
    _save(figure, path)


def _storms(found: Found, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 3))
    for storm in found.storms:
        parts = [(at + 1) / len(storm.ends) * 100 for at in range(len(storm.ends))]
        step = max(1, len(parts) // 500)
        axes.plot(storm.ends[::step], parts[::step], label=f"{storm.contexts:,} contexts")
    axes.set_xlabel("seconds since the new server listens", fontsize=8)
    axes.set_ylabel("calls answered, %", fontsize=8)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=DOTS)
    plt.close(figure)
