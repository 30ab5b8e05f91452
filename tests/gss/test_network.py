"""Both flavors under the real client and server, on a network that breaks; the mechanism is the fake one."""

from collections.abc import Sequence

import pytest
import trio

from rpcgss.gss.bodies import Credential, encode_credential
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.errors import GssError, ProtectionUnavailable
from rpcgss.gss.gss_xdr import RPCSEC_GSS_INIT
from rpcgss.gss.provider import GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.rpc import Call, Client, OutcomeUnknown, Server, open_client
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused, CallTimedOut, Refusal
from rpcgss.rpc.messages import CallHeader, encode_auth, encode_call_header, parse_reply_untrusted
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import FakeAcceptor, FakeProvider
from tests.rpc.network import Network
from tests.rpc.program import ECHO, HOLD, NULL, PROGRAM, VERSION, Program
from xdr import Buffer


def gss(**options: object) -> GssServerFlavor:
    return GssServerFlavor(FakeAcceptor(), worker=InlineWorker(), **options)  # type: ignore[arg-type]


def flavor(service: GssService = GssService.PRIVACY, provider: FakeProvider | None = None) -> GssFlavor:
    return GssFlavor("nfs@server", service=service, provider=provider or FakeProvider(), worker=InlineWorker())


async def echo_many(client: Client, count: int, results: list[bool]) -> None:
    async def one(number: int) -> None:
        text = b"call %d" % number
        results.append(await client.call(ECHO, text) == text)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)


@pytest.mark.parametrize("service", GssService)
async def test_two_hundred_calls_at_once(service: GssService, autojump_clock: trio.abc.Clock) -> None:
    results: list[bool] = []
    program, one = Program(), flavor(service)
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [gss()]))
        async with open_client(network.connect, one) as client:
            await client.call(NULL, None)
            await echo_many(client, 200, results)
        nursery.cancel_scope.cancel()
    assert results == [True] * 200
    assert one.counters.by_exchange == 1


async def test_each_connection_has_contexts_of_its_own(autojump_clock: trio.abc.Clock) -> None:
    """A small window on each, contexts that are lost, connections that are cut: no call waits for those elsewhere."""
    results: list[bool] = []
    one, program = flavor(), Program()
    store = ContextStore(drop_policy=DropPolicy(every=20))
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [gss(seq_window=4, store=store)]))
        async with open_client(network.connect, one, connections=3) as client, trio.open_nursery() as calls:
            for _ in range(4):
                calls.start_soon(client.call, HOLD, b"held")
            calls.start_soon(echo_many, client, 100, results)
            await trio.sleep(0.5)
            assert network.connections == 3
            network.cut_all()
            program.gate.set()
        nursery.cancel_scope.cancel()
    assert results == [True] * 100
    assert one.counters.by_exchange >= 3
    assert client.outstanding == 0


@pytest.mark.parametrize("window", [1, 5, 32])
async def test_small_windows_do_not_lose_calls(window: int, autojump_clock: trio.abc.Clock) -> None:
    """Also when the connection is lost with calls in flight, which then go out again under new numbers."""
    results: list[bool] = []
    program = Program()
    server_flavor = gss(seq_window=window)
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [server_flavor]))
        async with open_client(network.connect, flavor()) as client, trio.open_nursery() as calls:
            calls.start_soon(echo_many, client, 100, results)
            for _ in range(window):
                calls.start_soon(client.call, HOLD, b"held")
            await trio.sleep(0.5)
            network.cut_all()
            program.gate.set()
        nursery.cancel_scope.cancel()
    assert results == [True] * 100
    assert server_flavor.counters.replayed == 0
    assert server_flavor.creation_counters.requests == 1


async def test_contexts_lost_all_the_time(autojump_clock: trio.abc.Clock) -> None:
    results: list[bool] = []
    program, one = Program(), flavor()
    server_flavor = gss(store=ContextStore(drop_policy=DropPolicy(every=17)))
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [server_flavor]))
        async with open_client(network.connect, one) as client:
            for _ in range(4):
                await echo_many(client, 50, results)
        nursery.cancel_scope.cancel()
    assert results == [True] * 200
    assert all(count == 4 for count in program.executed.values())  # none ran twice
    assert server_flavor.store.counters.dropped == one.counters.lost > 5


async def test_a_restarted_server(autojump_clock: trio.abc.Clock) -> None:
    """Calls in flight go to the new server, under a new context."""
    program, one = Program(), flavor()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [gss()]))
        async with open_client(network.connect, one, non_idempotent=[NULL]) as client:
            async with trio.open_nursery() as calls:
                for _ in range(20):
                    calls.start_soon(client.call, HOLD, b"held")
                await trio.testing.wait_all_tasks_blocked()
                program.gate.set()
                network.server = Server([program], [gss()])
                network.cut_all()
            assert one.counters.lost == 1
            assert one.counters.by_exchange == 2
        nursery.cancel_scope.cancel()


async def test_not_executed_twice_by_a_lost_connection(autojump_clock: trio.abc.Clock) -> None:
    program = Program()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [gss()]))
        async with open_client(network.connect, flavor(), non_idempotent=[HOLD]) as client:

            async def hold() -> None:
                with pytest.raises(OutcomeUnknown):
                    await client.call(HOLD, b"held")

            async with trio.open_nursery() as calls:
                calls.start_soon(hold)
                await trio.testing.wait_all_tasks_blocked()
                network.cut_all()
            assert await client.call(ECHO, b"after") == b"after"
        nursery.cancel_scope.cancel()
    assert program.executed[b"held"] == 1


