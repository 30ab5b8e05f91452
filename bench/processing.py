"""The processing alone: contexts by a mechanism against contexts by ticket, in one thread and without sockets.

``thread_time`` around each step, and by turns: every round makes some contexts of each kind, so that a busy machine is
busy for all of them. Two layers are measured. *The mechanism*: gss_init_sec_context and gss_accept_sec_context with
what is asked of the context, against a request's octets to a reply's octets. *The flavor*: everything from the received
call to the reply, the context in the store included.
"""

import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, TypeAlias

import trio

from bench.document import table
from bench.samples import Samples
from examples.realm import Realm
from rpcgss.gss.bodies import Credential, encode_credential
from rpcgss.gss.gss_xdr import RPCSEC_GSS_INIT, rpc_gss_init_arg, rpc_gss_init_res
from rpcgss.gss.mechanism import GssapiAcceptor, GssapiProvider
from rpcgss.gss.provider import Credentials, Demands, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.reauth.aead import SUITES
from rpcgss.reauth.answer import read_untrusted
from rpcgss.reauth.attempt import CREDENTIAL_BODY, Attempt
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.reauth_xdr import reauth_ticket
from rpcgss.reauth.server import TicketServer
from rpcgss.reauth.ticket import CHAIN_LENGTH, Plain, State, seal
from rpcgss.rpc.flavors import Answer, Connection
from rpcgss.rpc.messages import NULL_AUTH, CallHeader, encode_auth, encode_call_header, parse_call_untrusted
from rpcgss.rpc.rpc_xdr import auth_flavor, opaque_auth
from rpcgss.rpc.work import InlineWorker

TARGET: Final = "nfs@localhost"
CONNECTION: Final = Connection("127.0.0.1", 1)

CACHED, FRESH = "krb5, cached service ticket", "krb5, fresh service ticket"
PLAIN, SHARED = "ticket", "ticket and X25519 share"
USED = "none: a call in a context that is there"
MECHANISM, FLAVOR = "mechanism", "flavor"

Seconds: TypeAlias = tuple[float, float]
"""Of CPU, for one context: the server's and the client's."""


@dataclass(slots=True)
class Cost:
    """Of one kind of context."""

    server: Samples = field(default_factory=Samples)
    client: Samples = field(default_factory=Samples)

    def note(self, seconds: list[Seconds]) -> None:
        """One round: its mean."""
        self.server.values.append(sum(server for server, _ in seconds) / len(seconds))
        self.client.values.append(sum(client for _, client in seconds) / len(seconds))


Costs: TypeAlias = dict[tuple[str, str], Cost]
"""(layer, kind) -> cost."""


