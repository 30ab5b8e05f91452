"""Real processes: one port, workers that die, words to stop, and what is left afterwards."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

import rpcgss
from examples.echo.echo_xdr import ECHO_V1_Client
from rpcgss.workers import LONGEST_PAUSE, pause_after
from transport import SharedListeners

ROOT = Path(__file__).resolve().parents[2]
DRAIN = "20"


class Service:
    """A process of tests/workers/service.py and its words."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.said: list[list[object]] = []
        self._news = trio.lowlevel.ParkingLot()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for data in self.process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            self.said += [json.loads(line) for line in lines]
            self._news.unpark_all()

    async def hear(self, word: str, count: int = 1) -> list[list[object]]:
        """What was said behind that word, once it was said so often."""
        while len(found := [words[1:] for words in self.said if words[0] == word]) < count:
            await self._news.park()
        return found

    async def address(self) -> tuple[str, int]:
        ((address,),) = await self.hear("bound")
        assert isinstance(address, list)
        return address[0], address[1]

    async def processes(self, count: int) -> dict[int, int]:
        """The latest process of each worker, once so many have come up."""
        return {int(str(number)): int(str(pid)) for number, pid in await self.hear("up", count)}

    async def errors(self) -> str:
        assert self.process.stderr is not None
        return b"".join([data async for data in self.process.stderr]).decode()

    async def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await self.process.wait()


@asynccontextmanager
async def service(kind: str, workers: int, place: str = "tcp", *, drain: str = DRAIN) -> AsyncIterator[Service]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "tests.workers.service", kind, str(workers), drain, place],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            run = Service(process)
            nursery.start_soon(run.listen)
            try:
                yield run
            finally:
                if process.poll() is None:
                    process.kill()
                await process.wait()
                nursery.cancel_scope.cancel()


@asynccontextmanager
async def clients(run: Service, workers: int) -> AsyncIterator[dict[int, rpcgss.Client]]:
    """One client at each worker."""
    found: dict[int, rpcgss.Client] = {}
    async with trio.open_nursery() as nursery:
        finished = trio.Event()

        async def connect() -> None:
            async with rpcgss.connect_tcp(*await run.address(), rpcgss.AuthNone()) as client:
                found.setdefault(await number_of(client), client)
                came.set()
                await finished.wait()

        while len(found) < workers:
            came = trio.Event()
            nursery.start_soon(connect)
            await came.wait()
        yield found
        finished.set()


