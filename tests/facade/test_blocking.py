"""rpcgss.blocking: real sockets, real threads."""

import contextlib
import itertools
import math
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest
import trio

import rpcgss
import rpcgss.loop
import xdr
from examples.realm import Realm
from rpcgss import blocking
from rpcgss.loop import Errand, LoopEnded
from rpcgss.rpc.client import Client
from rpcgss.rpc.errors import ProcedureUnavailable, ServerFault
from tests.facade.program import (
    ECHO,
    EXIT,
    FAIL,
    HOLD,
    LIMIT,
    MISSING,
    NULL,
    ON_TRIO,
    REFUSE,
    GeneratedClient,
    Plain,
)
from tests.rpc.test_server import call_record

WAITING = (blocking.__file__, rpcgss.loop.__file__)


@contextmanager
def serving(program: Plain, *, drain_seconds: float = LIMIT, threads: int = 64) -> Iterator[blocking.Serving]:
    server = rpcgss.Server([blocking.service(program, threads=threads)], [rpcgss.AcceptNone()])
    with blocking.serve_tcp(server, 0, "127.0.0.1", drain_seconds=drain_seconds) as working:
        try:
            yield working
        finally:
            program.gate.set()


def connect(working: blocking.Serving, non_idempotent: Collection[xdr.Procedure[Any, Any]] = ()) -> blocking.Client:
    return blocking.connect_tcp(
        "127.0.0.1", working.port, rpcgss.AuthNone(), timeout=LIMIT, non_idempotent=non_idempotent
    )


@contextmanager
def in_thread(function: Callable[..., object], *arguments: object) -> Iterator[Future[object]]:
    with ThreadPoolExecutor(1, "caller") as pool:
        yield pool.submit(function, *arguments)


