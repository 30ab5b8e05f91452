"""The reply cache under RPCSEC_GSS: what counts is the principal, not the context, nor the octets on the wire."""

import trio
import trio.testing

from rpcgss.gss.client import GssFlavor
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc import Client, MemoryReplyCache, Server, open_client
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import encode_denied, message_xid
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import FakeAcceptor, FakeProvider
from tests.rpc.network import CuttingStream, network
from tests.rpc.program import ECHO, HOLD, NULL, Program
from transport import encode_record


def flavor(name: str = "alice@FAKE") -> GssFlavor:
    return GssFlavor("nfs@server", provider=FakeProvider(name), worker=InlineWorker())


def server_of(program: Program) -> tuple[Server, GssServerFlavor]:
    gss = GssServerFlavor(FakeAcceptor(), worker=InlineWorker())
    return Server([program], [gss], non_idempotent=[ECHO, HOLD]), gss


def next_xid(client: Client, xid: int) -> None:
    client._calls._xid = xid - 1


async def test_a_context_that_is_lost_in_the_middle_of_a_call(autojump_clock: trio.testing.MockClock) -> None:
    """Connection and context go while the call runs: under the next ones it is joined, its reply protected anew."""
    program = Program()
    server, gss = server_of(program)
    async with (
        network(server) as net,
        open_client(net.connect, flavor(), non_idempotent=[HOLD], replies_kept=120) as client,
        trio.open_nursery() as nursery,
    ):

        async def lose_everything() -> None:
            for _ in range(3):
                await trio.sleep(1)
                assert gss.store.drop_all(trio.current_time()) == 1
                await net.break_all()
            await trio.sleep(1)
            program.gate.set()

        nursery.start_soon(lose_everything)
        assert await client.call(HOLD, b"once") == b"once"
    assert program.executed == {b"once": 1}
    assert isinstance(server.reply_cache, MemoryReplyCache)
    assert server.reply_cache.counters.joined == 3
    assert gss.creation_counters.requests == 4


async def test_a_forged_denial_after_the_call_was_executed(autojump_clock: trio.testing.MockClock) -> None:
    """Denials are not authenticated: whoever can write to the connection makes the client send the call again."""
    program = Program()
    server, _ = server_of(program)
    forged: list[int] = []

    class Forger(CuttingStream):
        """In place of the first reply to each call that was executed, a denial."""

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            if program.executed.total() > len(forged):
                xid = message_xid(data[4:])
                assert xid is not None
                forged.append(xid)
                data = encode_record(encode_denied(xid, AuthRefused(auth_stat.RPCSEC_GSS_CREDPROBLEM)))
            await self.stream.send_all(data)

    def forging(stream: trio.abc.HalfCloseableStream) -> trio.abc.HalfCloseableStream:
        ends.append(stream)
        return stream if len(ends) % 2 == 0 else Forger(stream, 0)

    ends: list[trio.abc.HalfCloseableStream] = []
    async with network(server) as net:
        net.wrap = forging
        async with open_client(net.connect, flavor(), non_idempotent=[ECHO], replies_kept=120) as client:
            await client.call(NULL, None)
            for number in range(5):
                assert await client.call(ECHO, b"%d" % number) == b"%d" % number
    assert len(set(forged)) == 5
    assert program.executed == {b"%d" % number: 1 for number in range(5)}
    assert server.reply_cache.counters.repeated == 5


async def test_who_guesses_the_xid_of_somebody_else_gets_nothing_of_his(autojump_clock: trio.testing.MockClock) -> None:
    program = Program()
    server, _ = server_of(program)
    async with network(server) as net:
        for name in ("alice@FAKE", "mallory@FAKE"):
            async with open_client(net.connect, flavor(name)) as client:
                await client.call(NULL, None)
                next_xid(client, 7)
                assert await client.call(ECHO, b"same") == b"same"
    assert program.executed == {b"same": 2}
    assert server.reply_cache.counters.repeated == 0


async def test_the_same_principal_from_elsewhere_is_the_same_caller(autojump_clock: trio.testing.MockClock) -> None:
    program = Program()
    server, _ = server_of(program)
    async with network(server) as net:
        for argument in (b"same", b"same", b"other"):
            async with open_client(net.connect, flavor()) as client:
                await client.call(NULL, None)
                next_xid(client, 7)
                assert await client.call(ECHO, argument) == argument
    assert program.executed == {b"same": 1, b"other": 1}
