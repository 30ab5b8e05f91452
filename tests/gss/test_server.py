# ruff: noqa: ANN401  (options are handed on as they come)
"""The server's end, mostly as its enemies see it: every lesson that others paid for, and what a stranger may send."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.gss.bodies import Credential, encode_credential, protect, unprotect, word
from rpcgss.gss.context import Context, GssIdentity
from rpcgss.gss.errors import GssError, ProtectionUnavailable
from rpcgss.gss.extension import Establishment, Grant, ServerExtension, ServerHost
from rpcgss.gss.gss_xdr import (
    MAXSEQ,
    RPCSEC_GSS_CONTINUE_INIT,
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_DESTROY,
    RPCSEC_GSS_INIT,
    rpc_gss_init_arg,
    rpc_gss_init_res,
)
from rpcgss.gss.provider import Credentials, Demands, GssFlag, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.session import GssSession
from rpcgss.gss.store import ContextStore, DropPolicy, StoreEventKind, StoreLimits
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.flavors import Answer, Connection, Session
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    ReceivedCall,
    ReceivedReply,
    encode_auth,
    encode_call_header,
    parse_call_untrusted,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import accept_stat, auth_stat, opaque_auth
from rpcgss.rpc.work import ArgumentsT, InlineWorker, ResultT
from tests.gss.fake_mechanism import EVERYTHING, FakeAcceptor, FakeInitiator, FakeProtection, FakeProvider
from tests.gss.wire import CONNECTION, denial, serve

CREDPROBLEM = auth_stat.RPCSEC_GSS_CREDPROBLEM
CTXPROBLEM = auth_stat.RPCSEC_GSS_CTXPROBLEM
HANDSHAKE = Demands("nfs@server", GssService.PRIVACY, None, True, False, Credentials())


class Peer:
    """A client made by hand: it says what it is told to, right or wrong."""

    def __init__(
        self, server: GssServerFlavor, *, demands: Demands = HANDSHAKE, provider: FakeProvider | None = None
    ) -> None:
        self.server = server
        self.security: FakeInitiator = (provider or FakeProvider()).initiate(demands)  # type: ignore[assignment]
        self.handle = b""
        self.xid = 0
        self.tail = b""
        self.connection = CONNECTION

    async def send(
        self,
        credential: Credential,
        verifier: opaque_auth | Callable[[bytes], bytes] = NULL_AUTH,
        body: bytes = b"",
        *,
        verifier_flavor: int = 6,
        **header: int,
    ) -> ReceivedReply | None:
        """`verifier` may be a function that makes its body of the header. None: the server said nothing."""
        self.xid += 1
        call = CallHeader(**{"xid": self.xid, "program": 1, "version": 1, "procedure": 0} | header)
        octets = encode_call_header(call, opaque_auth(6, encode_credential(credential)))
        if not isinstance(verifier, opaque_auth):
            verifier = opaque_auth(verifier_flavor, verifier(octets))
        reply = await serve(self.server, octets + encode_auth(verifier) + body, connection=self.connection)
        return None if reply is None else parse_reply_untrusted(reply)

    async def init(
        self, token: bytes | None = None, *, gss_proc: int = RPCSEC_GSS_INIT, **fields: Any
    ) -> ReceivedReply | None:
        token = self.security.step(None) if token is None else token
        credential = replace(Credential(gss_proc, 0, 3, self.handle), **fields)
        return await self.send(credential, body=rpc_gss_init_arg(token).to_bytes())

    async def establish(self, **fields: Any) -> "Peer":
        reply = await self.init(**fields)
        while (result := created(reply)).gss_major == 1:
            self.handle = result.handle
            reply = await self.init(self.security.step(result.gss_token), gss_proc=RPCSEC_GSS_CONTINUE_INIT)
        assert result.gss_major == 0
        self.security.step(result.gss_token)
        assert isinstance(reply, AcceptedReply)
        self.keys.verify_mic(word(result.seq_window), reply.verifier.body)
        self.handle = result.handle
        self.tail = bytes(reply.body)[len(result.to_bytes()) :]
        return self

    @property
    def keys(self) -> FakeProtection:
        return self.security.protection()

    async def call(
        self,
        number: int,
        content: bytes = b"ping",
        *,
        service: int = 3,
        gss_proc: int = RPCSEC_GSS_DATA,
        body: bytes | None = None,
        mic: Callable[[bytes], bytes] | opaque_auth | None = None,
        handle: bytes | None = None,
        procedure: int = 5,
    ) -> ReceivedReply | None:
        credential = Credential(gss_proc, number, service, self.handle if handle is None else handle)
        if body is None:
            body = b"".join(protect(self.keys, GssService(service), number, (content,)))
        return await self.send(
            credential, mic or self.keys.mic, body, procedure=procedure if gss_proc == RPCSEC_GSS_DATA else 0
        )

    def octets(self, number: int, content: bytes = b"ping") -> bytes:
        """A right call."""
        credential = encode_credential(Credential(RPCSEC_GSS_DATA, number, 3, self.handle))
        header = encode_call_header(CallHeader(number, 1, 1, 5), opaque_auth(6, credential))
        body = b"".join(protect(self.keys, GssService.PRIVACY, number, (content,)))
        return header + encode_auth(opaque_auth(6, self.keys.mic(header))) + body

    def open(self, reply: ReceivedReply | None, number: int, service: int = 3) -> bytes:
        """The results of a success with a valid verifier."""
        assert isinstance(reply, AcceptedReply)
        assert reply.stat is accept_stat.SUCCESS
        self.keys.verify_mic(word(number), reply.verifier.body)
        return bytes(unprotect(self.keys, GssService(service), number, reply.body))


def created(reply: ReceivedReply | None) -> rpc_gss_init_res:
    assert isinstance(reply, AcceptedReply)
    assert reply.stat is accept_stat.SUCCESS
    return rpc_gss_init_res.from_bytes(bytes(reply.body)[: creation_length(reply)])


def creation_length(reply: AcceptedReply) -> int:
    """Where rpc_gss_init_res ends and a grant may begin."""
    body = bytes(reply.body)
    handle = 4 + padded(int.from_bytes(body[:4], "big"))
    return handle + 16 + padded(int.from_bytes(body[handle + 12 : handle + 16], "big"))


def padded(length: int) -> int:
    return length + -length % 4


def server(acceptor: FakeAcceptor | None = None, **options: Any) -> GssServerFlavor:
    return GssServerFlavor(acceptor or FakeAcceptor(), **{"worker": InlineWorker()} | options)


async def peer(one: GssServerFlavor | None = None, **options: Any) -> Peer:
    return await Peer(one or server(), **options).establish()


def only_context(one: GssServerFlavor) -> Context:
    (context,) = one.store.contexts()
    return context


# Creation (RFC 2203, 5.2)


@pytest.mark.parametrize("rounds", [1, 2, 3])
async def test_a_context_is_made(rounds: int) -> None:
    one = server(FakeAcceptor(rounds=rounds))
    client = await peer(one)
    assert len(client.handle) == 16
    assert client.open(await client.call(1), 1) == b"gnip"
    assert one.contexts_in_the_making == 0
    assert one.creation_counters.requests == rounds


async def test_window_of_512_is_advertised_and_a_larger_one_kept() -> None:
    one = server()
    reply = await Peer(one).init()
    assert created(reply).seq_window == 512
    assert only_context(one).window.size >= 1024


async def test_the_context_is_stored_before_the_reply_leaves() -> None:
    one = server()
    client = Peer(one)
    call = encode_call_header(
        CallHeader(1, 1, 1, 0), opaque_auth(6, encode_credential(Credential(RPCSEC_GSS_INIT, 0, 1, b"")))
    )
    call += encode_auth(NULL_AUTH) + rpc_gss_init_arg(client.security.step(None)).to_bytes()
    assert await one.authenticate(parse_call_untrusted(call), CONNECTION) is not None
    assert one.store.established == 1


@pytest.mark.parametrize("fields", [{"seq_num": 12345}, {"seq_num": 0xFFFFFFFF}, {"service": 0}, {"service": 77}])
async def test_seq_num_and_service_of_creation_requests_are_ignored(fields: dict[str, int]) -> None:
    await Peer(server()).establish(**fields)


async def test_a_bad_token_is_told_by_major_and_minor() -> None:
    """5.2.3.1: neither handle nor token, and a null verifier."""
    one = server()
    reply = await Peer(one).init(b"nonsense")
    assert created(reply).to_bytes() == rpc_gss_init_res(b"", 0x00090000, 7, 0, b"").to_bytes()
    assert isinstance(reply, AcceptedReply)
    assert reply.verifier == NULL_AUTH
    assert one.store.contexts() == []
    assert one.creation_counters.failures == 1


async def test_only_the_services_of_the_server_are_accepted() -> None:
    reply = await Peer(server(), demands=replace(HANDSHAKE, target="host@server")).init()
    assert created(reply).gss_major == 0x000D0000


@pytest.mark.parametrize(
    ("flags", "allowed"),
    [(EVERYTHING, ~GssFlag.INTEG), (EVERYTHING | GssFlag.ANON, GssFlag(0x1FF))],
    ids=["without integrity", "anonymous"],
)
async def test_contexts_that_prove_nobody_are_refused(flags: GssFlag, allowed: GssFlag) -> None:
    one = server()
    reply = await Peer(one, provider=FakeProvider(flags=flags, allowed=allowed)).init()
    assert created(reply).gss_major == 0x000F0000
    assert one.store.contexts() == []


async def test_anonymous_initiators_where_they_are_welcome() -> None:
    await peer(server(allow_anonymous=True), provider=FakeProvider(flags=EVERYTHING | GssFlag.ANON))


async def test_an_expired_credential_makes_no_context() -> None:
    reply = await Peer(server(FakeAcceptor(lifetime=0))).init()
    assert created(reply).gss_major == 0x000B0000


@pytest.mark.parametrize(
    ("change", "stat"),
    [
        ({"handle": b"handle"}, auth_stat.AUTH_BADCRED),
        ({"gss_proc": RPCSEC_GSS_CONTINUE_INIT}, auth_stat.AUTH_REJECTEDCRED),
        ({"gss_proc": RPCSEC_GSS_CONTINUE_INIT, "handle": b"unknown"}, auth_stat.AUTH_REJECTEDCRED),
        ({"gss_proc": 4}, auth_stat.AUTH_BADCRED),
        ({"gss_proc": 7}, auth_stat.AUTH_BADCRED),
        ({"gss_proc": 0x46524131}, auth_stat.AUTH_BADCRED),
    ],
)
async def test_wrong_creation_requests(change: dict[str, Any], stat: auth_stat) -> None:
    """Never with CREDPROBLEM or CTXPROBLEM (5.2.3.2)."""
    assert denial(await Peer(server()).init(**change)) == stat


@pytest.mark.parametrize("gss_proc", [RPCSEC_GSS_INIT, RPCSEC_GSS_CONTINUE_INIT, RPCSEC_GSS_DESTROY])
async def test_control_messages_are_for_procedure_0(gss_proc: int) -> None:
    one = server()
    client = await peer(one)
    handle = b"" if gss_proc == RPCSEC_GSS_INIT else client.handle
    body = rpc_gss_init_arg(b"").to_bytes()
    reply = await client.send(Credential(gss_proc, 1, 1, handle), client.keys.mic, body, procedure=1)
    assert denial(reply) == auth_stat.AUTH_BADCRED
    assert one.store.established == 1


@pytest.mark.parametrize("verifier", [opaque_auth(0, b"x"), opaque_auth(6, b""), opaque_auth(1, b"")])
async def test_creation_requests_have_a_null_verifier(verifier: opaque_auth) -> None:
    reply = await Peer(server()).send(
        Credential(RPCSEC_GSS_INIT, 0, 1, b""), verifier, rpc_gss_init_arg(b"").to_bytes()
    )
    assert denial(reply) == auth_stat.AUTH_BADVERF


@pytest.mark.parametrize("body", [b"", b"\0\0\0\1", b"\0\0\0\0\0\0\0\0", b"\xff\xff\xff\xff"])
async def test_a_creation_request_that_does_not_parse(body: bytes) -> None:
    reply = await Peer(server()).send(Credential(RPCSEC_GSS_INIT, 0, 1, b""), NULL_AUTH, body)
    assert isinstance(reply, AcceptedReply)
    assert reply.stat is accept_stat.GARBAGE_ARGS
    assert reply.verifier == NULL_AUTH


async def test_tokens_are_capped() -> None:
    assert denial(await Peer(server(max_token=100)).init(bytes(101))) == auth_stat.AUTH_REJECTEDCRED


async def test_contexts_in_the_making_are_bounded_and_forgotten(autojump_clock: trio.abc.Clock) -> None:
    one = server(FakeAcceptor(rounds=2), store=ContextStore(StoreLimits(making=3, making_life=60)))
    clients = [Peer(one) for _ in range(5)]
    results = [created(await client.init()) for client in clients]
    assert one.contexts_in_the_making == 3
    for client, result in zip(clients, results, strict=True):
        client.handle = result.handle
    reply = await clients[0].init(b"x", gss_proc=RPCSEC_GSS_CONTINUE_INIT)
    assert denial(reply) == auth_stat.AUTH_REJECTEDCRED  # the oldest two had to go
    await trio.sleep(61)
    token = clients[4].security.step(results[4].gss_token)
    assert denial(await clients[4].init(token, gss_proc=RPCSEC_GSS_CONTINUE_INIT)) == auth_stat.AUTH_REJECTEDCRED
    assert one.contexts_in_the_making == 0


async def test_one_connection_cannot_push_out_the_contexts_in_the_making_of_others() -> None:
    one = server(FakeAcceptor(rounds=2), store=ContextStore(StoreLimits(making=3)))
    client = Peer(one)
    result = created(await client.init())
    client.handle = result.handle
    for _ in range(10):
        stranger = Peer(one)
        stranger.connection = Connection("stranger", 2)
        created(await stranger.init())
    assert one.contexts_in_the_making == 3
    reply = await client.init(client.security.step(result.gss_token), gss_proc=RPCSEC_GSS_CONTINUE_INIT)
    assert created(reply).gss_major == 0


async def test_a_context_in_the_making_belongs_to_its_connection() -> None:
    """Its handle can be overheard; a stranger's token would end it."""
    one = server(FakeAcceptor(rounds=2))
    client, stranger = Peer(one), Peer(one)
    result = created(await client.init())
    client.handle = stranger.handle = result.handle
    stranger.connection = Connection("stranger", 2)
    reply = await stranger.init(b"rubbish", gss_proc=RPCSEC_GSS_CONTINUE_INIT)
    assert denial(reply) == auth_stat.AUTH_REJECTEDCRED
    reply = await client.init(client.security.step(result.gss_token), gss_proc=RPCSEC_GSS_CONTINUE_INIT)
    assert created(reply).gss_major == 0


