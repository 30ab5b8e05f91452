"""What is told and counted of a client's contexts."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from rpcgss.gss.context import Origin
from rpcgss.rpc.observe import Event


class ClientEventKind(Enum):
    """What happened to a flavor's contexts."""

    ESTABLISHED = "established"
    LOST = "lost"
    RECOVERED = "recovered"
    RENEWED = "renewed"
    UPGRADED = "upgraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ClientEvent(Event):
    """`at` is trio time. `origin` is the new context's (None: FAILED), or that of the lost one. `seconds`: how long
    making it took; of RECOVERED, since the loss was noticed."""

    topic: ClassVar[str] = "gss_client"
    kind: ClientEventKind
    origin: Origin | None
    at: float
    seconds: float

    def described(self) -> dict[str, str | float | None]:
        return {"origin": self.origin and self.origin.value, "seconds": self.seconds}


@dataclass(slots=True)
class GssClientCounters:
    """Totals since the start. Every context counts once in by_exchange or by_ticket; `lost` are those that the server
    denied, `failures` attempts that brought none; `renewed` and `upgraded` those that replaced one that was good."""

    by_exchange: int = 0
    by_ticket: int = 0
    lost: int = 0
    renewed: int = 0
    upgraded: int = 0
    failures: int = 0
