"""A client's end of a context."""

from typing import Final

import trio

from rpcgss.gss.context import Origin
from rpcgss.gss.gss_xdr import MAXSEQ, RPCSEC_GSS_VERS_1
from rpcgss.gss.guard import Guard
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import GssFlag, GssName
from rpcgss.gss.window import SendWindow
from rpcgss.rpc.errors import ConnectionLost

ALL_NUMBERS: Final = (1, MAXSEQ - 2)
PARENT_NUMBERS: Final = (1, 2**30 - 2)
"""Of contexts of version 3, which may have children, who take theirs from the rest."""


class ClientContext:
    """A client's end.

    expiry  -- trio time; None: never
    version -- of RPCSEC_GSS
    elders  -- version 3: the parent of a child, and the inner context if there is one. They live as long as it does
    numbers -- the first that calls may have, and the last
    channel -- serial of the connection to whose secure channel it is bound, and which then protects calls; 0: none
    births  -- children that were made under it
    """

    __slots__ = (
        "_lot",
        "_serial",
        "acceptor",
        "alive",
        "births",
        "channel",
        "elders",
        "expiry",
        "flags",
        "guard",
        "handle",
        "initiator",
        "made",
        "mechanism",
        "origin",
        "protection",
        "version",
        "window",
    )

    def __init__(
        self,
        *,
        handle: bytes,
        protection: MessageProtection,
        seq_window: int,
        initiator: GssName,
        acceptor: GssName,
        mechanism: str,
        flags: GssFlag,
        made: float,
        expiry: float | None,
        origin: Origin = Origin.EXCHANGE,
        version: int = RPCSEC_GSS_VERS_1,
        elders: "tuple[ClientContext, ...]" = (),
        numbers: tuple[int, int] = ALL_NUMBERS,
    ) -> None:
        first, last = numbers
        self.handle: Final = handle
        self.protection: Final = protection
        self.guard: Final[Guard] = elders[0].guard if elders else Guard(protection)
        self.window: Final = SendWindow(seq_window, first=first, last=last)
        self.version: Final = version
        self.elders: Final = elders
        self.channel = 0
        self.births = 0
        self.initiator: Final = initiator
        self.acceptor: Final = acceptor
        self.mechanism: Final = mechanism
        self.flags: Final = flags
        self.made: Final = made  # trio time
        self.expiry: Final = expiry
        self.origin: Final = origin
        self.alive = True  # False: no new calls; those in flight may still end on it
        self._serial = 0
        self._lot: trio.lowlevel.ParkingLot | None = None  # made when somebody has to wait

    def take_number_now(self, serial: int) -> int | None:
        """`take_number` of a context that is good, if it need neither wait nor see to anything; None: it must."""
        if serial != self._serial or self._lot:
            return None
        return self.window.take(serial)

    async def take_number(self, serial: int) -> int | None:
        """Wait for room in the window, take the next number for a call on connection `serial`.

        None: the context takes no more calls. Raises `ConnectionLost` once calls go out on a later connection.
        Cancelled: no number is taken.
        """
        self._follow(serial)
        if self._lot and not self.spent:
            await self._lot.park()  # others came first
        while not self.window.open and serial == self._serial and not self.spent:
            if self._lot is None:
                self._lot = trio.lowlevel.ParkingLot()
            await self._lot.park()
        if self.spent:
            return None
        if serial < self._serial:
            self._wake()
            raise ConnectionLost("calls go out on another connection now")
        number = self.window.take(serial)
        self._wake()
        return number

    def answered(self, seq_num: int) -> None:
        """Nobody waits for the reply to `seq_num` any more. Idempotent."""
        self.window.answered(seq_num)
        if self._lot:
            self._wake()

    def retire(self) -> None:
        """No new calls from now on; those that wait for room go elsewhere. Idempotent."""
        self.alive = False
        self._send_away()

    def expired(self, now: float) -> bool:
        """Whether the credential behind it has run out at trio time `now`."""
        return self.expiry is not None and now >= self.expiry

    @property
    def spent(self) -> bool:
        """It takes no more calls: retired, or its numbers or keys are used up."""
        return not self.alive or self.window.exhausted or self.protection.exhausted

    def _follow(self, serial: int) -> None:
        """On a new connection the numbers of the old one must not hold up the window, nor must those who wait to send
        on the old one."""
        if serial > self._serial:
            self._serial = serial
            self.window.give_up_before(serial)
            self._send_away()

    def _wake(self) -> None:
        """One at a time: each that takes a number calls the next, if there is room. A spent context sends all away."""
        if not self._lot:
            return
        if self.spent:
            self._send_away()
        elif self.window.open:
            self._lot.unpark(count=1)

    def _send_away(self) -> None:
        if self._lot is not None:
            self._lot.unpark_all()

    def __repr__(self) -> str:
        return f"<ClientContext {self.handle[:4].hex()}… for {self.acceptor.display!r} by {self.origin.value}>"
