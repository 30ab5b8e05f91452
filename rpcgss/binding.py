"""Programs by number instead of by port: asking a host's rpcbind, and registering with one's own (RFC 1833)."""

import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, Literal, TypeAlias

import trio

from rpcgss.rpc.client import open_client
from rpcgss.rpc.connector import Connect
from rpcgss.rpc.errors import AuthRefused, CallFailed, ConnectionLost, NotRegistered, Refusal, RegistrationFailed
from rpcgss.rpc.flavors import AuthNone
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpcbind import Registration, Rpcbind
from rpcgss.rpc.rpcbind_xdr import RPCB_PORT
from rpcgss.rpc.server import Server
from rpcgss.rpc.universal import Address, InternetAddress, LocalAddress, Netid, internet_address, netid_of
from transport import DatagramListener, Listener, UnixListener, open_tcp, open_udp, open_unix

Transport: TypeAlias = Literal["tcp", "udp"]

RPCBIND_SOCKET: Final = "/run/rpcbind.sock"
ASK_SECONDS: Final = 10.0
WITHDRAW_SECONDS: Final = 2.0
MAX_ANSWER: Final = 256 * 1024
"""Octets of a list: room for some thousands of real registrations."""
MAX_ADDRESSES: Final = 8
"""Of one host, that are tried."""

_log = QuietLog(logging.getLogger(__name__))


# Asking


@asynccontextmanager
async def open_rpcbind(
    host: str, *, port: int = RPCB_PORT, transport: Transport = "tcp", timeout: float = ASK_SECONDS
) -> AsyncIterator[Rpcbind]:
    """The rpcbind of `host`, while the block runs: the first of the host's addresses counts at which one answers.

    timeout -- seconds that it may take to connect, and each call

    Raises `ConnectionLost` if nobody answers, `CallTimedOut` by UDP.
    """
    async with AsyncExitStack() as stack:
        yield await _first_to_answer(stack, host, port, transport, timeout)


@asynccontextmanager
async def open_local_rpcbind(path: str = RPCBIND_SOCKET, *, timeout: float = ASK_SECONDS) -> AsyncIterator[Rpcbind]:
    """This host's rpcbind by its Unix socket, where it knows who asks; else as `open_rpcbind`."""
    async with open_client(partial(open_unix, path, max_record=MAX_ANSWER), AuthNone(), timeout=timeout) as client:
        yield Rpcbind(client.call, Netid.LOCAL)


async def port_of(
    host: str,
    program: int,
    version: int,
    *,
    transport: Transport = "tcp",
    rpcbind_port: int = RPCB_PORT,
    timeout: float = ASK_SECONDS,
) -> int:
    """The port of a program, as the host's rpcbind has it. `timeout` is of the whole, in seconds.

    Raises `NotRegistered` if it has none, `ConnectionLost` if it does not answer, and what else calls raise.
    """
    return (await find(host, program, version, transport=transport, rpcbind_port=rpcbind_port, timeout=timeout)).port


async def find(
    host: str,
    program: int,
    version: int,
    *,
    transport: Transport = "tcp",
    rpcbind_port: int = RPCB_PORT,
    timeout: float = ASK_SECONDS,
) -> InternetAddress:
    """As `port_of`, with that one of the host's addresses whose rpcbind gave the port: a program may be registered for
    IPv4 and not for IPv6, or for other ports. What rpcbind itself says of hosts is not believed."""
    failures: list[CallFailed | Refusal] = []
    until = trio.current_time() + timeout
    addresses = await _addresses(host, rpcbind_port, timeout)
    for number, address in enumerate(addresses):
        seconds = max(until - trio.current_time(), 0.0) / (len(addresses) - number)
        opened = open_rpcbind(address, port=rpcbind_port, transport=transport, timeout=seconds)
        try:
            with trio.fail_after(seconds):
                async with opened as rpcbind:
                    found = await rpcbind.address(program, version, rpcbind.netid)
            if isinstance(found, InternetAddress):
                return InternetAddress(address, found.port)
            failures.append(NotRegistered(f"{host} has no program {program}, version {version}, for {rpcbind.netid}"))
        except trio.TooSlowError:
            failures.append(ConnectionLost(f"the rpcbind at {address} did not answer within {seconds:.3g} s"))
        except (CallFailed, Refusal) as error:
            failures.append(error)
    # That one answered says more than that another did not.
    raise next((each for each in failures if not isinstance(each, ConnectionLost)), failures[0])


async def _first_to_answer(
    stack: AsyncExitStack, host: str, port: int, transport: Transport, timeout: float
) -> Rpcbind:
    failures: list[CallFailed] = []
    addresses = await _addresses(host, port, timeout)
    for address in addresses:
        opened = open_client(_connect(address, port, transport), AuthNone(), timeout=timeout / len(addresses))
        netid = netid_of(internet_address(address, port), datagrams=transport == "udp")
        try:
            rpcbind = Rpcbind((await stack.enter_async_context(opened)).call, netid)
            if transport == "udp":
                await rpcbind.null()  # nobody knows before whether somebody is there
            return rpcbind
        except CallFailed as error:
            failures.append(error)
    if isinstance(failures[0], ConnectionLost):
        raise ConnectionLost(f"cannot ask the rpcbind of {host}: {failures[0]}") from failures[0]
    raise failures[0]