async def test_a_context_is_not_made_for_ever() -> None:
    one = server(FakeAcceptor(rounds=1000))
    with pytest.raises(AssertionError):
        await peer(one)
    assert one.contexts_in_the_making == 0
    assert one.creation_counters.requests < 20


async def test_a_context_in_the_making_takes_no_calls() -> None:
    one = server(FakeAcceptor(rounds=2))
    client = Peer(one)
    client.handle = created(await client.init()).handle
    client.security._finish("00")
    client.security.agreed = EVERYTHING
    assert denial(await client.call(1)) == CREDPROBLEM


async def test_a_failed_continuation_ends_the_context() -> None:
    acceptor = FakeAcceptor(rounds=2)
    one = server(acceptor)
    client = Peer(one)
    client.handle = created(await client.init()).handle
    acceptor.error = GssError(0x000D0000, 1, "no")
    assert created(await client.init(b"x", gss_proc=RPCSEC_GSS_CONTINUE_INIT)).gss_major == 0x000D0000
    acceptor.error = None
    assert denial(await client.init(b"x", gss_proc=RPCSEC_GSS_CONTINUE_INIT)) == auth_stat.AUTH_REJECTEDCRED


async def test_two_continuations_at_once_cannot_both_have_the_context(autojump_clock: trio.abc.Clock) -> None:
    class SlowWorker(InlineWorker):
        async def run(self, function: Callable[[*ArgumentsT], ResultT], *arguments: *ArgumentsT) -> ResultT:
            await trio.sleep(1)
            return function(*arguments)

    one = server(FakeAcceptor(rounds=2), worker=SlowWorker())
    client = Peer(one)
    result = created(await client.init())
    client.handle = result.handle
    token, replies = client.security.step(result.gss_token), []

    async def go_on() -> None:
        replies.append(await client.init(token, gss_proc=RPCSEC_GSS_CONTINUE_INIT))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        nursery.start_soon(go_on)
    assert sum(isinstance(reply, AcceptedReply) for reply in replies) == 1
    assert one.store.established == 1


