"""rpcgss.asyncio: real sockets, cancellation across both loops."""

import asyncio
import contextvars
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import rpcgss
import rpcgss.asyncio
import xdr
from examples.realm import Realm
from rpcgss import blocking
from rpcgss.rpc.errors import ProcedureUnavailable, ServerFault
from tests.facade.conftest import tasks_on_the_loop
from tests.facade.program import (
    ECHO,
    EXIT,
    FAIL,
    HOLD,
    LIMIT,
    MISSING,
    NULL,
    REFUSE,
    Asynchronous,
    GeneratedClient,
    Plain,
)

STEPS = 40
"""Turns of the event loop after which a cancellation is tried."""


def on_asyncio(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @wraps(test)
    def run(**fixtures: object) -> None:
        async def limited() -> None:
            async with asyncio.timeout(LIMIT):
                await test(**fixtures)

        asyncio.run(limited())

    return run


@asynccontextmanager
async def serving(program: Asynchronous, *, drain_seconds: float = LIMIT) -> AsyncIterator[rpcgss.asyncio.Serving]:
    server = rpcgss.Server([rpcgss.asyncio.service(program)], [rpcgss.AcceptNone()])
    async with rpcgss.asyncio.serve_tcp(server, 0, "127.0.0.1", drain_seconds=drain_seconds) as working:
        try:
            yield working
        finally:
            program.gate.set()


@asynccontextmanager
async def connected(
    working: rpcgss.asyncio.Serving | blocking.Serving, non_idempotent: Collection[xdr.Procedure[Any, Any]] = ()
) -> AsyncIterator[rpcgss.asyncio.Client]:
    async with rpcgss.asyncio.connect_tcp(
        "127.0.0.1", working.port, rpcgss.AuthNone(), timeout=LIMIT, non_idempotent=non_idempotent
    ) as client:
        yield client


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@on_asyncio
async def test_calls() -> None:
    program = Asynchronous()
    async with serving(program) as working, connected(working) as client:
        generated = GeneratedClient(client.call)
        await generated.NULL()
        for size in (0, 1, 1_000_000):
            assert await generated.ECHO(bytes(size)) == bytes(size)
        assert client.outstanding == 0
        assert client.counters.calls == 4
        assert isinstance(client.flavor, rpcgss.AuthNone)
    assert program.loops == {asyncio.get_running_loop()}


@on_asyncio
async def test_many_users_of_one_client() -> None:
    server = rpcgss.Server([rpcgss.asyncio.service(Asynchronous())], [rpcgss.AcceptNone(), rpcgss.AcceptSys()])
    async with rpcgss.asyncio.serve_tcp(server, 0, "127.0.0.1") as working, connected(working) as client:
        flavors = [rpcgss.AuthSys(uid=uid) for uid in (7, 8)]
        async with client.as_user(flavors[0]) as seven, client.as_user(flavors[1]) as eight:
            assert (
                await asyncio.gather(*(GeneratedClient(one.call).ECHO(b"x") for one in (seven, eight, client) * 5))
                == [b"x"] * 15
            )
            assert [seven.flavor, eight.flavor] == flavors
        assert client.counters.connections == 1


def test_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def main() -> None:
        server = rpcgss.Server([rpcgss.asyncio.service(Asynchronous())], [rpcgss.AcceptNone()])
        async with (
            rpcgss.asyncio.serve_unix(server, path),
            rpcgss.asyncio.connect_unix(str(path), rpcgss.AuthNone()) as client,
        ):
            assert await client.call(ECHO, b"hello") == b"hello"

    asyncio.run(main())
    assert not path.exists()


def test_over_udp() -> None:
    async def main() -> None:
        server = rpcgss.Server([rpcgss.asyncio.service(Asynchronous())], [rpcgss.AcceptNone()])
        async with (
            rpcgss.asyncio.serve_udp(server, 0, "127.0.0.1") as working,
            rpcgss.asyncio.connect_udp("127.0.0.1", working.port, rpcgss.AuthNone()) as client,
        ):
            assert await client.call(ECHO, b"hello") == b"hello"
            with pytest.raises(rpcgss.CallTooLarge, match="use TCP"):
                await client.call(ECHO, bytes(70_000))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("procedure", "error"),
    [(FAIL, ServerFault), (EXIT, ServerFault), (MISSING, ProcedureUnavailable), (REFUSE, rpcgss.AuthRefused)],
)
def test_methods_that_raise(procedure: xdr.Procedure[None, None], error: type[Exception]) -> None:
    async def main() -> None:
        async with serving(Asynchronous()) as working, connected(working) as client:
            with pytest.raises(error) as raised:
                await client.call(procedure, None)
            assert type(raised.value) is error
            assert "secret" not in str(raised.value)
            assert await client.call(ECHO, b"still there") == b"still there"

    asyncio.run(main())