def interrupt_once(begun: threading.Semaphore) -> None:
    assert begun.acquire(timeout=LIMIT)
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released whenever the main thread has begun to wait for the loop."""
    semaphore, send = threading.Semaphore(0), Errand.send

    def announced(errand: Errand[object]) -> None:
        send(errand)
        if threading.current_thread() is threading.main_thread():
            semaphore.release()

    monkeypatch.setattr(Errand, "send", announced)
    return semaphore


def drain(semaphore: threading.Semaphore) -> None:
    while semaphore.acquire(blocking=False):
        pass


def test_calls() -> None:
    program = Plain()
    with serving(program) as working, connect(working) as client:
        client.call(NULL, None)
        for size in (0, 1, 1_000_000):
            assert client.call(ECHO, bytes(size)) == bytes(size)
        assert client.outstanding == 0
        assert client.counters.calls == 4
        assert isinstance(client.flavor, rpcgss.AuthNone)
    assert "MainThread" not in program.threads
    assert "rpcgss loop" not in program.threads


class Closing(rpcgss.AuthSys):
    """Tells that it was closed."""

    closed = 0

    async def aclose(self, link: object) -> None:
        self.closed += 1


def test_many_users_of_one_client() -> None:
    program, flavor = Plain(), Closing(uid=7)
    server = rpcgss.Server([blocking.service(program)], [rpcgss.AcceptNone(), rpcgss.AcceptSys()])
    with blocking.serve_tcp(server, 0, "127.0.0.1") as working, connect(working) as client:
        with client.as_user(flavor) as seven, client.as_user(rpcgss.AuthSys(uid=8)) as eight:
            for caller in (seven, eight, client, seven):
                assert caller.call(ECHO, b"x") == b"x"
            assert eight.methods(GeneratedClient).ECHO(b"y") == b"y"
            assert seven.flavor is flavor
            before = flavor.closed
        assert (before, flavor.closed) == (0, 1)
        assert client.counters.connections == 1
    assert [getattr(call.identity, "uid", None) for call in program.calls] == [7, 8, None, 7, 8]


def test_the_methods_of_a_generated_client() -> None:
    with serving(Plain()) as working, connect(working) as client:
        methods = client.methods(GeneratedClient)
        assert methods.ECHO(b"hello") == b"hello"
        assert methods.NULL() is None
        assert methods.ECHO.__name__ == "ECHO"
        assert methods.ECHO.__doc__ == "Gives it back."
        assert sorted(vars(methods)) == ["ECHO", "NULL"]
        with pytest.raises(rpcgss.CallTimedOut):
            client.methods(GeneratedClient, timeout=0).ECHO(b"")


def test_a_method_that_waits_for_something_else() -> None:
    class Odd(GeneratedClient):
        async def NULL(self) -> None:
            await trio.lowlevel.checkpoint()

    with serving(Plain()) as working, connect(working) as client, pytest.raises(RuntimeError):
        client.methods(Odd).NULL()


def test_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    with blocking.serve_unix(server, path) as working:
        with blocking.connect_unix(str(path), rpcgss.AuthNone()) as client:
            assert client.call(ECHO, b"hello") == b"hello"
        with pytest.raises(ValueError, match="no TCP listener"):
            _ = working.port
    assert not path.exists()


def test_over_udp() -> None:
    server = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    with (
        blocking.serve_udp(server, 0, "127.0.0.1") as working,
        blocking.connect_udp("127.0.0.1", working.port, rpcgss.AuthNone()) as client,
    ):
        assert client.call(ECHO, b"hello") == b"hello"
        with pytest.raises(rpcgss.CallTooLarge, match="use TCP"):
            client.call(ECHO, bytes(70_000))


def test_a_call_that_comes_again_is_not_executed_again(tmp_path: Path) -> None:
    program = Plain()
    with contextlib.closing(rpcgss.SqliteReplyCache(tmp_path / "replies")) as cache:
        server = rpcgss.Server(
            [blocking.service(program)], [rpcgss.AcceptNone()], non_idempotent=[ECHO], reply_cache=cache
        )
        with blocking.serve_udp(server, 0, "127.0.0.1") as working:
            record = call_record(ECHO.number, ECHO.argument.encode(b"hello"))
            replies = set()
            for _ in range(3):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(LIMIT)
                    sock.connect(("127.0.0.1", working.port))
                    sock.send(record)
                    replies.add(sock.recv(1000))
    assert len(replies) == len(program.calls) == 1


@pytest.mark.parametrize(
    ("procedure", "error"),
    [(FAIL, ServerFault), (EXIT, ServerFault), (MISSING, ProcedureUnavailable), (REFUSE, rpcgss.AuthRefused)],
)
def test_methods_that_raise(procedure: xdr.Procedure[None, None], error: type[Exception]) -> None:
    with serving(Plain()) as working, connect(working) as client:
        with pytest.raises(error) as raised:
            client.call(procedure, None)
        assert type(raised.value) is error
        assert "secret" not in str(raised.value)
        assert client.call(ECHO, b"still there") == b"still there"


def test_arguments_that_do_not_fit() -> None:
    with serving(Plain()) as working, connect(working) as client:
        with pytest.raises(xdr.EncodeError):
            client.call(ECHO, bytes(4_000_001))
        assert client.counters.transmissions == 0


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(rpcgss.ConnectionLost, match="Connection refused"):
            blocking.connect_tcp("127.0.0.1", bound.getsockname()[1], rpcgss.AuthNone())


def test_a_port_that_is_taken() -> None:
    server = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    with serving(Plain()) as working, pytest.raises(OSError, match="in use"):
        blocking.serve_tcp(server, working.port, "127.0.0.1")


def test_a_timeout_leaves_nothing() -> None:
    program = Plain()
    with serving(program) as working, connect(working) as client:
        with pytest.raises(rpcgss.CallTimedOut):
            client.call(HOLD, b"", timeout=0.01)
        assert client.outstanding == 0
        program.gate.set()
        assert client.call(ECHO, b"next") == b"next"


def test_an_interrupt_cancels_the_call() -> None:
    program = Plain()
    with serving(program) as working, connect(working) as client:
        with in_thread(interrupt_once, program.begun), pytest.raises(KeyboardInterrupt):
            client.call(HOLD, b"")
        assert client.outstanding == 0
        assert client.call(ECHO, b"next") == b"next"


def test_an_interrupt_while_connecting(sent: threading.Semaphore) -> None:
    steps = []

    @asynccontextmanager
    async def connecting() -> AsyncIterator[Client]:
        steps.append("begun")
        try:
            await trio.sleep(math.inf)
            yield cast(Client, None)
        finally:
            steps.append("left")

    with in_thread(interrupt_once, sent), pytest.raises(KeyboardInterrupt):
        blocking.Client(connecting())
    assert steps in ([], ["begun", "left"])


def test_an_interrupt_before_anything_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with serving(Plain()) as working, connect(working) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Errand, "send", interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.call(NULL, None)
        client.call(NULL, None)


@contextmanager
def interrupted_at(line: int) -> Iterator[None]:
    """Raise KeyboardInterrupt before the so many-th line that this thread runs in what waits for the loop."""
    count = itertools.count(1)

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if frame.f_code.co_name in ("__init__", "soon", "check") or frame.f_code.co_filename not in WAITING:
            return None
        if event == "line" and next(count) == line:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def test_a_call_interrupted_at_every_line() -> None:
    with serving(Plain()) as working, connect(working) as client:
        interrupts = 0
        for line in itertools.count(1):
            try:
                with interrupted_at(line):
                    client.call(ECHO, b"x")
            except KeyboardInterrupt:
                interrupts += 1
            else:
                break
            assert client.outstanding == 0
        assert interrupts > 10
        assert client.call(ECHO, b"next") == b"next"


def test_an_interrupted_wait_leaves_the_server_at_work(sent: threading.Semaphore) -> None:
    with serving(Plain()) as working, connect(working) as client:
        drain(sent)
        with in_thread(interrupt_once, sent), pytest.raises(KeyboardInterrupt):
            working.wait()
        assert client.call(ECHO, b"hello") == b"hello"


def test_fifty_threads_at_once() -> None:
    program = Plain()
    with serving(program) as working, connect(working) as one, connect(working) as other:

        def caller(number: int) -> bool:
            texts = [bytes([number, call]) for call in range(20)]
            return all((one, other)[number % 2].call(ECHO, text) == text for text in texts)

        with ThreadPoolExecutor(50) as pool:
            assert all(pool.map(caller, range(50)))
        assert one.counters.calls + other.counters.calls == 1000
        loops = [thread for thread in threading.enumerate() if thread.name == "rpcgss loop"]
        assert len(loops) == 1


def test_so_many_threads_and_no_more() -> None:
    program = Plain()
    with serving(program, threads=3) as working, connect(working) as client, ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(client.call, HOLD, b"x") for _ in range(10)]
        for _ in range(3):
            assert program.begun.acquire(timeout=LIMIT)
        program.gate.set()
        assert {call.result() for call in calls} == {b"x"}
    assert program.most_running == 3


def test_stop_lets_calls_end() -> None:
    program = Plain()
    with serving(program) as working, connect(working) as client, in_thread(client.call, HOLD, b"x") as call:
        assert program.begun.acquire(timeout=LIMIT)
        with in_thread(working.stop):
            program.gate.set()
        assert call.result() == b"x"
        working.stop()
        working.wait()


def test_stop_without_patience() -> None:
    """The call is cut off; its thread cannot be, and goes on to its end."""
    program = Plain()
    with serving(program, drain_seconds=0) as working, connect(working, non_idempotent=[HOLD]) as client:
        with in_thread(client.call, HOLD, b"x") as call:
            assert program.begun.acquire(timeout=LIMIT)
            working.stop()
            with pytest.raises(rpcgss.OutcomeUnknown):
                call.result()
        assert program.running == 1


def test_an_interrupted_stop_cuts_calls_off(sent: threading.Semaphore) -> None:
    program = Plain()
    with (
        serving(program) as working,
        connect(working, non_idempotent=[HOLD]) as client,
        in_thread(client.call, HOLD, b"x") as call,
    ):
        assert program.begun.acquire(timeout=LIMIT)
        drain(sent)
        with in_thread(interrupt_once, sent), pytest.raises(KeyboardInterrupt):
            working.stop()
        with pytest.raises(rpcgss.OutcomeUnknown):
            call.result()


def test_a_client_that_is_closed_under_its_callers() -> None:
    program = Plain()
    with serving(program) as working:
        client = connect(working)
        with in_thread(client.call, HOLD, b"x") as call:
            assert program.begun.acquire(timeout=LIMIT)
            client.close()
            with pytest.raises(rpcgss.ConnectionLost):
                call.result()
        client.close()
        with pytest.raises(rpcgss.ConnectionLost):
            client.call(NULL, None)


def test_blocks_let_exceptions_through() -> None:
    with pytest.raises(ZeroDivisionError), serving(Plain()) as working, connect(working):
        raise ZeroDivisionError


def test_the_loop_does_not_wait_for_itself() -> None:
    program = Plain()
    with serving(program) as working, connect(working) as client:
        client.call(ON_TRIO, None)
    assert isinstance(program.on_trio, RuntimeError)
    assert not isinstance(program.on_trio, LoopEnded)


def test_the_typed_decorator_does_nothing() -> None:
    def plain(number: int) -> int:
        return number

    assert blocking.method(plain) is plain  # type: ignore[comparison-overlap]


def test_tickets(realm: Realm) -> None:
    """Kerberos, and a context that is lost with every fifth call: nobody notices."""
    program, store = Plain(), rpcgss.ContextStore(drop_policy=rpcgss.DropPolicy(every=5))
    tickets = rpcgss.TicketServer(rpcgss.FixedKeys.random())
    acceptor = rpcgss.GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    accepting = rpcgss.GssServerFlavor(acceptor, extension=tickets, store=store)
    flavor = rpcgss.GssFlavor("nfs@localhost", extension=rpcgss.TicketClient())
    with blocking.serve_tcp(rpcgss.Server([blocking.service(program)], [accepting]), 0, "127.0.0.1") as working:
        with blocking.connect_tcp("127.0.0.1", working.port, flavor, timeout=LIMIT) as client:
            for number in range(20):
                assert client.call(ECHO, bytes([number])) == bytes([number])
        assert flavor.counters.by_exchange == 1
        assert flavor.counters.by_ticket == flavor.counters.lost > 0
    assert program.calls[-1].identity.principal == realm.principal("alice")  # type: ignore[attr-defined]
    assert store.counters.destroyed == 1