# Calls (5.3)


@pytest.mark.parametrize("service", [1, 2, 3])
async def test_calls_and_replies(service: int) -> None:
    """Answered by the call's own service, whatever RPCSEC_GSS_INIT said."""
    client = await peer()
    for number in (1, 2, 3):
        reply = await client.call(number, b"hello", service=service)
        assert client.open(reply, number, service) == b"olleh"


async def test_who_calls() -> None:
    one, seen = server(), []

    async def look(session: Session, arguments: bytes) -> bytes:
        seen.append(session.identity)
        return b""

    client = await peer(one, provider=FakeProvider("bob@FAKE"))
    number = Credential(RPCSEC_GSS_DATA, 1, 2, client.handle)
    header = encode_call_header(CallHeader(9, 1, 1, 5), opaque_auth(6, encode_credential(number)))
    body = b"".join(protect(client.keys, GssService.INTEGRITY, 1, (b"",)))
    await serve(one, header + encode_auth(opaque_auth(6, client.keys.mic(header))) + body, look)
    (identity,) = seen
    assert isinstance(identity, GssIdentity)
    assert (identity.principal, identity.target.display) == ("bob@FAKE", "nfs@server")
    assert (identity.service, identity.reauthenticated, identity.flavor) == (GssService.INTEGRITY, False, 6)


