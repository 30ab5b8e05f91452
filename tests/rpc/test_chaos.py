"""Ten thousand calls that must not be executed twice, on networks that do what they can to make that happen.

Each call says who it is and gets a number that no other gets. Afterwards, each was executed exactly once, with the
number that its caller was told; or its caller was told that the outcome is unknown, and it was executed at most once.
(Now and then a call fails before it has left, for want of a context: then it was not executed.)
"""

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import trio
import trio.testing

import xdr
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.rpc import (
    AcceptSys,
    AuthSys,
    Call,
    CallFailed,
    CallTimedOut,
    ClientFlavor,
    MemoryReplyCache,
    OutcomeUnknown,
    Refusal,
    ReplyCache,
    Server,
    ServerFault,
    ServerFlavor,
    SqliteReplyCache,
    open_client,
)
from rpcgss.rpc.connector import Connect
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import FakeAcceptor, FakeProvider
from tests.rpc.network import CuttingStream, network
from tests.rpc.networks import Weather, datagram_network

CALLS: Final = 1250
"""Of each of the eight runs."""
CALLERS: Final = 50
UNKNOWN: Final = (OutcomeUnknown, CallTimedOut, ServerFault)

INCREMENT: Final = xdr.Procedure(0x20000043, 1, 1, "INCREMENT", xdr.string(64), xdr.UNSIGNED_64)

MakeNetwork = Callable[[Server, int], AbstractAsyncContextManager[Connect]]


class Counter(xdr.Service[Call]):
    """`began` says of whom it was, `given` what number it got."""

    PROGRAM = INCREMENT.program
    VERSION = INCREMENT.version
    PROCEDURES = {INCREMENT.number: INCREMENT}  # noqa: RUF012

    def __init__(self, chance: random.Random) -> None:
        self.began: list[str] = []
        self.given: dict[str, int] = {}
        self._chance = chance

    async def INCREMENT(self, call: Call, who: str) -> int:
        self.began.append(who)
        await trio.sleep(self._chance.expovariate(10))
        self.given[who] = len(self.given) + 1
        return self.given[who]


@dataclass
class Outcomes:
    told: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    failed: dict[str, Exception] = field(default_factory=dict)


class LateStream(CuttingStream):
    """Breaks like that, and is slow now and then."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, octets: int, chance: random.Random) -> None:
        super().__init__(stream, octets)
        self._chance = chance

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._chance.random() < 0.2:
            await trio.sleep(self._chance.uniform(0, 0.5))
        await super().send_all(data)


@asynccontextmanager
async def streams(server: Server, seed: int) -> AsyncIterator[Connect]:
    """Connections that break anywhere, also in the middle of a record, and slow ones. Sometimes all of them break at
    once, with the calls that run."""
    chance = random.Random(seed)
    async with network(server) as net, trio.open_nursery() as nursery:

        def late(stream: trio.abc.HalfCloseableStream) -> LateStream:
            return LateStream(stream, int(chance.expovariate(1 / 6000)), chance)

        async def trouble() -> None:
            while True:
                await trio.sleep(chance.expovariate(1 / 2))
                if chance.random() < 0.2:
                    net.cut_all()
                else:
                    await net.break_all()

        net.wrap = late
        nursery.start_soon(trouble)
        yield net.connect
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def datagrams(server: Server, seed: int) -> AsyncIterator[Connect]:
    """Datagrams are lost, doubled, late, and overtaken."""
    weather = Weather(lost=0.1, doubled=0.2, least_delay=0.001, longest_delay=0.3)
    async with datagram_network(server, seed=seed, weather=weather) as net:
        yield net.connect


def sys_flavors(seed: int) -> tuple[ClientFlavor, ServerFlavor]:
    return AuthSys(machine="m", uid=1, gid=1, gids=()), AcceptSys()


def gss_flavors(seed: int) -> tuple[ClientFlavor, ServerFlavor]:
    """Contexts are lost all the time."""
    store = ContextStore(drop_policy=DropPolicy(probability=0.02, seed=seed))
    client = GssFlavor("nfs@server", provider=FakeProvider(), worker=InlineWorker())
    return client, GssServerFlavor(FakeAcceptor(), store=store, worker=InlineWorker())


async def call_many(connect: Connect, flavor: ClientFlavor, seed: int) -> Outcomes:
    outcomes = Outcomes()
    names = iter([f"call {number}" for number in range(CALLS)])
    async with open_client(
        connect, flavor, non_idempotent=[INCREMENT], replies_kept=120, timeout=60, seed=seed
    ) as client:

        async def caller() -> None:
            for name in names:
                try:
                    outcomes.told[name] = await client.call(INCREMENT, name)
                except UNKNOWN:
                    outcomes.unknown.add(name)
                except (CallFailed, Refusal) as error:
                    outcomes.failed[name] = error

        async with trio.open_nursery() as nursery:
            for _ in range(CALLERS):
                nursery.start_soon(caller)
        assert client.outstanding == 0
    return outcomes


@pytest.mark.parametrize("make_network", [streams, datagrams])
@pytest.mark.parametrize("flavors", [sys_flavors, gss_flavors])
@pytest.mark.parametrize("make_cache", [MemoryReplyCache, SqliteReplyCache])
async def test_executed_once_or_reported_as_unknown(
    make_network: MakeNetwork,
    flavors: Callable[[int], tuple[ClientFlavor, ServerFlavor]],
    make_cache: type[ReplyCache],
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
) -> None:
    seed = 4 + (make_cache is MemoryReplyCache)
    before = len(os.listdir("/proc/self/fd")), trio.lowlevel.current_statistics().tasks_living
    cache: ReplyCache
    if make_cache is SqliteReplyCache:
        cache = SqliteReplyCache(tmp_path / "replies", worker=InlineWorker(), clock=trio.current_time)
    else:
        cache = MemoryReplyCache()
    client_flavor, server_flavor = flavors(seed)
    counter = Counter(random.Random(seed))
    server = Server([counter], [server_flavor], non_idempotent=[INCREMENT], reply_cache=cache)
    async with make_network(server, seed) as connect:
        outcomes = await call_many(connect, client_flavor, seed)

    assert len(outcomes.told) + len(outcomes.unknown) + len(outcomes.failed) == CALLS
    assert len(counter.began) == len(set(counter.began))  # none was executed twice
    assert all(counter.given[name] == number for name, number in outcomes.told.items())
    assert outcomes.failed.keys().isdisjoint(counter.began)
    assert cache.running == 0
    if isinstance(cache, SqliteReplyCache):
        cache.close()
    await trio.sleep(1)  # a broken channel's last write, which may be late, ends by itself
    assert (len(os.listdir("/proc/self/fd")), trio.lowlevel.current_statistics().tasks_living) == before
    # The networks were as bad as that, and the calls got through all the same.
    assert cache.counters.repeated + cache.counters.joined > CALLS / 50
    assert len(outcomes.told) > CALLS * 0.8
    assert len(outcomes.failed) < CALLS / 50
