"""A GSS mechanism in memory: deterministic, quick, and with a knob for everything that a real one might do.

Its keys come from the tokens of both ends, as anybody can read them: it proves the protocol around it, nothing else. It
notices when two threads are inside one context, and fails.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from itertools import count
from threading import Lock

from rpcgss.gss.errors import BadMic, BadWrap, ContextExpired, GssError, ProtectionUnavailable
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import Acceptor, Demands, GssFlag, GssName, Provider, SecurityContext
from xdr import Buffer

FAKE = "1.3.6.1.4.1.99999.1"
EVERYTHING = GssFlag.MUTUAL | GssFlag.CONF | GssFlag.INTEG | GssFlag.TRANS | GssFlag.PROT_READY
ANYTHING = GssFlag(0x1FF)


def fake_name(display: str) -> GssName:
    """The name of that display form."""
    return GssName(display, b"\x04\x01fake:" + display.encode())


class FakeProtection(MessageProtection):
    """MIC: 16 octets; wrap: number, octets under a key stream, 16 octets of MAC."""

    def __init__(self, key: bytes, *, initiator: bool, encrypts: bool) -> None:
        send, receive = (b"initiator", b"acceptor") if initiator else (b"acceptor", b"initiator")
        self._send = key + send
        self._receive = key + receive
        self._encrypts = encrypts
        self._wraps = count()
        self._inside = Lock()
        self.used_up = False
        self.expired = False
        self.operations: list[str] = []

    @property
    def exhausted(self) -> bool:
        return self.used_up

    def mic(self, message: Buffer) -> bytes:
        with self._visit("mic"):
            if self.used_up:
                raise ProtectionUnavailable("used up")
            return _mac(self._send, b"mic", message)

    def verify_mic(self, message: Buffer, mic: Buffer) -> None:
        with self._visit("verify_mic"):
            if not hmac.compare_digest(_mac(self._receive, b"mic", message), bytes(mic)):
                raise BadMic("fake")

    def wrap(self, message: Buffer) -> bytes:
        with self._visit("wrap"):
            if not self._encrypts:
                raise ProtectionUnavailable("no confidentiality")
            number = next(self._wraps).to_bytes(4, "big")
            hidden = number + _streamed(self._send + number, message)
            return hidden + _mac(self._send, b"wrap", hidden)

    def unwrap(self, token: Buffer) -> bytes:
        with self._visit("unwrap"):
            hidden, mac = bytes(token[:-16]), bytes(token[-16:])
            if len(hidden) < 4 or not hmac.compare_digest(_mac(self._receive, b"wrap", hidden), mac):
                raise BadWrap("fake")
            return _streamed(self._receive + hidden[:4], hidden[4:])

    def _visit(self, operation: str) -> Lock:
        if self.expired:
            raise ContextExpired(0x000C0000, 0, "expired")
        if self._inside.locked():
            raise AssertionError("two threads in one context")
        self.operations.append(operation)
        return self._inside


class FakeContext(SecurityContext):
    """One end. `transcript` is every token of both directions."""

    def __init__(self) -> None:
        self.transcript: list[bytes] = []
        self._complete = False
        self._protection: FakeProtection | None = None
        self.agreed = GssFlag(0)
        self.seconds: int | None = 36000
        self.names = (fake_name("nobody"), fake_name("nothing"))
        self.key = b""
        self.has_prf = True

    @property
    def complete(self) -> bool:
        return self._complete

    @property
    def flags(self) -> GssFlag:
        return self.agreed

    @property
    def mechanism(self) -> str:
        return FAKE

    @property
    def initiator(self) -> GssName:
        return self.names[0]

    @property
    def acceptor(self) -> GssName:
        return self.names[1]

    @property
    def lifetime(self) -> int | None:
        return self.seconds

    @property
    def channel_bound(self) -> bool:
        return False

    @property
    def delegated(self) -> object | None:
        return "delegated" if GssFlag.DELEG in self.agreed else None

    def prf(self, label: bytes, length: int) -> bytes:
        if not self.has_prf:
            raise GssError(0x00100000, 0, "no PRF")
        octets = b""
        for block in count(1):
            octets += hmac.digest(self.key, block.to_bytes(4, "big") + label, "sha256")
            if len(octets) >= length:
                break
        return octets[:length]

    def protection(self) -> FakeProtection:
        if self._protection is None:
            initiator = isinstance(self, FakeInitiator)
            self._protection = FakeProtection(self.key, initiator=initiator, encrypts=GssFlag.CONF in self.agreed)
        return self._protection

    def _finish(self, chosen: str) -> None:
        self.key = bytes.fromhex(chosen) or hashlib.sha256(b"".join(self.transcript)).digest()
        self._complete = True


class FakeInitiator(FakeContext):
    """`rounds` tokens of its own, then it expects to be complete."""

    def __init__(self, demands: Demands, provider: "FakeProvider", number: int) -> None:
        super().__init__()
        self._demands = demands
        self._provider = provider
        self._number = number
        self.seconds = provider.lifetime

    def step(self, token: Buffer | None) -> bytes:
        provider = self._provider
        if provider.error is not None:
            raise provider.error
        if token is None:
            first = {
                "name": provider.name,
                "target": self._demands.target,
                "flags": int(provider.flags | self._demands.required_flags) & int(provider.allowed),
                "number": self._number,
            }
            self.transcript.append(json.dumps(first).encode())
            return self.transcript[-1]
        self.transcript.append(bytes(token))
        try:
            answer = json.loads(bytes(token))
            if not answer["done"]:
                self.transcript.append(json.dumps({"more": len(self.transcript)}).encode())
                return self.transcript[-1]
            self.agreed = GssFlag(answer["flags"])
            self.names = (fake_name(provider.name), fake_name(answer["acceptor"]))
            self._finish(answer["key"])
        except (ValueError, KeyError, TypeError) as error:
            raise GssError(0x00090000, 7, "a token of something else") from error
        return b""


class FakeProvider(Provider):
    """Initiators called `name`.

    error    -- raised by each step while it is set
    allowed  -- flags that this mechanism can agree to
    """

    def __init__(
        self,
        name: str = "alice@FAKE",
        *,
        lifetime: int | None = 36000,
        flags: GssFlag = EVERYTHING,
        allowed: GssFlag = ANYTHING,
    ) -> None:
        self.name = name
        self.lifetime = lifetime
        self.flags = flags
        self.allowed = allowed
        self.error: GssError | None = None
        self.initiated: list[FakeInitiator] = []

    def initiate(self, demands: Demands) -> SecurityContext:
        self.initiated.append(FakeInitiator(demands, self, len(self.initiated)))
        return self.initiated[-1]


class FakeAcceptorContext(FakeContext):
    """Answers, and is complete after the initiator's token number `rounds`."""

    def __init__(self, acceptor: "FakeAcceptor", number: int) -> None:
        super().__init__()
        self._acceptor = acceptor
        self._number = number
        self.seconds = acceptor.lifetime

    def step(self, token: Buffer | None) -> bytes:
        acceptor = self._acceptor
        if acceptor.error is not None:
            raise acceptor.error
        self.transcript.append(bytes(token or b""))
        try:
            first = json.loads(self.transcript[0])
            self.agreed = GssFlag(first["flags"])
            self.names = (fake_name(first["name"]), fake_name(first["target"]))
        except (ValueError, KeyError, TypeError) as error:
            raise GssError(0x00090000, 7, "a token of something else") from error
        if self.acceptor not in acceptor.names:
            raise GssError(0x000D0000, 42, "not our name")
        done = len(self.transcript) >= 2 * acceptor.rounds - 1
        answer = {
            "done": done,
            "flags": int(self.agreed),
            "acceptor": self.acceptor.display,
            "number": self._number,
            "key": acceptor.chosen_key.hex(),
        }
        self.transcript.append(json.dumps(answer).encode())
        if done:
            self._finish(answer["key"])  # type: ignore[arg-type]
        return self.transcript[-1]


class FakeAcceptor(Acceptor):
    """Answers for `services`.

    rounds     -- creation requests that a context takes
    chosen_key -- the key of all its contexts, as a malicious acceptor would choose it; b"": from the tokens
    error      -- raised by each step while it is set
    """

    def __init__(self, *services: str, rounds: int = 1, lifetime: int | None = 36300, chosen_key: bytes = b"") -> None:
        self._names = [fake_name(service) for service in services or ("nfs@server",)]
        self.rounds = rounds
        self.lifetime = lifetime
        self.chosen_key = chosen_key
        self.error: GssError | None = None
        self.accepted: list[FakeAcceptorContext] = []

    @property
    def names(self) -> Sequence[GssName]:
        return self._names

    def accept(self) -> SecurityContext:
        self.accepted.append(FakeAcceptorContext(self, len(self.accepted)))
        return self.accepted[-1]


def _mac(key: bytes, purpose: bytes, message: Buffer) -> bytes:
    return hmac.digest(key, purpose + bytes(message), "sha256")[:16]


def _streamed(key: bytes, octets: Buffer) -> bytes:
    stream = hashlib.shake_128(key).digest(len(octets))
    return bytes(a ^ b for a, b in zip(bytes(octets), stream, strict=True))