async def test_delegated_credentials_reach_the_application() -> None:
    one = server()
    await peer(one, demands=replace(HANDSHAKE, delegate=True))
    identity = only_context(one).identity(GssService.PRIVACY)
    assert identity.delegated == "delegated"
    assert "delegated" not in repr(identity)


FORGERIES: list[Any] = [
    lambda header: bytes(16),
    lambda header: b"",
    lambda header: bytes(400),
    NULL_AUTH,
    opaque_auth(6, b""),
    opaque_auth(1, b"x" * 16),
]


@pytest.mark.parametrize("mic", FORGERIES)
@pytest.mark.parametrize("gss_proc", [RPCSEC_GSS_DATA, RPCSEC_GSS_DESTROY])
async def test_the_header_mic_is_verified_before_the_window_moves(mic: Any, gss_proc: int) -> None:
    """One forged header with a number far ahead would else stop the context."""
    one = server()
    client = await peer(one)
    await client.call(1)
    before = only_context(one).window.highest, only_context(one).window.seen
    for number in (2, 1000, MAXSEQ):
        assert denial(await client.call(number, mic=mic, gss_proc=gss_proc)) == CREDPROBLEM
    context = only_context(one)
    assert (context.window.highest, context.window.seen) == before
    assert client.open(await client.call(2), 2) == b"gnip"
    assert one.counters.bad_mic == 3


