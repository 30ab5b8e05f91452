"""What is found in a capture: calls, replies and troubles, in their order, and what was checked of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from rpcgss.capture.errors import CaptureError
from rpcgss.capture.layers import Endpoint
from rpcgss.capture.messages import Difference
from rpcgss.capture.programs import Contents
from rpcgss.rpc.errors import RpcError
from xdr import DecodeError


class State(StrEnum):
    """How a check came out. `UNCHECKED`: what it needs is not there (keys, or the creation of the context)."""

    RIGHT = "right"
    WRONG = "wrong"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Check:
    """A MIC, a wrap token, a sequence number or a proof that was, or was not, verified."""

    what: str
    state: State
    why: str = ""


@dataclass(slots=True)
class Findings:
    """What there is to say of one message. `faults` are what is ill-formed, `notes` what it means."""

    checks: list[Check] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def check(self, what: str) -> Iterator[None]:
        """A block that raises the package's errors where it finds something wrong."""
        try:
            yield
        except (RpcError, DecodeError) as error:
            self.checks.append(Check(what, State.WRONG, str(error)))
        else:
            self.checks.append(Check(what, State.RIGHT))

    def unchecked(self, what: str, why: str) -> None:
        """It cannot be verified."""
        self.checks.append(Check(what, State.UNCHECKED, why))

    @contextmanager
    def parsing(self, what: str) -> Iterator[None]:
        """A block that takes octets apart."""
        try:
            yield
        except (CaptureError, DecodeError) as error:
            self.faults.append(f"{what}: {error}")


@dataclass(frozen=True, slots=True)
class Passage:
    """Which way a message went. `connection` counts TCP connections; None: UDP."""

    time: float
    source: Endpoint
    destination: Endpoint
    connection: int | None


@dataclass(slots=True)
class GssHeader:
    """The credential of an RPCSEC_GSS call, by name, and whose it is if that is known."""

    version: int
    gss_proc: str
    seq_num: int
    service: str
    handle: bytes
    principal: str = ""


@dataclass(slots=True)
class CallSeen:
    """A call. `number` counts messages; `repeats` is the first transmission's if this is another one."""

    number: int
    passage: Passage
    xid: int
    name: str
    procedure: tuple[int, int, int]
    flavor: str
    user: str = ""
    gss: GssHeader | None = None
    repeats: int | None = None
    contents: Contents | None = None
    findings: Findings = field(default_factory=Findings)


@dataclass(slots=True)
class ReplySeen:
    """A reply. `call` is the number of the call that it answers, None if that was not captured; `latency` in seconds;
    `repeats`: the call had been answered before."""

    number: int
    passage: Passage
    xid: int
    name: str
    status: str
    refused: bool
    call: int | None = None
    latency: float | None = None
    repeats: bool = False
    contents: Contents | None = None
    findings: Findings = field(default_factory=Findings)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is missing, or is no message."""

    number: int
    passage: Passage
    text: str


Event = CallSeen | ReplySeen | Trouble