@on_asyncio
async def test_methods_that_are_not_async(caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(Asynchronous):
        def ECHO(self, call: rpcgss.Call, arg: bytes) -> bytes:  # type: ignore[override]
            return arg

    async with serving(Wrong()) as working, connected(working) as client:
        with pytest.raises(ServerFault):
            await client.call(ECHO, b"")
        await client.call(NULL, None)
    assert "ECHO is a plain method: make it async" in caplog.text


@on_asyncio
async def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(rpcgss.ConnectionLost, match="Connection refused"):
            async with rpcgss.asyncio.connect_tcp("127.0.0.1", bound.getsockname()[1], rpcgss.AuthNone()):
                raise AssertionError


@on_asyncio
async def test_a_port_that_is_taken() -> None:
    server = rpcgss.Server([rpcgss.asyncio.service(Asynchronous())], [rpcgss.AcceptNone()])
    async with serving(Asynchronous()) as working:
        with pytest.raises(OSError, match="in use"):
            async with rpcgss.asyncio.serve_tcp(server, working.port, "127.0.0.1"):
                raise AssertionError


def test_a_service_needs_an_event_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        rpcgss.asyncio.service(Asynchronous.__new__(Asynchronous))


@on_asyncio
async def test_fifty_tasks_at_once() -> None:
    async with serving(Asynchronous()) as working, connected(working) as client:

        async def caller(number: int) -> bool:
            texts = [bytes([number, call]) for call in range(20)]
            return all([await client.call(ECHO, text) == text for text in texts])

        assert all(await asyncio.gather(*map(caller, range(50))))


@on_asyncio
async def test_a_cancelled_call_leaves_nothing() -> None:
    """Cancelled while the method runs; the method goes on, for a client that gives up cannot say so."""
    program = Asynchronous()
    async with serving(program) as working, connected(working) as client:
        call = asyncio.create_task(client.call(HOLD, b"x"))
        await program.begun.acquire()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert client.outstanding == 0
        assert program.ends == []
        assert await client.call(ECHO, b"next") == b"next"


@on_asyncio
async def test_a_call_within_a_timeout() -> None:
    program = Asynchronous()
    async with serving(program) as working, connected(working) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.call(HOLD, b"x")
        with pytest.raises(rpcgss.CallTimedOut):
            await client.call(HOLD, b"x", timeout=0.01)
        assert client.outstanding == 0


@on_asyncio
async def test_calls_cancelled_at_every_turn() -> None:
    async with serving(Asynchronous()) as working, connected(working) as client:
        for step in range(STEPS):
            call = asyncio.create_task(client.call(ECHO, b"x"))
            await turns(step)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            assert client.outstanding == 0
        assert await client.call(ECHO, b"next") == b"next"


@on_asyncio
async def test_clients_and_servers_cancelled_at_every_turn() -> None:
    async with serving(Asynchronous()) as working:
        empty = tasks_on_the_loop()

        async def use() -> None:
            async with serving(Asynchronous()) as other, connected(other) as client:
                await client.call(ECHO, b"x")

        for step in range(0, 4 * STEPS, 3):
            user = asyncio.create_task(use())
            await turns(step)
            user.cancel()
            with suppress(asyncio.CancelledError):
                await user
            assert tasks_on_the_loop() == empty
        async with connected(working) as client:
            assert await client.call(ECHO, b"next") == b"next"


@on_asyncio
async def test_a_task_that_is_cancelled_twice() -> None:
    program = Asynchronous()
    async with serving(program) as working, connected(working) as client:
        call = asyncio.create_task(client.call(HOLD, b"x"))
        await program.begun.acquire()
        call.cancel()
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await client.call(ECHO, b"next") == b"next"


@on_asyncio
async def test_stop_lets_calls_end() -> None:
    program = Asynchronous()
    async with serving(program) as working, connected(working) as client:
        call = asyncio.create_task(client.call(HOLD, b"x"))
        await program.begun.acquire()
        stop = asyncio.create_task(working.stop())
        await asyncio.sleep(0)
        program.gate.set()
        assert await call == b"x"
        await stop
        await working.stop()
        await working.wait()
    assert program.ends == ["done"]


@on_asyncio
async def test_stop_without_patience_cancels_the_methods() -> None:
    program = Asynchronous()
    async with (
        serving(program, drain_seconds=0) as working,
        connected(working, non_idempotent=[HOLD]) as client,
    ):
        call = asyncio.create_task(client.call(HOLD, b"x"))
        await program.begun.acquire()
        await working.stop()
        assert program.ends == ["cancelled"]
        with pytest.raises(rpcgss.OutcomeUnknown):
            await call


@on_asyncio
async def test_a_cancelled_wait_leaves_the_server_at_work() -> None:
    async with serving(Asynchronous()) as working, connected(working) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await working.wait()
        assert await client.call(ECHO, b"x") == b"x"


@on_asyncio
async def test_a_client_that_is_closed_under_its_callers() -> None:
    program = Asynchronous()
    async with serving(program) as working:
        async with connected(working) as client:
            call = asyncio.create_task(client.call(HOLD, b"x"))
            await program.begun.acquire()
        with pytest.raises(rpcgss.ConnectionLost):
            await call
        with pytest.raises(rpcgss.ConnectionLost):
            await client.call(NULL, None)


@on_asyncio
async def test_blocks_let_exceptions_through() -> None:
    with pytest.raises(ZeroDivisionError):
        async with serving(Asynchronous()) as working, connected(working):
            raise ZeroDivisionError


@on_asyncio
async def test_context_variables_of_who_made_the_service() -> None:
    name = contextvars.ContextVar("name", default="")
    seen = []

    class Curious(Asynchronous):
        async def NULL(self, call: rpcgss.Call) -> None:
            seen.append(name.get())

    name.set("mine")
    async with serving(Curious()) as working, connected(working) as client:
        await client.call(NULL, None)
    assert seen == ["mine"]


@pytest.fixture
def orphan() -> Iterator[blocking.Serving]:
    """A server in the background whose methods belong to an event loop that has ended."""

    async def make() -> xdr.Service[rpcgss.Call]:
        return rpcgss.asyncio.service(Asynchronous())

    server = rpcgss.Server([asyncio.run(make())], [rpcgss.AcceptNone()])
    with blocking.serve_tcp(server, 0, "127.0.0.1") as working:
        yield working


def test_an_event_loop_that_has_ended(orphan: blocking.Serving) -> None:
    with blocking.connect_tcp("127.0.0.1", orphan.port, rpcgss.AuthNone()) as client, pytest.raises(ServerFault):
        client.call(NULL, None)


def test_an_event_loop_that_ends_before_its_calls() -> None:
    """The call is cancelled with the event loop: the server goes on."""
    client: Any = None

    async def first() -> None:
        program = Asynchronous()
        server = rpcgss.Server([rpcgss.asyncio.service(program)], [rpcgss.AcceptNone()])
        serving = blocking.serve_tcp(server, 0, "127.0.0.1", drain_seconds=LIMIT)
        opened.append(serving)
        client = blocking.connect_tcp("127.0.0.1", serving.port, rpcgss.AuthNone(), timeout=LIMIT)
        opened.append(client)
        pending.append(asyncio.get_running_loop().run_in_executor(None, client.call, HOLD, b"x"))
        await program.begun.acquire()
        # What ends a program's event loop cancels its tasks: the method's among them.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        with pytest.raises(ServerFault):
            await pending[0]

    opened: list[Any] = []
    pending: list[Any] = []
    asyncio.run(first())
    client = opened[1]
    with pytest.raises(ServerFault):
        client.call(NULL, None)
    client.close()
    opened[0].stop()


@on_asyncio
async def test_the_two_facades_together() -> None:
    """An asyncio client of a threaded server, and the other way round."""
    plain = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    with blocking.serve_tcp(plain, 0, "127.0.0.1") as threaded:
        async with connected(threaded) as client:
            assert await client.call(ECHO, b"hello") == b"hello"
    async with serving(Asynchronous()) as working:

        def ask() -> bytes:
            with blocking.connect_tcp("127.0.0.1", working.port, rpcgss.AuthNone()) as client:
                return client.call(ECHO, b"hello")

        assert await asyncio.to_thread(ask) == b"hello"


def test_tickets(realm: Realm) -> None:
    """Kerberos, and a context that is lost with every fifth call, under ten tasks: nobody notices."""

    async def main() -> None:
        store = rpcgss.ContextStore(drop_policy=rpcgss.DropPolicy(every=5))
        tickets = rpcgss.TicketServer(rpcgss.FixedKeys.random())
        acceptor = rpcgss.GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
        accepting = rpcgss.GssServerFlavor(acceptor, extension=tickets, store=store)
        server = rpcgss.Server([rpcgss.asyncio.service(Asynchronous())], [accepting])
        flavor = rpcgss.GssFlavor("nfs@localhost", extension=rpcgss.TicketClient())
        async with (
            rpcgss.asyncio.serve_tcp(server, 0, "127.0.0.1") as working,
            rpcgss.asyncio.connect_tcp("127.0.0.1", working.port, flavor, timeout=LIMIT) as client,
        ):

            async def caller(number: int) -> bool:
                return all([await client.call(ECHO, bytes([number, n])) == bytes([number, n]) for n in range(5)])

            assert all(await asyncio.gather(*map(caller, range(10))))
        assert flavor.counters.by_exchange == 1
        assert flavor.counters.by_ticket == flavor.counters.lost > 0
        assert store.counters.destroyed == 1

    asyncio.run(main())