async def number_of(client: rpcgss.Client) -> int:
    """Of the worker that this client's calls come to."""
    return int((await ECHO_V1_Client(client.call).ECHO("")).split()[0])


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(processes: list[int]) -> None:
    """Wait until all of them have ended."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        try:
            await trio.lowlevel.wait_readable(descriptor)
        finally:
            os.close(descriptor)


async def test_they_share_one_port_and_drain(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with service("echo", 3) as run:
        processes = await run.processes(3)
        assert sorted(processes) == [0, 1, 2]
        async with clients(run, 3) as found, trio.open_nursery() as nursery:
            answers: list[str] = []

            async def call() -> None:
                answers.append(await ECHO_V1_Client(found[1].call).ECHO(str(fifo)))

            nursery.start_soon(call)
            await run.hear("waits")
            # A service manager sends it to all of them, a terminal its SIGINT too, and the supervisor passes it on.
            os.killpg(run.process.pid, signal.SIGTERM)
            os.kill(processes[1], signal.SIGINT)
            await gone([processes[0]])
            assert runs(processes[1])
            await trio.to_thread.run_sync(fifo.write_bytes, b"x")
        assert answers == [f"1 {processes[1]}"]
        assert await run.process.wait() == 0
        assert not any(runs(process) for process in processes.values())


async def test_one_that_dies_is_replaced_and_nobody_waits_in_vain() -> None:
    async with service("echo", 2) as run:
        before = await run.processes(2)
        async with clients(run, 2) as found:
            os.kill(before[1], signal.SIGKILL)
            # Its own client, and any number of new ones, find somebody; the other worker goes on.
            assert await number_of(found[0]) == 0
            assert await number_of(found[1]) in (0, 1)
            after = await run.processes(3)
            assert after[0] == before[0]
            assert after[1] != before[1]
            assert await run.hear("ended") == [[1]]
            numbers = Counter[int]()
            while len(numbers) < 2:
                async with rpcgss.connect_tcp(*await run.address(), rpcgss.AuthNone()) as client:
                    numbers[await number_of(client)] += 1
        assert await run.end() == 0
        assert f"worker 1 (process {before[1]}) was ended by SIGKILL" in await run.errors()


async def test_the_port_is_kept_while_nobody_serves() -> None:
    """Connections that come for a worker that has just died are answered by the one that takes its place."""
    async with service("echo", 1) as run:
        processes = await run.processes(1)
        os.kill(processes[0], signal.SIGKILL)
        await gone([processes[0]])
        async with rpcgss.connect_tcp(*await run.address(), rpcgss.AuthNone()) as client:
            assert await number_of(client) == 0
        assert await run.end() == 0


async def test_datagrams() -> None:
    async with service("echo", 2, "udp") as run:
        await run.processes(2)
        numbers = set[int]()
        while numbers != {0, 1}:
            async with rpcgss.connect_udp(*await run.address(), rpcgss.AuthNone()) as client:
                first = await number_of(client)
                assert {await number_of(client) for _ in range(5)} == {first}
                numbers.add(first)
        assert await run.end() == 0


async def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with service("echo", 2, str(path)) as run:
        processes = await run.processes(2)
        os.kill(processes[0], signal.SIGKILL)
        await run.processes(3)
        async with rpcgss.connect_unix(str(path), rpcgss.AuthNone()) as client:
            assert await number_of(client) in (0, 1)
        assert path.is_socket()
        assert await run.end() == 0
        assert not path.exists()


async def test_signals_are_passed_on() -> None:
    async with service("echo", 2) as run:
        await run.processes(2)
        run.process.send_signal(signal.SIGHUP)
        assert sorted(await run.hear("got", 2)) == [[0, "SIGHUP"], [1, "SIGHUP"]]
        run.process.send_signal(signal.SIGUSR1)
        assert [0, "SIGUSR1"] in await run.hear("got", 4)
        assert await run.end(signal.SIGINT) == 0


async def test_who_does_not_stop_is_killed() -> None:
    async with service("deaf", 2, drain="0.3") as run:
        processes = await run.processes(2)
        assert await run.end() == 1
        assert len(await run.hear("deaf", 2)) == 2
        assert not any(runs(process) for process in processes.values())
        assert "was ended by SIGKILL while it stopped" in await run.errors()


async def test_the_second_word_is_the_last() -> None:
    async with service("deaf", 2) as run:
        await run.processes(2)
        run.process.send_signal(signal.SIGTERM)
        await run.hear("deaf", 2)
        run.process.send_signal(signal.SIGTERM)  # a second SIGTERM says nothing new
        assert await run.end(signal.SIGINT) == 1


@pytest.mark.parametrize("kind", ["echo", "deaf"])
async def test_nobody_outlives_the_supervisor(kind: str) -> None:
    async with service(kind, 2, drain="0.1") as run:
        processes = await run.processes(2)
        assert await run.end(signal.SIGKILL) == -signal.SIGKILL
        await gone(list(processes.values()))


async def test_what_never_starts_is_given_up() -> None:
    async with service("broken", 2) as run:
        errors = await run.errors()
        assert await run.process.wait() == 1
    last = errors.splitlines()[-1]
    assert last == (
        "CannotServe: no worker can start: the last of 5 ended with exit status 1 at once: LookupError: the dog ate it"
    )
    assert "Traceback" in errors


def test_pauses_double_up_to_the_longest() -> None:
    """A worker that fails for hours must not end its supervisor by a number too large."""
    assert [pause_after(ends) for ends in range(5)] == [0.0, 0.1, 0.2, 0.4, 0.8]
    assert {pause_after(ends) for ends in (7, 100, 1025, 10**6)} == {LONGEST_PAUSE}


async def test_there_is_no_room_for_a_process_just_now() -> None:
    """The others go on, and a worker comes when there is."""
    async with service("crowded", 2) as run:
        before = await run.processes(2)
        os.kill(before[0], signal.SIGKILL)
        after = await run.processes(3)
        assert after[1] == before[1]
        assert after[0] != before[0]
        async with clients(run, 2):
            pass
        assert await run.end() == 0
        assert (
            "worker 0 cannot be made: Resource temporarily unavailable; another takes its place" in await run.errors()
        )


async def test_there_is_no_room_for_any() -> None:
    async with service("full", 2, drain="1000") as run:  # there is nobody to wait for
        errors = await run.errors()
        assert await run.process.wait() == 1
    assert errors.splitlines()[-1] == (
        "CannotServe: no worker can start: the last of 5 cannot be made: Resource temporarily unavailable"
    )


async def test_who_knows_better_is_believed_at_once() -> None:
    async with service("hopeless", 2) as run:
        errors = await run.errors()
        assert await run.process.wait() == 1
    assert errors.splitlines()[-1] == r"CannotServe: there is no such dog\udcff"
    assert "Traceback" not in errors


async def test_only_a_process_without_threads_can_fork() -> None:
    async with service("threaded", 1) as run:
        errors = await run.errors()
        assert await run.process.wait() == 1
    assert "before this process has an event loop or threads" in errors


async def test_only_a_process_without_a_loop_can_fork() -> None:
    async def serve(listeners: list[rpcgss.Listener], number: int) -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="event loop"):
        rpcgss.run_workers(1, serve)


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_nobody_slips_in_at_a_port_that_is_taken(kind: str) -> None:
    """Two servers that are started by mistake would each get half of the calls."""
    with SharedListeners(2) as first, SharedListeners(2) as second:
        listen = {"tcp": (first.tcp, second.tcp), "udp": (first.udp, second.udp)}[kind]
        listen[0](0, "127.0.0.1")
        port = int(first.addresses[0][1])
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}.*already in use"):
            listen[1](port, "127.0.0.1")
        assert not second.addresses


def test_all_addresses_of_a_host() -> None:
    with SharedListeners(2) as shared:
        shared.tcp(0)
        shared.udp(0)
        assert {address[0] for address in shared.addresses} == {"0.0.0.0", "::"}
        assert len(shared.addresses) == 4
    with pytest.raises(OSError, match=r"cannot listen on no\.such\.host\.invalid:1"):
        shared.tcp(1, "no.such.host.invalid")
