"""A server's contexts: bounded, expiring, droppable.

Contexts live in two pools that cannot push each other out: *unconfirmed* ones (re-authenticated, nobody has used them
yet, so a replay may have made them) and *established* ones. The exchanges in between are `creation`'s; their limits are
here. Protocol state only: trio's time comes in as `now`.
"""

import heapq
import random
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Final

from rpcgss.gss.context import Context
from rpcgss.gss.unconfirmed import Unconfirmed
from rpcgss.rpc.observe import Event, Listeners

HANDLE_OCTETS: Final = 16


class StoreEventKind(Enum):
    """What happened to a context."""

    ESTABLISHED = "established"
    UNCONFIRMED = "unconfirmed"
    REAUTHENTICATED = "re-authenticated"
    DROPPED = "dropped"
    EXPIRED = "expired"
    EVICTED = "evicted"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class StoreEvent(Event):
    """One line of a store's history; `at` is trio time."""

    topic: ClassVar[str] = "context"
    kind: StoreEventKind
    context: Context
    at: float

    def described(self) -> dict[str, str | float | None]:
        return {"principal": self.context.initiator.display, "origin": self.context.origin.value}


@dataclass(slots=True)
class StoreCounters:
    """Totals since the start. A context counts as established when it is made by an exchange or first used after a
    ticket, or as the child of another one (version 3)."""

    established_by_exchange: int = 0
    established_by_ticket: int = 0
    established_by_create: int = 0
    unconfirmed: int = 0
    dropped: int = 0
    expired: int = 0
    evicted: int = 0
    destroyed: int = 0


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much strangers and friends can make a store hold.

    established, unconfirmed, making -- contexts in each pool
    per_principal      -- established contexts of one initiator
    per_chain          -- unconfirmed contexts that follow from one GSS exchange
    per_parent         -- children of one context (version 3)
    unconfirmed_life, making_life -- seconds that an unused context, or an unfinished exchange, is kept
    """

    established: int = 16384
    unconfirmed: int = 16384
    making: int = 1024
    per_principal: int = 1024
    per_chain: int = 64
    per_parent: int = 64
    unconfirmed_life: float = 60.0
    making_life: float = 60.0


@dataclass(slots=True)
class DropPolicy:
    """Losing contexts on purpose, for tests and demonstrations: asked once for each DATA call with a good verifier.

    every       -- drop the context of every N-th call (counted over all contexts); 0: never
    probability -- drop it with this probability; `seed` makes the choice repeatable
    """

    every: int = 0
    probability: float = 0.0
    seed: int | None = None
    calls: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.every < 0 or not 0.0 <= self.probability <= 1.0:
            raise ValueError("every is 0 or more, probability from 0 to 1")
        self._random = random.Random(self.seed)

    def due(self) -> bool:
        """Whether the context of this call is to be lost."""
        self.calls += 1
        if self.every and self.calls % self.every == 0:
            return True
        return self.probability > 0 and self._random.random() < self.probability


class ContextStore:
    """All contexts of one server process.

    events -- callables that are told of each `StoreEvent`, at once and in order
    """

    def __init__(self, limits: StoreLimits | None = None, *, drop_policy: DropPolicy | None = None) -> None:
        self.limits: Final = limits or StoreLimits()
        self.drop_policy = drop_policy
        self.counters: Final = StoreCounters()
        self.events: Final[Listeners[StoreEvent]] = Listeners()
        self._established: OrderedDict[bytes, Context] = OrderedDict()  # least recently used first
        self._principals: Final[dict[bytes, OrderedDict[bytes, Context]]] = {}  # the same, by initiator
        self._unconfirmed: Final = Unconfirmed()
        self._expiries: list[tuple[float, bytes]] = []  # a heap; entries of contexts long gone are skipped

    def new_handle(self) -> bytes:
        """16 random octets: cannot be guessed, mean nothing after a restart, never come again."""
        return secrets.token_bytes(HANDLE_OCTETS)

    def add(self, context: Context, now: float) -> None:
        """Take an established context; a full pool loses its oldest idle one, a principal who has enough his own."""
        self._put_established(context, now)
        self.counters.established_by_exchange += 1
        self._tell(StoreEventKind.ESTABLISHED, context, now)

    def add_child(self, child: Context, now: float) -> None:
        """Take a child of established contexts. A parent who has enough loses its oldest. Where there is no room for
        child and elders together, the child is lost at once: look at `alive`."""
        parent = child.elders[0]
        if len(parent.children) >= self.limits.per_parent:
            self._let_go(_oldest_idle(parent.children), StoreEventKind.EVICTED, now)
        self._put_established(child, now)
        for elder in child.elders:
            elder.children[child.handle] = child
        self.counters.established_by_create += 1
        self._tell(StoreEventKind.ESTABLISHED, child, now)
        if not all(elder.alive for elder in child.elders):
            self._let_go(child, StoreEventKind.EVICTED, now)

    def add_unconfirmed(self, context: Context, now: float) -> None:
        """Take a re-authenticated context that nobody has used yet.

        A chain that has its quota loses its own oldest; a full pool loses the oldest of the chain that has most.
        """
        self._sweep(now)
        if self._unconfirmed.of_chain(context.chain) >= self.limits.per_chain:
            self._let_go(self._unconfirmed.oldest_of(context.chain), StoreEventKind.EVICTED, now)
        elif len(self._unconfirmed) >= self.limits.unconfirmed:
            self._let_go(self._unconfirmed.oldest_of_largest_chain(), StoreEventKind.EVICTED, now)
        self._unconfirmed.add(context, now + self.limits.unconfirmed_life)
        self.counters.unconfirmed += 1
        self._tell(StoreEventKind.UNCONFIRMED, context, now)

    def find(self, handle: bytes) -> Context | None:
        """The context of that handle, expired or not; changes nothing (the handle is a stranger's word)."""
        return self._established.get(handle) or self._unconfirmed.get(handle)

    def used(self, context: Context, now: float) -> None:
        """A call with a valid MIC came: it is the most recently used, and confirmed if it was not."""
        if context.handle in self._established:
            self._established.move_to_end(context.handle)
            self._principals[context.initiator.exported].move_to_end(context.handle)
            for elder in context.elders:
                self.used(elder, now)
            return
        if not context.alive:
            return
        self._unconfirmed.remove(context)
        self._put_established(context, now)
        self.counters.established_by_ticket += 1
        self._tell(StoreEventKind.REAUTHENTICATED, context, now)
        if context.on_first_use is not None:
            context.on_first_use()

    def drop(self, handle: bytes, now: float) -> bool:
        """Lose one context on purpose. False: there is none of that handle."""
        context = self.find(handle)
        if context is None:
            return False
        self._let_go(context, StoreEventKind.DROPPED, now)
        return True

    def drop_where(self, condition: Callable[[Context], bool], now: float) -> int:
        """Lose all contexts that `condition` names (revocation, say); how many there were."""
        doomed = [context for context in self.contexts() if condition(context)]
        for context in doomed:
            self._let_go(context, StoreEventKind.DROPPED, now)
        return len(doomed)

    def drop_all(self, now: float) -> int:
        """Lose everything, as a restart would; how many there were."""
        return self.drop_where(lambda _: True, now)

    def destroy(self, context: Context, now: float) -> None:
        """The client is done with it. Idempotent."""
        self._let_go(context, StoreEventKind.DESTROYED, now)

    def forget_unused(self, now: float) -> None:
        """Let go of unconfirmed contexts whose time is up. Whoever adds one does so as well."""
        for context in self._unconfirmed.outdated(now):
            self._let_go(context, StoreEventKind.EXPIRED, now)

    def expire(self, context: Context, now: float) -> None:
        """Its credential has run out, or its keys are used up. Idempotent."""
        self._let_go(context, StoreEventKind.EXPIRED, now)

    def drop_is_due(self, context: Context, now: float) -> bool:
        """Ask the drop policy for one DATA call of `context`, and obey it."""
        if self.drop_policy is None or not self.drop_policy.due():
            return False
        self._let_go(context, StoreEventKind.DROPPED, now)
        return True

    def contexts(self) -> list[Context]:
        """All of them, a copy."""
        return [*self._established.values(), *self._unconfirmed]

    @property
    def established(self) -> int:
        """How many established contexts there are."""
        return len(self._established)

    @property
    def unconfirmed(self) -> int:
        """How many unconfirmed contexts there are."""
        return len(self._unconfirmed)

    def _put_established(self, context: Context, now: float) -> None:
        self._sweep(now)
        own = self._principals.get(context.initiator.exported, _NOTHING)
        if len(own) >= self.limits.per_principal:
            self._let_go(_oldest_idle(own), StoreEventKind.EVICTED, now)
        elif len(self._established) >= self.limits.established:
            self._let_go(_oldest_idle(self._established), StoreEventKind.EVICTED, now)
        self._established[context.handle] = context
        self._principals.setdefault(context.initiator.exported, OrderedDict())[context.handle] = context
        if context.expiry is not None:
            heapq.heappush(self._expiries, (context.expiry, context.handle))
            if len(self._expiries) > 2 * self.limits.established:
                self._expiries = [entry for entry in self._expiries if entry[1] in self._established]
                heapq.heapify(self._expiries)

    def _sweep(self, now: float) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            _, handle = heapq.heappop(self._expiries)
            context = self._established.get(handle)
            if context is not None and context.expired(now):
                self._let_go(context, StoreEventKind.EXPIRED, now)
        self.forget_unused(now)

    def _let_go(self, context: Context, kind: StoreEventKind, now: float) -> None:
        if not context.alive:
            return
        context.alive = False
        if self._established.pop(context.handle, None) is None:
            self._unconfirmed.remove(context)
        else:
            self._forget_of_principal(context)
        match kind:
            case StoreEventKind.DROPPED:
                self.counters.dropped += 1
            case StoreEventKind.EXPIRED:
                self.counters.expired += 1
            case StoreEventKind.EVICTED:
                self.counters.evicted += 1
            case _:
                self.counters.destroyed += 1
        self._tell(kind, context, now)
        for elder in context.elders:
            elder.children.pop(context.handle, None)
        for child in list(context.children.values()):
            self._let_go(child, kind, now)

    def _forget_of_principal(self, context: Context) -> None:
        principal = context.initiator.exported
        own = self._principals[principal]
        del own[context.handle]
        if not own:
            del self._principals[principal]

    def _tell(self, kind: StoreEventKind, context: Context, now: float) -> None:
        if self.events:
            self.events.tell(StoreEvent(kind, context, now))


_NOTHING: Final[Mapping[bytes, Context]] = {}


def _oldest_idle(pool: Mapping[bytes, Context]) -> Context:
    """Least recently used of those without calls, or of all."""
    idle = (context for context in pool.values() if not context.calls)
    return next(idle, None) or next(iter(pool.values()))