@pytest.mark.parametrize("field", range(10))
async def test_the_mic_covers_the_header_from_xid_through_credential(field: int) -> None:
    """Each word of the header bent: nothing is accepted, and nothing changes."""
    one = server()
    client = await peer(one)
    credential = opaque_auth(6, encode_credential(Credential(RPCSEC_GSS_DATA, 1, 1, client.handle)))
    header = encode_call_header(CallHeader(77, 5, 6, 7), credential)
    verifier = encode_auth(opaque_auth(6, client.keys.mic(header)))
    position = [0, 12, 16, 20, 28 + 4, 28 + 8, 28 + 11, 28 + 12 + 3, 28 + 20, 28 + 35][field]
    bent = header[:position] + bytes([header[position] ^ 2]) + header[position + 1 :]
    reply = await serve(one, bent + verifier)
    assert reply is not None
    assert denial(parse_reply_untrusted(reply)) in (CREDPROBLEM, CTXPROBLEM, auth_stat.AUTH_BADCRED)
    assert only_context(one).window.highest == -1


async def test_a_right_mic_under_another_flavor() -> None:
    client = await peer()
    credential = Credential(RPCSEC_GSS_DATA, 1, 1, client.handle)
    assert denial(await client.send(credential, client.keys.mic, verifier_flavor=1)) == CREDPROBLEM
    assert isinstance(await client.send(credential, client.keys.mic), AcceptedReply)


async def test_anothers_key_does_not_open_a_handle() -> None:
    one = server()
    alice, mallory = await peer(one), await peer(one, provider=FakeProvider("mallory@FAKE"))
    assert denial(await mallory.call(1, handle=alice.handle)) == CREDPROBLEM
    assert alice.open(await alice.call(1), 1) == b"gnip"


async def test_a_reflected_reply_verifier_is_no_call_verifier() -> None:
    client = await peer()
    reply = await client.call(1)
    assert isinstance(reply, AcceptedReply)
    assert denial(await client.call(2, mic=opaque_auth(6, reply.verifier.body))) == CREDPROBLEM


@pytest.mark.parametrize("service", [1, 2, 3])
async def test_repeats_and_numbers_below_the_window_are_dropped(service: int) -> None:
    one = server(seq_window=4)  # 8 inside
    client = await peer(one)
    for number in (20, 13, 15):
        client.open(await client.call(number, service=service), number, service)
    for number in (20, 13, 15, 12, 1, 0):
        assert await client.call(number, service=service) is None
    assert one.counters.replayed == 6
    client.open(await client.call(14, service=service), 14, service)