@pytest.mark.parametrize("cut", range(50, 2000, 130))
async def test_a_connection_that_breaks_anywhere(cut: int, autojump_clock: trio.abc.Clock) -> None:
    results: list[bool] = []
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [gss()]))
        network.cuts = [(cut, None), (None, cut), (cut + 300, cut + 300)]
        async with open_client(network.connect, flavor()) as client:
            await echo_many(client, 10, results)
        nursery.cancel_scope.cancel()
    assert results == [True] * 10


async def test_cancelled_calls_leave_the_others_alone(autojump_clock: trio.abc.Clock) -> None:
    program, results = Program(), []
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [gss(seq_window=8)]))
        async with open_client(network.connect, flavor()) as client:
            for tick in range(20):
                with trio.move_on_after(tick * 0.01):
                    async with trio.open_nursery() as calls:
                        for _ in range(4):
                            calls.start_soon(client.call, HOLD, b"x")
                results.append(await client.call(ECHO, b"y"))
            with pytest.raises(CallTimedOut):
                await client.call(HOLD, b"z", timeout=1)
            assert await client.call(ECHO, b"last") == b"last"
        nursery.cancel_scope.cancel()
    assert results == [b"y"] * 20


async def test_closing_the_client_destroys_the_context(autojump_clock: trio.abc.Clock) -> None:
    server_flavor = gss()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [server_flavor]))
        async with open_client(network.connect, flavor()) as client:
            await client.call(ECHO, b"x")
            assert server_flavor.store.established == 1
        assert server_flavor.store.established == 0
        nursery.cancel_scope.cancel()


async def test_policy_by_service_and_principal(autojump_clock: trio.abc.Clock) -> None:
    def policy(call: Call) -> None:
        if getattr(call.identity, "service", None) is not GssService.PRIVACY and call.procedure == ECHO:
            raise AuthRefused(auth_stat.AUTH_TOOWEAK)

    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [gss()], policy=policy))
        async with open_client(network.connect, flavor(GssService.INTEGRITY)) as client:
            await client.call(NULL, None)
            with pytest.raises(AuthRefused) as caught:
                await client.call(ECHO, b"x")
            assert caught.value.stat == auth_stat.AUTH_TOOWEAK
        async with open_client(network.connect, flavor()) as client:
            assert await client.call(ECHO, b"x") == b"x"
        nursery.cancel_scope.cancel()


async def test_no_kdc_is_an_error_of_the_call(autojump_clock: trio.abc.Clock) -> None:
    provider = FakeProvider()
    provider.error = GssError(0x000D0000, 1, "no KDC can be reached")
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [gss()]))
        async with open_client(network.connect, flavor(provider=provider)) as client:
            with pytest.raises(AuthenticationFailed, match="no KDC can be reached"):
                await client.call(ECHO, b"x")
            provider.error = None
            assert await client.call(ECHO, b"x") == b"x"
        nursery.cancel_scope.cancel()


async def test_a_flavor_is_for_one_client_at_a_time(autojump_clock: trio.abc.Clock) -> None:
    one = flavor()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [gss()]))
        async with open_client(network.connect, one) as client, open_client(network.connect, one) as other:
            assert await client.call(ECHO, b"x") == b"x"
            with pytest.raises(AuthenticationFailed, match="another client"):
                await other.call(ECHO, b"x")
        async with open_client(network.connect, one) as client:
            assert await client.call(ECHO, b"x") == b"x"
        nursery.cancel_scope.cancel()


async def test_a_program_that_is_not_there(autojump_clock: trio.abc.Clock) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([], [gss()]))
        async with open_client(network.connect, flavor()) as client:
            with pytest.raises(Refusal, match="does not have this program"):
                await client.call(ECHO, b"x")
        nursery.cancel_scope.cancel()


async def test_creation_requests_that_do_not_parse_hurt_nobody(autojump_clock: trio.abc.Clock) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [gss()]))
        stranger = await network.connect()
        credential = opaque_auth(6, encode_credential(Credential(RPCSEC_GSS_INIT, 0, 1, b"")))
        header = encode_call_header(CallHeader(5, PROGRAM, VERSION, 0), credential)
        await stranger.send(header + encode_auth(opaque_auth(0, b"")) + b"rubbish!")
        reply = parse_reply_untrusted(await stranger.receive())
        assert reply.stat.name == "GARBAGE_ARGS"  # type: ignore[union-attr]
        async with open_client(network.connect, flavor()) as client:
            assert await client.call(ECHO, b"x") == b"x"
        await stranger.aclose()
        nursery.cancel_scope.cancel()


async def test_results_that_cannot_be_protected_are_not_sent(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5.3.3.4.4: no reply. A denial would have the client send the call again, and run it twice."""
    program = Program()

    def fail(*arguments: object) -> Sequence[Buffer]:
        raise ProtectionUnavailable("used up")

    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [gss()]))
        async with open_client(network.connect, flavor()) as client:
            with monkeypatch.context() as patch:
                patch.setattr("rpcgss.gss.session.protect", fail)
                with pytest.raises(CallTimedOut):
                    await client.call(ECHO, b"once", timeout=5)
            assert await client.call(ECHO, b"again") == b"again"
        nursery.cancel_scope.cancel()
    assert program.executed[b"once"] == 1
