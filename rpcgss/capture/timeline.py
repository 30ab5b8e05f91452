"""A capture as a conversation: frames in, calls and replies out, in the order in which they can have been seen.

Sans I/O. Whatever the frames hold, nothing is raised: what is wrong with them is in what comes out. What is kept has a
limit everywhere: connections, octets that wait, calls without replies, contexts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rpcgss.capture.container import Frame
from rpcgss.capture.contexts import Latest
from rpcgss.capture.events import CallSeen, Event, Findings, Passage, ReplySeen, Trouble
from rpcgss.capture.follow import GssFollower
from rpcgss.capture.keytab import KeytabEntry
from rpcgss.capture.layers import KNOWN_LINKS, Datagram, Endpoint, Layers
from rpcgss.capture.messages import compared, encode_call, encode_reply, status
from rpcgss.capture.names import known_name, number_name
from rpcgss.capture.programs import Programs
from rpcgss.capture.streams import RecordStream, Skipped, looks_like_a_call, looks_like_a_message
from rpcgss.capture.tcp import Closed, Connections, Delivery, Flow, Missing, Octets
from rpcgss.capture.transmission import Transmission
from rpcgss.rpc.errors import AuthRefused, BadMessage, RpcMismatch
from rpcgss.rpc.messages import AcceptedReply, DeniedReply, ReceivedCall, parse_call_untrusted, parse_reply_untrusted
from rpcgss.rpc.rpc_xdr import accept_stat, auth_flavor, authsys_parms
from xdr import Buffer, DecodeError

MAX_EXCHANGES: Final = 8192
"""Calls, by xid, that are remembered for their replies and for repeats of themselves."""
MAX_TRANSMISSIONS: Final = 64
"""Of one call."""
MAX_HELD: Final = 128 << 20
"""Octets of records that are not whole yet, in all connections together."""

_CALL: Final = bytes(4)
_FLAVORS: Final = {int(flavor): flavor.name for flavor in auth_flavor}


@dataclass(slots=True)
class _Exchange:
    """A call, in all its transmissions, and whether it was answered."""

    procedure: tuple[int, int, int]
    name: str
    transmissions: list[Transmission]
    answered: bool = False


@dataclass(slots=True)
class _Streams:
    """Both directions of a connection."""

    by_flow: dict[Flow, RecordStream] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return sum(stream.held for stream in self.by_flow.values())


class Timeline:
    """What is in a capture. With `keytab` MICs are verified and wrapped bodies opened; with `programs` arguments and
    results are shown."""

    def __init__(self, keytab: Sequence[KeytabEntry] = (), programs: Programs | None = None) -> None:
        self._programs: Final = programs or Programs()
        self._layers: Final = Layers()
        self._connections: Final = Connections()
        self._streams: dict[int, _Streams] = {}
        self._held = 0
        self._exchanges: Latest[tuple[Endpoint, Endpoint, int], _Exchange] = Latest(MAX_EXCHANGES)
        self._by_host: Latest[tuple[str, Endpoint, int], _Exchange] = Latest(MAX_EXCHANGES)
        self._number = 0
        self._now = 0.0
        self.gss: Final = GssFollower(keytab)
        self.frames = 0
        self.strange_links: set[int] = set()
        """Link types that are not known here."""

    def receive(self, frame: Frame) -> Iterator[Event]:
        """What this frame completes. Never raises."""
        self.frames += 1
        self._now = frame.time
        if frame.link not in KNOWN_LINKS:
            self.strange_links.add(frame.link)
        match self._layers.open_untrusted(frame):
            case Datagram() as datagram:
                yield from self._datagram(datagram)
            case None:
                return
            case segment:
                for delivery in self._connections.receive(segment):
                    yield from self._deliver(delivery)

    def finish(self) -> Iterator[Event]:
        """What was waiting for frames that never came."""
        for delivery in self._connections.finish():
            yield from self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> Iterator[Event]:
        if isinstance(delivery, Closed):
            yield from self._close(self._streams.pop(delivery.connection, _Streams()))
            return
        flow = delivery.flow
        streams = self._streams.setdefault(flow.connection, _Streams())
        stream = streams.by_flow.setdefault(flow, RecordStream())
        before = stream.held
        if isinstance(delivery, Missing):
            stream.miss(delivery)
        else:
            yield from self._records(stream, delivery)
        self._held += stream.held - before
        if self._held > MAX_HELD:
            self._held -= stream.held
            stream.lose("too much was waiting to become records")

    def _close(self, streams: _Streams) -> Iterator[Event]:
        self._held -= streams.held
        for flow, stream in streams.by_flow.items():
            if (rest := stream.finish()) is not None:
                yield self._trouble(_passage(flow, self._now), f"{rest.octets} octets passed over: {rest.reason}")

    def _records(self, stream: RecordStream, octets: Octets) -> Iterator[Event]:
        passage = _passage(octets.flow, octets.time)
        for found in stream.receive(octets):
            if isinstance(found, Skipped):
                yield self._trouble(passage, f"{found.octets} octets passed over: {found.reason}")
            else:
                yield from self._message(passage, found)

    def _datagram(self, datagram: Datagram) -> Iterator[Event]:
        octets = datagram.data
        passage = Passage(datagram.time, datagram.source, datagram.destination, None)
        key = (datagram.destination, datagram.source, int.from_bytes(octets[:4]))
        if looks_like_a_call(octets) or (key in self._exchanges and looks_like_a_message(octets)):
            yield from self._message(passage, octets)

    def _message(self, passage: Passage, record: bytes) -> Iterator[Event]:
        try:
            if record[4:8] == _CALL:
                yield self._call(passage, record, parse_call_untrusted(record))
            else:
                yield self._reply(passage, record, parse_reply_untrusted(record))
        except (BadMessage, AuthRefused, RpcMismatch) as error:
            what = "a call of another RPC version" if isinstance(error, RpcMismatch) else str(error)
            yield self._trouble(passage, f"a record of {len(record)} octets that is no message: {what}")

    def _trouble(self, passage: Passage, text: str) -> Trouble:
        return Trouble(self._count(), passage, text)

    def _count(self) -> int:
        self._number += 1
        return self._number

    def _call(self, passage: Passage, record: bytes, call: ReceivedCall) -> CallSeen:
        procedure = (call.program, call.version, call.procedure)
        name = known_name(*procedure) or self._programs.name(*procedure) or number_name(*procedure)
        flavor = call.credential.flavor
        number = self._count()
        seen = CallSeen(number, passage, call.xid, name, procedure, _FLAVORS.get(flavor, f"flavor {flavor}"))
        seen.findings.differences += compared("call", record, lambda: encode_call(call))
        sent = Transmission(number, passage.time, passage.destination, passage.source.host)
        arguments: Buffer | None = call.body
        if flavor == auth_flavor.RPCSEC_GSS:
            arguments = self.gss.call(call, seen, sent)
        elif flavor == auth_flavor.AUTH_SYS:
            seen.user = _unix_user(call.credential.body, seen.findings)
        self._remember(seen, sent)
        if arguments is not None:
            self._contents(seen, procedure, arguments, results=False)
        return seen

    def _remember(self, seen: CallSeen, sent: Transmission) -> None:
        passage = seen.passage
        key = (passage.source, passage.destination, seen.xid)
        by_host = (passage.source.host, passage.destination, seen.xid)
        exchange = self._exchanges.get(key)
        if exchange is None or exchange.procedure != seen.procedure:
            exchange = self._by_host.get(by_host)
            # The same number from another port: sent again over a new connection, if it still waits.
            if exchange is not None and (exchange.answered or exchange.procedure != seen.procedure):
                exchange = None
        if exchange is None:
            exchange = _Exchange(seen.procedure, seen.name, [sent])
        else:
            seen.repeats = exchange.transmissions[0].number
            exchange.transmissions[-1].made = None  # it is large, and only that of the last is looked at
            exchange.transmissions = [*exchange.transmissions, sent][-MAX_TRANSMISSIONS:]
        self._exchanges[key] = self._by_host[by_host] = exchange

    def _reply(self, passage: Passage, record: bytes, reply: AcceptedReply | DeniedReply) -> ReplySeen:
        exchange = self._exchanges.get((passage.destination, passage.source, reply.xid))
        refused = isinstance(reply, DeniedReply) or reply.stat is not accept_stat.SUCCESS
        seen = ReplySeen(self._count(), passage, reply.xid, "", status(reply), refused)
        seen.findings.differences += compared("reply", record, lambda: encode_reply(reply))
        if exchange is None:
            return seen
        sent = exchange.transmissions
        seen.name, seen.call = exchange.name, sent[-1].number
        seen.latency = passage.time - sent[-1].time
        seen.repeats, exchange.answered = exchange.answered, True
        results: Buffer | None = None
        if sent[-1].credential is not None:
            results = self.gss.reply(reply, seen, sent)
        elif isinstance(reply, AcceptedReply) and reply.stat is accept_stat.SUCCESS:
            results = reply.body
        if results is not None:
            self._contents(seen, exchange.procedure, results, results=True)
        return seen

    def _contents(
        self, seen: CallSeen | ReplySeen, procedure: tuple[int, int, int], octets: Buffer, *, results: bool
    ) -> None:
        try:
            seen.contents = self._programs.decode_untrusted(*procedure, octets, results=results)
        except DecodeError as error:
            seen.findings.faults.append(f"{'results' if results else 'arguments'}: {error}")
        if seen.contents is not None:
            seen.findings.differences += seen.contents.differences


def _passage(flow: Flow, time: float) -> Passage:
    return Passage(time, flow.source, flow.destination, flow.connection)


def _unix_user(body: bytes, findings: Findings) -> str:
    user = ""
    with findings.parsing("credential"):
        parms = authsys_parms.from_bytes(body)
        findings.differences += compared("credential", body, parms.to_bytes)
        user = f"uid {parms.uid} of {parms.machinename!r}"
    return user