async def test_the_same_number_twice_at_once_runs_once(autojump_clock: trio.abc.Clock) -> None:
    """Both pass the first look at the window while the MIC is being verified elsewhere."""
    one = server()
    client = await peer(one)
    context = only_context(one)
    replies = []

    async def send() -> None:
        replies.append(await client.call(1))

    visitor = context.guard._visitor = object()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        context.guard._leave(visitor)
    assert [reply is None for reply in replies].count(True) == 1
    assert one.counters.calls == 1


async def test_a_context_lost_while_the_mic_is_verified_takes_no_call() -> None:
    one = server()
    client = await peer(one)
    context, replies = only_context(one), []

    async def send() -> None:
        replies.append(await client.call(1))

    visitor = context.guard._visitor = object()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        one.store.drop_all(0)
        context.guard._leave(visitor)
    assert denial(replies[0]) == CREDPROBLEM
    assert one.counters.calls == 0


@pytest.mark.parametrize("end", ["of its credential", "of its keys", "says the mechanism"])
async def test_a_context_that_ends_while_the_mic_waits_takes_no_call(end: str, autojump_clock: trio.abc.Clock) -> None:
    """Somebody else is inside its protection for so long."""
    one = server(FakeAcceptor(lifetime=100))
    client = await peer(one)
    context, replies = only_context(one), []

    async def send() -> None:
        replies.append(await client.call(1))

    visitor = context.guard._visitor = object()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await trio.sleep(200 if end == "of its credential" else 1)
        context.protection.used_up = end == "of its keys"  # type: ignore[attr-defined]
        context.protection.expired = end == "says the mechanism"  # type: ignore[attr-defined]
        context.guard._leave(visitor)
    assert denial(replies[0]) == CTXPROBLEM
    assert one.counters.calls == 0
    assert context.window.highest == -1
    assert not context.alive


async def test_maxseq() -> None:
    one = server()
    client = await peer(one)
    assert denial(await client.call(MAXSEQ + 1)) == CTXPROBLEM
    assert denial(await client.call(0xFFFFFFFF)) == CTXPROBLEM
    assert client.open(await client.call(MAXSEQ), MAXSEQ) == b"gnip"


@pytest.mark.parametrize("handle", [b"", b"x", bytes(16), bytes(200)])
async def test_unknown_handles(handle: bytes) -> None:
    client = await peer()
    assert denial(await client.call(1, handle=handle)) == CREDPROBLEM
    assert denial(await client.call(1, handle=client.handle[:-1])) == CREDPROBLEM
    assert denial(await client.call(1, handle=client.handle + b"\0")) == CREDPROBLEM


async def test_handles_of_a_restarted_server_mean_nothing() -> None:
    client = await peer()
    client.server = server()
    await peer(client.server)
    assert denial(await client.call(1)) == CREDPROBLEM


@pytest.mark.parametrize("service", [0, 4, 0xFFFFFFFF])
async def test_services_that_do_not_exist(service: int) -> None:
    client = await peer()
    assert denial(await client.call(1, service=service, body=b"")) == auth_stat.AUTH_BADCRED


async def test_policy_asks_for_more() -> None:
    one = server(services=[GssService.PRIVACY])
    client = await peer(one)
    assert denial(await client.call(1, service=1)) == auth_stat.AUTH_TOOWEAK
    assert denial(await client.call(2, service=2)) == auth_stat.AUTH_TOOWEAK
    assert client.open(await client.call(3), 3) == b"gnip"
    assert one.counters.too_weak == 2
    with pytest.raises(ValueError, match="service"):
        server(services=[])


async def test_no_privacy_on_a_context_that_cannot_encrypt() -> None:
    demands = replace(HANDSHAKE, service=GssService.INTEGRITY)
    client = await peer(demands=demands, provider=FakeProvider(allowed=~GssFlag.CONF))
    assert denial(await client.call(1, body=b"")) == auth_stat.AUTH_BADCRED
    assert client.open(await client.call(2, service=2), 2, 2) == b"gnip"


@pytest.mark.parametrize("service", [2, 3])
@pytest.mark.parametrize("wrong", ["nothing", "bent", "other number", "tail", "truncated", "plain"])
async def test_a_wrong_body_is_garbage_with_a_valid_verifier(service: int, wrong: str) -> None:
    one = server()
    client = await peer(one)
    good = b"".join(protect(client.keys, GssService(service), 1, (b"ping",)))
    body = {
        "nothing": b"",
        "bent": good[:9] + bytes([good[9] ^ 1]) + good[10:],
        "other number": b"".join(protect(client.keys, GssService(service), 2, (b"ping",))),
        "tail": good + bytes(4),
        "truncated": good[:-4],
        "plain": b"ping",
    }[wrong]
    reply = await client.call(1, service=service, body=body)
    assert isinstance(reply, AcceptedReply)
    assert reply.stat is accept_stat.GARBAGE_ARGS
    client.keys.verify_mic(word(1), reply.verifier.body)
    assert one.counters.bad_body == 1


