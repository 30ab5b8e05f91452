"""UDP sockets on loopback: channels, listeners, and what the network says."""

import socket
from contextlib import suppress
from functools import partial

import pytest
import trio
import trio.testing

from rpcgss.rpc import AcceptNone, AuthNone, CallTimedOut, Retransmission, Server, open_client
from tests.rpc.program import ECHO, HOLD, NULL, Program
from transport import (
    MAX_DATAGRAM,
    MAX_DATAGRAM_IPV6,
    DatagramChannel,
    DatagramListener,
    RecordTooLarge,
    listen_udp,
    open_udp,
)

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
QUICK = Retransmission(first=0.05, least=0.05, longest=0.2)


def port_of(listener: DatagramListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


async def one(host: str | None, **options: int) -> DatagramListener:
    (listener,) = await listen_udp(0, host, **options)
    return listener


@HOSTS
async def test_there_and_back(host: str) -> None:
    async with await one(host) as listener, await open_udp(host, port_of(listener)) as channel:
        assert not channel.reliable
        largest = MAX_DATAGRAM_IPV6 if ":" in host else MAX_DATAGRAM
        assert listener.max_reply == largest
        for size in (0, 1, 1000, largest):
            await channel.send([bytes(size // 2), bytes(size - size // 2)])
            ((datagram, sender),) = await listener.receive()
            assert datagram == bytes(size)
            await listener.send([b"x" * size], sender)
            assert await channel.receive() == b"x" * size
        with pytest.raises(RecordTooLarge, match="use TCP"):
            await channel.send(bytes(largest + 1))
        with pytest.raises(RecordTooLarge, match="use TCP"):
            await listener.send(bytes(largest + 1), sender)


async def test_what_comes_together_is_one_batch() -> None:
    async with await one("127.0.0.1") as listener, await open_udp("127.0.0.1", port_of(listener)) as channel:
        for number in range(40):
            await channel.send(bytes([number]))
        first, second = await listener.receive(), await listener.receive()
        assert (len(first), len(second)) == (32, 8)
        assert [datagram[0] for datagram, _ in first + second] == list(range(40))


async def test_who_is_bound_everywhere_answers_from_where_he_was_called() -> None:
    """A connected socket takes answers from nowhere else."""
    for listener in await listen_udp(0):
        async with listener:
            ipv6 = listener.socket.family == socket.AF_INET6
            for host in ["::1"] if ipv6 else ["127.0.0.1", "127.0.0.2", "127.9.9.9"]:
                async with await open_udp(host, port_of(listener)) as channel:
                    await channel.send(b"call")
                    ((_, sender),) = await listener.receive()
                    await listener.send(b"reply", sender)
                    with trio.fail_after(10):
                        assert await channel.receive() == b"reply"


async def test_strangers_are_not_heard() -> None:
    async with await one("127.0.0.1") as listener, await open_udp("127.0.0.1", port_of(listener)) as channel:
        await channel.send(b"call")
        ((_, sender),) = await listener.receive()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(b"forged", sender.address)
        await listener.send(b"reply", sender)
        assert await channel.receive() == b"reply"


async def test_nobody_there_is_no_end() -> None:
    """The server may be about to start again."""
    listener = await one("127.0.0.1")
    port = port_of(listener)
    async with await open_udp("127.0.0.1", port) as channel:
        await listener.aclose()
        for _ in range(3):
            await channel.send(b"lost")
        assert channel.complaint == f"127.0.0.1:{port}: Connection refused"
        with trio.move_on_after(0):
            await channel.receive()
        (listener,) = await listen_udp(port, "127.0.0.1")
        async with listener:
            await channel.send(b"call")
            ((datagram, sender),) = await listener.receive()
            assert datagram == b"call"
            await listener.send(b"reply", sender)
            assert await channel.receive() == b"reply"
            assert channel.complaint == ""


async def test_what_is_too_long_is_dropped() -> None:
    async with (
        await one("127.0.0.1", max_record=100) as listener,
        await open_udp("127.0.0.1", port_of(listener), max_record=10) as channel,
    ):
        for size in (101, 60_000, 100):
            await channel.send(bytes(size))
        ((datagram, sender),) = await listener.receive()
        assert (len(datagram), listener.dropped) == (100, 2)
        await listener.send(bytes(11), sender)
        await listener.send(bytes(10), sender)
        with pytest.raises(RecordTooLarge, match="more than 10 octets"):
            await channel.receive()
        assert await channel.receive() == bytes(10)


async def test_cancelled_and_closed() -> None:
    async with await one("127.0.0.1") as listener:
        channel = await open_udp("127.0.0.1", port_of(listener))
        for receive in (channel.receive, listener.receive):
            with trio.move_on_after(0.01) as limit:
                await receive()
            assert limit.cancelled_caught

        async def receives(end: DatagramChannel | DatagramListener) -> None:
            with pytest.raises(trio.ClosedResourceError):
                await end.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receives, channel)
            nursery.start_soon(receives, listener)
            await trio.testing.wait_all_tasks_blocked()
            await channel.aclose()
            await listener.aclose()
        await receives(channel)
        await receives(listener)
        with pytest.raises(trio.ClosedResourceError):
            await channel.send(b"")
        await channel.aclose()


@pytest.mark.parametrize("host", ["203.0.113.77", "no.such.host.invalid"])
async def test_places_that_cannot_be_bound(host: str) -> None:
    with pytest.raises(OSError, match=f"cannot listen on {host}:2049 .UDP."):
        await listen_udp(2049, host)


async def test_a_port_that_is_taken() -> None:
    async with await one("127.0.0.1") as listener:
        with pytest.raises(OSError, match="already in use"):
            await listen_udp(port_of(listener), "127.0.0.1")


async def test_hosts_that_are_none() -> None:
    with pytest.raises(OSError, match="cannot send to"):
        await open_udp("no.such.host.invalid", 2049)
    with pytest.raises(OSError, match="ports are numbers"):
        await open_udp("127.0.0.1", 65536)


@HOSTS
async def test_calls_and_a_server_that_starts_again(host: str) -> None:
    program = Program()
    listener = await one(host)
    port = port_of(listener)

    async def hold(number: int) -> None:
        text = b"%d" % number
        assert await client.call(HOLD, text) == text

    async with open_client(partial(open_udp, host, port), AuthNone(), retransmission=QUICK, timeout=30) as client:
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(hold, number)
            async with trio.open_nursery() as first:
                first.start_soon(Server([program], [AcceptNone()]).serve, [listener])
                while program.running < 100:  # noqa: ASYNC110  # what ends it is not ours to hook
                    await trio.sleep(0.005)
                first.cancel_scope.cancel()
            assert (program.running, client.outstanding) == (0, 100)
            program.gate.set()
            server = Server([program], [AcceptNone()])
            async with trio.open_nursery() as second:
                second.start_soon(server.serve, await listen_udp(port, host))
                while client.outstanding:  # noqa: ASYNC110
                    await trio.sleep(0.005)
                server.stop()
        assert client.counters.connections == 1


async def test_a_host_with_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is at the last of them only, and not from the start."""
    port = port_of(listener := await one("127.0.0.1"))
    await listener.aclose()
    addresses = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

    async def resolve(*_: object, **__: object) -> list[object]:
        return [(family, socket.SOCK_DGRAM, 17, "", address) for family, address in addresses]

    monkeypatch.setattr(trio.socket, "getaddrinfo", resolve)
    connect = partial(open_udp, "both.example", port)
    async with (
        open_client(connect, AuthNone(), retransmission=QUICK, timeout=30) as client,
        trio.open_nursery() as nursery,
    ):
        with pytest.raises(CallTimedOut, match="refused"):
            await client.call(NULL, None, timeout=0.3)
        monkeypatch.undo()
        nursery.start_soon((server := Server([Program()], [AcceptNone()])).serve, await listen_udp(port, "127.0.0.1"))
        await client.call(NULL, None)
        assert client.counters.connections == 1
        server.stop()


async def test_the_error_says_what_the_network_said() -> None:
    listener = await one("127.0.0.1")
    port = port_of(listener)
    await listener.aclose()
    async with open_client(partial(open_udp, "127.0.0.1", port), AuthNone(), retransmission=QUICK) as client:
        with pytest.raises(CallTimedOut, match=f"127.0.0.1:{port}: Connection refused"):
            await client.call(NULL, None, timeout=0.5)


async def test_a_flood_of_garbage() -> None:
    """From many ports, of all sizes: others are served."""
    server = Server([Program()], [AcceptNone()])
    listener = await one("127.0.0.1")
    port = port_of(listener)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])

        async def flood() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for size in range(0, 400, 7):
                    sock.sendto(b"\xff" * size, ("127.0.0.1", port))
                    await trio.lowlevel.checkpoint()

        async with open_client(partial(open_udp, "127.0.0.1", port), AuthNone(), retransmission=QUICK) as client:
            async with trio.open_nursery() as floods:
                for _ in range(20):
                    floods.start_soon(flood)
                for number in range(50):
                    floods.start_soon(client.call, ECHO, b"%d" % number)
            await client.call(NULL, None)
        assert server.counters.dropped > 100
        server.stop()


async def test_stopping_answers_what_runs() -> None:
    program = Program()
    server = Server([program], [AcceptNone()])
    listener = await one("127.0.0.1")
    async with (
        open_client(partial(open_udp, "127.0.0.1", port_of(listener)), AuthNone()) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(server.serve, [listener])
        nursery.start_soon(client.call, HOLD, b"held")
        while not program.running:  # noqa: ASYNC110
            await trio.sleep(0.005)
        server.stop()
        await trio.testing.wait_all_tasks_blocked()
        program.gate.set()
    assert listener.socket.fileno() == -1


async def test_a_sender_that_waits_while_another_address_has_its_turn() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # whose buffers can be filled
    (listener,) = await listen_udp(0, "127.0.0.1")
    with far:
        channel = DatagramChannel(near, others=[(socket.AF_INET, listener.socket.getsockname())])
        async with channel, listener, trio.open_nursery() as nursery:
            with suppress(BlockingIOError):
                while True:
                    near.send(b"full")
            nursery.start_soon(channel.send, b"after all")
            await trio.testing.wait_all_tasks_blocked()
            channel._turn()
            ((datagram, _),) = await listener.receive()
            assert datagram == b"after all"
