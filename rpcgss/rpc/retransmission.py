"""When a call over an unreliable link is sent again: retransmission timers as RFC 6298 has them, for calls.

Each procedure has its round-trip time, since some are slow, and what an answer takes is mostly the server's doing. Only
calls that were sent once are measured; after one that had to be sent again, a longer time-out stays until the next
measurement (Karn's algorithm).
"""

import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

JITTER: Final = 0.5
"""A wait is lengthened at random by up to this part of it: calls that were lost together must not go out together."""


@dataclass(frozen=True, slots=True)
class Retransmission:
    """Seconds: the wait before anything is known, and the least and the longest wait (random part not included)."""

    first: float = 1.0
    least: float = 0.2
    longest: float = 15.0


class RoundTrips:
    """What is known of one procedure. `timeout` is the wait after a first transmission (RTO)."""

    __slots__ = ("_mean", "_policy", "_variation", "timeout")

    def __init__(self, policy: Retransmission) -> None:
        self.timeout = policy.first
        self._policy: Final = policy
        self._mean: float | None = None
        self._variation = 0.0

    def measured(self, seconds: float) -> None:
        """A call that was sent once was answered after so long (RFC 6298, 2.2 and 2.3)."""
        if self._mean is None:
            self._mean = seconds
            self._variation = seconds / 2
        else:
            self._variation += (abs(self._mean - seconds) - self._variation) / 4
            self._mean += (seconds - self._mean) / 8
        self.timeout = self._bounded(self._mean + 4 * self._variation)

    def backed_off(self, timeout: float) -> None:
        """A call was answered that had to be sent again, and waited so long in the end. One call is no more than a
        hint: it may have been unlucky."""
        self.timeout = max(self.timeout, min(timeout, self._bounded(2 * self.timeout)))

    def doubled(self, timeout: float) -> float:
        """The next wait of a call that has waited so long for nothing."""
        return self._bounded(2 * timeout)

    def _bounded(self, seconds: float) -> float:
        return min(max(seconds, self._policy.least), self._policy.longest)


class Timer:
    """One call. `due` is the time at which it is to be sent again, of the clock that `now` is of."""

    __slots__ = ("_chance", "_round_trips", "_sent_at", "_timeout", "_transmissions", "due")

    def __init__(self, round_trips: RoundTrips, chance: random.Random) -> None:
        self.due = 0.0
        self._round_trips: Final = round_trips
        self._chance: Final = chance
        self._timeout = round_trips.timeout
        self._transmissions = 0
        self._sent_at = 0.0

    def sent(self, now: float) -> None:
        """It was sent, once more perhaps."""
        if self._transmissions:
            self._timeout = self._round_trips.doubled(self._timeout)
        self._transmissions += 1
        self._sent_at = now
        self.due = now + self._timeout * self._chance.uniform(1.0, 1.0 + JITTER)

    def answered(self, now: float) -> None:
        """It has ended well."""
        if self._transmissions == 1:
            self._round_trips.measured(now - self._sent_at)
        else:
            self._round_trips.backed_off(self._timeout)


class Timers:
    """Those of one client. What is known is kept for each `key`: its procedures, say."""

    def __init__(self, policy: Retransmission, chance: random.Random) -> None:
        self._policy: Final = policy
        self._chance: Final = chance
        self._known: Final[dict[Hashable, RoundTrips]] = {}

    def timer(self, key: Hashable) -> Timer:
        """For a new call."""
        round_trips = self._known.get(key)
        if round_trips is None:
            round_trips = self._known[key] = RoundTrips(self._policy)
        return Timer(round_trips, self._chance)
