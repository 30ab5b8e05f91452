"""Who may use a server, and how much of it at once: the application's word on principals, and a limit for each.

How it works: a context is mapped once, when it is made, or (by a ticket) when it is first used; what the application
gave stays with it for its life. Revoking somebody in between is `ContextStore.drop_where`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import trio

from rpcgss.gss.assertions import Label, Listed, Privilege
from rpcgss.gss.context import Context, GssIdentity
from rpcgss.gss.errors import AssertionRefused, PrincipalRefused

MapPrincipal: TypeAlias = Callable[[GssIdentity], Awaitable[object]]
"""What the application makes of a principal: whatever it likes, it is `GssIdentity.user` from then on. Raises
`PrincipalRefused`. The identity's `service` is NONE, as there is no call yet. What blocks goes to a thread
(`trio.to_thread.run_sync`)."""


class AssertionPolicy:
    """The application's word on what clients of version 3 assert (RFC 7861, 2.7.1). Override what you grant: as it
    stands it grants nothing. What blocks goes to a thread."""

    def listed(self, identity: GssIdentity) -> Listed:
        """The formats of labels and the names of privileges that `identity` may ask about (RPCSEC_GSS_LIST). What is
        not listed is refused without a further question."""
        return Listed()

    async def vouch(self, host: GssIdentity, user: GssIdentity) -> None:
        """Whether `host` is a client host that may act for `user` together with him. That it is one is for the server
        to know (RFC 7861, 2.7.1.1). Raises `AssertionRefused`."""
        raise AssertionRefused("nobody may vouch for others here")

    async def label(self, identity: GssIdentity, label: Label) -> None:
        """Whether `identity` may act under a label of a listed format. Raises `AssertionRefused`."""
        raise AssertionRefused("no labels here")

    async def privilege(self, identity: GssIdentity, privilege: Privilege) -> None:
        """Whether a privilege of a listed name holds, and is for `identity`. Raises `AssertionRefused`."""
        raise AssertionRefused("no privileges here")


class PrincipalMap:
    """Asks the application once for each context."""

    def __init__(self, map_principal: MapPrincipal) -> None:
        self._map_principal: Final = map_principal
        self._asking: Final[dict[bytes, trio.Event]] = {}  # handle -> the end of somebody's question

    async def map(self, context: Context) -> None:
        """Have `context` mapped by whoever asks first, unless it is lost meanwhile. Raises `PrincipalRefused`, and what
        the application raises. Cancelled: it is not mapped, unless it was already."""
        while context.alive and not context.mapped:
            asked = self._asking.get(context.handle)
            if asked is not None:
                await asked.wait()
                continue
            done = self._asking[context.handle] = trio.Event()
            try:
                context.user = await self._map_principal(context.unmapped_identity())
                context.mapped = True
            except PrincipalRefused as refusal:
                raise PrincipalRefused(f"{context.initiator.display!r}: {refusal}") from refusal
            finally:
                del self._asking[context.handle]
                done.set()


@dataclass(slots=True)
class _Line:
    under_way: int = 0
    waiting: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot)


class Turns:
    """At most `each` calls of a principal under way; further ones wait, and the first come is the first served."""

    def __init__(self, each: int) -> None:
        if each < 1:
            raise ValueError("a principal who may make no call at all is one to refuse")
        self.each: Final = each
        self._lines: Final[dict[bytes, _Line]] = {}

    def __len__(self) -> int:
        """Principals with calls under way."""
        return len(self._lines)

    async def take(self, principal: bytes) -> None:
        """Wait for a turn only if need be. Cancelled: none was taken."""
        line = self._lines.get(principal)
        if line is None:
            line = self._lines[principal] = _Line()
        if line.under_way < self.each:
            line.under_way += 1
        else:
            await line.waiting.park()  # whoever ends hands his turn over

    def give_back(self, principal: bytes) -> None:
        """A call that had a turn has ended."""
        line = self._lines[principal]
        if line.waiting:
            line.waiting.unpark()
            return
        line.under_way -= 1
        if not line.under_way:
            del self._lines[principal]