def _connect(address: str, port: int, transport: Transport) -> Connect:
    if transport == "udp":
        return partial(open_udp, address, port)
    return partial(open_tcp, address, port, max_record=MAX_ANSWER)


async def _addresses(host: str, port: int, timeout: float) -> list[str]:
    problem = f"cannot ask the rpcbind of {host}"
    try:
        with trio.fail_after(timeout):
            found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except trio.TooSlowError as error:
        raise ConnectionLost(f"{problem}: its name was not found within {timeout:g} s") from error
    except OSError as error:
        raise ConnectionLost(f"{problem}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise ConnectionLost(f"{problem}: that is no host name") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))[:MAX_ADDRESSES]


# Registering


@asynccontextmanager
async def registered(
    server: Server, listeners: Sequence[Listener], *, rpcbind: str = RPCBIND_SOCKET, timeout: float = ASK_SECONDS
) -> AsyncIterator[list[Registration]]:
    """While the block runs, this host's rpcbind knows all programs and versions of `server` at the addresses of
    `listeners`; put `Server.serve` into the block.

    A netid has one address: of several listeners of a kind, the first is registered. What was registered for the same
    programs, versions and netids before, by a run that has crashed say, is replaced; nothing else is touched.
    An rpcbind that is started anew knows nothing of it, unless it keeps what it knew (``rpcbind -w``, as on Debian).

    rpcbind -- the path of its Unix socket, where it knows who registers
    timeout -- seconds that each call may take

    Raises `RegistrationFailed`; nothing is left registered then. On every way out of the block, cancellation included,
    what is still this server's is withdrawn, in two seconds at most; that it fails is logged.
    """
    wanted = [
        Registration(program, version, netid, str(address))
        for program, version in server.programs
        for netid, address in addresses_of(listeners).items()
    ]
    begun: list[Registration] = []
    try:
        await _register(wanted, begun, rpcbind, timeout)
        yield begun
    finally:
        with trio.move_on_after(WITHDRAW_SECONDS, shield=True) as limit:
            if begun:
                await _withdraw(begun, rpcbind)
        if limit.cancelled_caught:
            text = "rpcbind at %s did not answer: the programs are still registered there"
            _log.warning(text, rpcbind, event="rpcbind.not_withdrawn")


def addresses_of(listeners: Sequence[Listener]) -> dict[Netid, Address]:
    """Where they listen; of several with one netid, the first. Raises `TypeError` of listeners without a socket."""
    found: dict[Netid, Address] = {}
    for listener in listeners:
        if isinstance(listener, UnixListener):
            address: Address = LocalAddress(os.path.abspath(listener.path))
        elif isinstance(listener, trio.SocketListener | DatagramListener):
            address = internet_address(*listener.socket.getsockname()[:2])
        else:
            raise TypeError(f"where does {listener!r} listen? Give what listen_tcp, listen_udp and listen_unix give")
        found.setdefault(netid_of(address, datagrams=isinstance(listener, DatagramListener)), address)
    return found


async def _register(wanted: Sequence[Registration], begun: list[Registration], path: str, timeout: float) -> None:
    """Register all, each of which is in `begun` before."""
    try:
        async with open_local_rpcbind(path, timeout=timeout) as rpcbind:
            await rpcbind.null()
            possible = [each for each in wanted if rpcbind.knows(each.netid)]
            for each in possible:
                await rpcbind.unset(each.program, each.version, each.netid)
            for each in possible:
                begun.append(each)
                if not await rpcbind.set(each):
                    raise RegistrationFailed(await _why_not(rpcbind, each))
    except ConnectionLost as error:
        raise RegistrationFailed(f"cannot register: {error}; is rpcbind running?") from error
    except AuthRefused as error:
        raise RegistrationFailed(f"rpcbind at {path} takes no registrations from us: {error}") from error
    except (CallFailed, Refusal) as error:
        raise RegistrationFailed(f"cannot register with the rpcbind at {path}: {error}") from error


async def _why_not(rpcbind: Rpcbind, refused: Registration) -> str:
    what = f"program {refused.program}, version {refused.version}, {refused.netid}"
    for each in await rpcbind.dump():
        if (each.program, each.version, each.netid) == (refused.program, refused.version, refused.netid):
            return (
                f"rpcbind has {what} at {each.address!r} already; only its owner ({each.owner!r}) or root replaces it"
            )
    return f"rpcbind refused to register {what} at {refused.address}"


async def _withdraw(registrations: Sequence[Registration], path: str) -> None:
    ours = {(each.program, each.version, each.netid, each.address) for each in registrations}
    try:
        async with open_local_rpcbind(path, timeout=WITHDRAW_SECONDS) as rpcbind:
            for each in await rpcbind.dump():
                # A server that has taken our place meanwhile keeps it.
                if (each.program, each.version, each.netid, each.address) in ours:
                    await rpcbind.unset(each.program, each.version, each.netid)
    except (CallFailed, Refusal) as error:
        _log.warning("the programs are perhaps still registered: %s", error, event="rpcbind.not_withdrawn")