# The life of a context


async def test_a_context_lives_no_longer_than_the_credential(autojump_clock: trio.abc.Clock) -> None:
    one = server(FakeAcceptor(lifetime=100))
    client = await peer(one)
    await trio.sleep(99)
    client.open(await client.call(1), 1)
    await trio.sleep(1)
    assert denial(await client.call(2)) == CTXPROBLEM
    assert denial(await client.call(3)) == CREDPROBLEM
    assert one.store.counters.expired == 1


async def test_a_context_lives_no_longer_than_policy_says(autojump_clock: trio.abc.Clock) -> None:
    client = await peer(server(FakeAcceptor(lifetime=None), max_lifetime=50))
    await trio.sleep(51)
    assert denial(await client.call(1)) == CTXPROBLEM


async def test_an_indefinite_context(autojump_clock: trio.abc.Clock) -> None:
    client = await peer(server(FakeAcceptor(lifetime=None)))
    await trio.sleep(80_000)
    client.open(await client.call(1), 1)


async def test_expiry_that_the_mechanism_tells() -> None:
    one = server()
    client = await peer(one)
    only_context(one).protection.expired = True  # type: ignore[attr-defined]
    assert denial(await client.call(1)) == CTXPROBLEM
    assert one.store.contexts() == []


async def test_keys_that_are_used_up() -> None:
    one = server()
    client = await peer(one)
    only_context(one).protection.used_up = True  # type: ignore[attr-defined]
    assert denial(await client.call(1)) == CTXPROBLEM
    assert one.store.contexts() == []


async def test_a_strangers_call_does_not_end_a_used_up_context() -> None:
    one = server()
    client = await peer(one)
    only_context(one).protection.used_up = True  # type: ignore[attr-defined]
    assert denial(await client.call(1, mic=opaque_auth(6, bytes(16)))) == CREDPROBLEM
    assert len(one.store.contexts()) == 1


async def test_drop_every_second_call() -> None:
    one = server(store=ContextStore(drop_policy=DropPolicy(every=2)))
    client = await peer(one)
    client.open(await client.call(1), 1)
    assert denial(await client.call(2)) == CREDPROBLEM
    assert denial(await client.call(3)) == CREDPROBLEM
    assert one.store.counters.dropped == 1


async def test_forgeries_do_not_count_for_the_drop_policy() -> None:
    one = server(store=ContextStore(drop_policy=DropPolicy(every=2)))
    client = await peer(one)
    for number in range(10):
        await client.call(number, mic=opaque_auth(6, bytes(16)))
    assert one.store.established == 1


async def test_an_admitted_call_ends_on_a_context_that_is_lost() -> None:
    one = server()
    client = await peer(one)

    async def lose(session: Session, arguments: bytes) -> bytes:
        one.store.drop_all(0)
        return arguments

    reply = await serve(one, client.octets(1, b"late"), lose)
    assert reply is not None
    assert client.open(parse_reply_untrusted(reply), 1) == b"late"


async def test_sessions_are_counted_out_once() -> None:
    one = server()
    client = await peer(one)
    await client.call(1)
    context = only_context(one)
    session = GssSession(context, Credential(0, 2, 1, b""), b"", InlineWorker(), one.counters)
    assert context.calls == 1
    session.finished()
    session.finished()
    assert context.calls == 0


async def test_no_reply_verifier_no_call() -> None:
    """5.3.3.4.1: the verifier cannot be made, so the reply is a denial with CTXPROBLEM."""
    one = server()
    await peer(one)
    context = only_context(one)
    session = GssSession(context, Credential(0, 2, 2, b""), b"", InlineWorker(), one.counters)
    context.protection.used_up = True  # type: ignore[attr-defined]
    with pytest.raises(AuthRefused) as caught:
        await session.verifier()
    assert caught.value.stat == CTXPROBLEM
    with pytest.raises(ProtectionUnavailable):
        await session.protect((b"results",))


# Destruction (5.4)


@pytest.mark.parametrize("service", [1, 2, 3])
async def test_destroy(service: int) -> None:
    one = server()
    client = await peer(one)
    reply = await client.call(1, b"", gss_proc=RPCSEC_GSS_DESTROY, service=service)
    assert client.open(reply, 1, service) == b""
    assert one.store.contexts() == []
    assert one.store.counters.destroyed == 1
    assert denial(await client.call(2)) == CREDPROBLEM


