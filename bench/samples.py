"""Figures that were measured several times, by turns."""

import statistics
from dataclasses import dataclass, field


@dataclass(slots=True)
class Samples:
    """One quantity, measured once in each round."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def shown(self, scale: float = 1e6, digits: int = 0) -> str:
        """Median (least-largest), times `scale`."""
        numbers = (self.median, min(self.values), max(self.values))
        middle, low, high = (f"{number * scale:,.{digits}f}" for number in numbers)
        return f"{middle} ({low}-{high})"