class Bench:
    """A service of the realm, and its client, in this process."""

    def __init__(self, realm: Realm, principal: str) -> None:
        self._demands: Final = Demands(TARGET, GssService.PRIVACY, None, True, False, Credentials())
        self._provider: Final = GssapiProvider()
        self._acceptor: Final = GssapiAcceptor([TARGET], realm.service_keytab)
        self._cache: Final = realm.kinit(principal)
        self._without_service_ticket: Final = shutil.copyfile(self._cache, realm.directory / "without-service-ticket")
        self._keys: Final = FixedKeys.random()
        self._plain: Final = GssServerFlavor(self._acceptor, worker=InlineWorker())
        self._tickets: Final = GssServerFlavor(
            self._acceptor, worker=InlineWorker(), extension=TicketServer(self._keys)
        )
        self._state: Final = self._what_tickets_say()
        self._xid = 0

    def forget_service_ticket(self) -> None:
        shutil.copyfile(self._without_service_ticket, self._cache)

    def forget_contexts(self) -> None:
        for flavor in (self._plain, self._tickets):
            flavor.store.drop_all(trio.current_time())

    async def exchange(self) -> Seconds:
        """The mechanism alone."""
        clock = Clock()
        initiator = self._provider.initiate(self._demands)
        token = initiator.step(None)
        clock.client()
        acceptor = self._acceptor.accept()
        reply = acceptor.step(token)
        clock.server()
        initiator.step(reply)
        clock.client()
        assert initiator.complete, "krb5 needs one round trip"
        return clock.seconds

    async def creation(self) -> Seconds:
        """INIT, as a server flavor answers it that grants no tickets."""
        clock = Clock()
        initiator = self._provider.initiate(self._demands)
        body = rpc_gss_init_arg(initiator.step(None)).to_bytes()
        header = self._header(encode_credential(Credential(RPCSEC_GSS_INIT, 0, GssService.PRIVACY, b"")))
        call = header + encode_auth(NULL_AUTH) + body
        clock.client()
        answer = await self._plain.authenticate(parse_call_untrusted(call), CONNECTION)
        clock.server()
        assert isinstance(answer, Answer), "INIT is answered"
        result = rpc_gss_init_res.from_bytes(answer.body)
        initiator.step(result.gss_token)
        initiator.protection().verify_mic(result.seq_window.to_bytes(4), answer.verifier.body)
        clock.client()
        return clock.seconds

    async def bare_recovery(self, *, share: bool) -> Seconds:
        """From a request's octets to a reply's."""
        keys = self._keys.keys()
        ticket, session_key = self._ticket()
        clock = Clock()
        attempt = Attempt(ticket, session_key, share=share)
        header = self._header(CREDENTIAL_BODY)
        body = attempt.argument(header)
        clock.client()
        wall = time.time()
        request = read_untrusted(header, (0, b""), body)
        plain, state = request.open(keys, wall)
        state.check_times(wall, 0)
        suite, handle = request.suite(SUITES), secrets.token_bytes(16)
        reply = request.accept(
            plain, suite, keys.keys[0], keys.scope, handle=handle, seq_window=512, lifetime=state.lifetime(wall)
        )
        clock.server()
        attempt.accept_untrusted(auth_flavor.RPCSEC_GSS, reply.verifier, reply.results)
        clock.client()
        return clock.seconds

    async def recovery(self, *, share: bool) -> Seconds:
        """A request, as a server flavor answers it."""
        ticket, session_key = self._ticket()
        clock = Clock()
        attempt = Attempt(ticket, session_key, share=share)
        header = self._header(CREDENTIAL_BODY)
        call = header + encode_auth(NULL_AUTH) + attempt.argument(header)
        clock.client()
        answer = await self._tickets.authenticate(parse_call_untrusted(call), CONNECTION)
        clock.server()
        assert isinstance(answer, Answer), "the request is answered"
        attempt.accept_untrusted(answer.verifier.flavor, answer.verifier.body, answer.body)
        clock.client()
        return clock.seconds

    def _header(self, credential: bytes) -> bytes:
        self._xid += 1
        auth = opaque_auth(auth_flavor.RPCSEC_GSS, credential)
        return encode_call_header(CallHeader(self._xid, 0x20000099, 1, 0), auth)

    def _ticket(self) -> tuple[reauth_ticket, bytes]:
        """Of a chain of its own, as the tickets of a storm are, and its session key."""
        keys, session_key = self._keys.keys(), secrets.token_bytes(32)
        self._state.chain = secrets.token_bytes(CHAIN_LENGTH)
        return seal(Plain.of(session_key, self._state), keys.keys[0], keys.scope), session_key

    def _what_tickets_say(self) -> State:
        initiator, acceptor = self._provider.initiate(self._demands), self._acceptor.accept()
        initiator.step(acceptor.step(initiator.step(None)))
        now = int(time.time())
        return State(
            initiator=acceptor.initiator,
            mechanism=acceptor.mechanism,
            acceptor_digest=sha256(acceptor.acceptor.exported).digest(),
            flags=acceptor.flags,
            established=now,
            expiry=now + 36000,
            chain=bytes(CHAIN_LENGTH),
        )


class Clock:
    """CPU time of this thread, put down to one end or the other."""

    def __init__(self) -> None:
        self._server = self._client = 0.0
        self._last = time.thread_time()

    def server(self) -> None:
        """What passed since the last word was the server's."""
        self._server += self._passed()

    def client(self) -> None:
        self._client += self._passed()

    @property
    def seconds(self) -> Seconds:
        return self._server, self._client

    def _passed(self) -> float:
        last, self._last = self._last, time.thread_time()
        return self._last - last


async def measure(realm: Realm, principal: str, rounds: int, each: int) -> Costs:
    """`each` contexts of every kind in every round, after one round that does not count."""
    bench = Bench(realm, principal)
    kinds: dict[tuple[str, str], Callable[[], Awaitable[Seconds]]] = {
        (MECHANISM, CACHED): bench.exchange,
        (MECHANISM, FRESH): bench.exchange,
        (MECHANISM, PLAIN): lambda: bench.bare_recovery(share=False),
        (MECHANISM, SHARED): lambda: bench.bare_recovery(share=True),
        (FLAVOR, CACHED): bench.creation,
        (FLAVOR, FRESH): bench.creation,
        (FLAVOR, PLAIN): lambda: bench.recovery(share=False),
        (FLAVOR, SHARED): lambda: bench.recovery(share=True),
    }
    costs = {kind: Cost() for kind in kinds}
    for counts in (False, *[True] * rounds):
        for kind, make in kinds.items():
            made = []
            for _ in range(each if counts else 10):
                if kind[1] == FRESH:
                    bench.forget_service_ticket()
                made.append(await make())
            if counts:
                costs[kind].note(made)
            bench.forget_contexts()
    return costs


def tables(costs: Costs) -> str:
    rows = [[f"{layer}: {kind}", cost.server.shown(), cost.client.shown()] for (layer, kind), cost in costs.items()]
    return table(["CPU for one context, µs: median (least-largest)", "server", "client"], rows)


def ratios(costs: Costs, layer: str, kind: str) -> tuple[float, float]:
    """What such a context costs server and client, as parts of what a full krb5 exchange with a cached service ticket
    does."""
    ticket, full = costs[layer, kind], costs[layer, CACHED]
    return ticket.server.median / full.server.median, ticket.client.median / full.client.median