async def test_destroy_with_an_empty_unprotected_body() -> None:
    client = await peer()
    assert client.open(await client.call(1, gss_proc=RPCSEC_GSS_DESTROY, body=b""), 1) == b""


async def test_a_replayed_destroy_is_dropped() -> None:
    one = server()
    client = await peer(one)
    await client.call(1)
    assert await client.call(1, b"", gss_proc=RPCSEC_GSS_DESTROY) is None
    assert one.store.established == 1


async def test_destroy_of_one_leaves_the_others() -> None:
    one = server()
    alice, bob = await peer(one), await peer(one)
    await alice.call(1, b"", gss_proc=RPCSEC_GSS_DESTROY)
    assert bob.open(await bob.call(1), 1) == b"gnip"


# The seam for tickets


class Extension(ServerExtension):
    gss_proc = 0x46524131

    def __init__(self) -> None:
        self.host: ServerHost | None = None
        self.establishments: list[Establishment] = []
        self.octets = b"octets of a grant   "
        self.fails = False

    def attach(self, host: ServerHost) -> None:
        self.host = host

    async def grant(self, establishment: Establishment, connection: Connection) -> Grant:
        self.establishments.append(establishment)
        if self.fails:
            raise RuntimeError("no grant today")
        return Grant(self.octets, b"chain", b"blob")

    async def reauthenticate(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer | None:
        return Answer(NULL_AUTH, bytes(call.body) + credential.handle)


async def test_a_grant_follows_the_last_reply() -> None:
    extension = Extension()
    one = server(FakeAcceptor(rounds=2), extension=extension)
    client = await peer(one)
    assert client.tail == extension.octets
    (establishment,) = extension.establishments
    assert list(establishment.tokens) == client.security.transcript
    assert establishment.handle == client.handle
    assert establishment.seq_window == 512
    assert establishment.lifetime == 36300
    assert establishment.security.prf(b"label", 32) == client.security.prf(b"label", 32)
    context = only_context(one)
    assert (context.chain, context.application) == (b"chain", b"blob")
    assert extension.host is not None
    assert extension.host.store is one.store


async def test_the_offer_is_that_of_the_request_that_completes() -> None:
    extension = Extension()
    client = Peer(server(FakeAcceptor(rounds=2), extension=extension))
    result = created(await client.init(seq_num=1))
    client.handle = result.handle
    await client.init(client.security.step(result.gss_token), gss_proc=RPCSEC_GSS_CONTINUE_INIT, seq_num=2)
    assert extension.establishments[0].offered == 2


async def test_a_failing_grant_costs_no_context(caplog: pytest.LogCaptureFixture) -> None:
    extension = Extension()
    extension.fails = True
    client = await peer(server(extension=extension))
    assert client.tail == b""
    assert client.open(await client.call(1), 1) == b"gnip"
    assert "no grant" in caplog.text


async def test_the_extensions_control_procedure() -> None:
    client = Peer(server(extension=Extension()))
    reply = await client.send(Credential(0x46524131, 0, 1, bytes(16)), body=b"body")
    assert isinstance(reply, AcceptedReply)
    assert bytes(reply.body) == b"body" + bytes(16)
    assert denial(await client.send(Credential(0x46524132, 0, 1, b""))) == auth_stat.AUTH_BADCRED


# Strangers


@given(
    body=st.binary(max_size=120),
    flavor=st.sampled_from([0, 6]),
    verifier=st.binary(max_size=40),
    arguments=st.binary(max_size=60),
)
def test_whatever_strangers_send_is_refused_or_dropped(
    body: bytes, flavor: int, verifier: bytes, arguments: bytes
) -> None:
    async def main() -> None:
        one = server()
        header = encode_call_header(CallHeader(1, 1, 1, 0), opaque_auth(6, body))
        reply = await serve(one, header + encode_auth(opaque_auth(flavor, verifier)) + arguments)
        if reply is not None:
            parse_reply_untrusted(reply)
        assert one.store.contexts() == []

    trio.run(main)


async def test_events_tell_the_story() -> None:
    one, events = server(store=ContextStore(drop_policy=DropPolicy(every=1))), []
    one.store.events.append(lambda event: events.append(event.kind))
    client = await peer(one)
    await client.call(1)
    assert events == [StoreEventKind.ESTABLISHED, StoreEventKind.DROPPED]
