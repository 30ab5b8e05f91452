"""A client's view of rpcbind: one program in three versions (RFC 1833), of which the server has the highest it has.

How it works: a `_Dialect` for each version says the same few things in that version's words. `Rpcbind` begins with the
highest and goes down when the server says that it has not got it; it never goes up again: no server can keep it busy.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

import xdr
from rpcgss.rpc.errors import BadAddress, BadReply, ProcedureUnavailable, ProgramMismatch
from rpcgss.rpc.rpcbind_xdr import (
    PMAPVERS,
    RPCBVERS,
    RPCBVERS4,
    PMAPVERS_Client,
    RPCBVERS4_Client,
    RPCBVERS_Client,
    mapping,
    rpcb,
)
from rpcgss.rpc.universal import Address, InternetAddress, Netid, parse_address_untrusted

T = TypeVar("T")

PROTOCOLS: Final = {Netid.TCP: 6, Netid.UDP: 17}
"""What version 2 knows: numbers of Internet protocols, and IPv4 without saying so."""
NO_HOST: Final = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class Registration:
    """A program version and where it is. Whatever a stranger's rpcbind lists: `netid` and `address` are any strings of
    up to 255 octets; `parse_address_untrusted` makes sense of them. Version 2 has no `owner`."""

    program: int
    version: int
    netid: str
    address: str
    owner: str = ""


class Rpcbind:
    """rpcbind, asked by `call`, which is a client's: `rpcgss.open_rpcbind` makes one.

    netid   -- of the connection that the calls take
    version -- of the program, as far as it is known by now

    Every method raises what the call raises, `ProgramMismatch` if there is no version in common, and `BadReply`.
    """

    def __init__(self, call: xdr.AsyncCall, netid: Netid) -> None:
        self.netid: Final = netid
        self._dialect: _Dialect = _Version4(call, netid)
        self._lower: Final[list[_Dialect]] = [_Version3(call, netid), _Version2(call, netid)]

    @property
    def version(self) -> int:
        return self._dialect.version

    def knows(self, netid: str) -> bool:
        """This version can say such an address."""
        return self._dialect.knows(netid)

    async def null(self) -> None:
        """Find out the version, if nothing else."""
        await self._ask(lambda dialect: dialect.null())

    async def dump(self) -> list[Registration]:
        """All there is, in the server's order; as much as a record of the client's may hold."""
        return await self._ask(lambda dialect: dialect.dump())

    async def address(self, program: int, version: int, netid: Netid) -> Address | None:
        """Where a program is; None: nowhere.

        The host may be a wildcard, and version 2 says nothing of it: only the port (or the path) is for use. Versions
        2 and 3 may answer with the address of another version of the program if they have not got this one.
        """
        return await self._ask(lambda dialect: dialect.address(program, version, netid))

    async def addresses(self, program: int, version: int) -> dict[str, str]:
        """By netid, the addresses of a program in the protocol family of this connection, with hosts that the server
        thinks its caller can reach. Version 4 only: raises `ProcedureUnavailable` of others."""
        return await self._ask(lambda dialect: dialect.addresses(program, version))

    async def set(self, registration: Registration) -> bool:
        """Register. False: there is one already, or the server does not know that netid. `owner` is not looked at: the
        server finds out itself."""
        return await self._ask(lambda dialect: dialect.set(registration))

    async def unset(self, program: int, version: int, netid: str = "") -> bool:
        """Withdraw what is registered for that netid, or for all. Version 2 forgets both its protocols in any case.
        False: it is somebody else's. Of what is not there at all, servers say this or that."""
        return await self._ask(lambda dialect: dialect.unset(program, version, netid))

    async def time(self) -> int:
        """The server's clock, in seconds since 1970. Raises `ProcedureUnavailable` if it has only version 2."""
        return await self._ask(lambda dialect: dialect.time())

    async def _ask(self, question: Callable[["_Dialect"], Awaitable[T]]) -> T:
        while True:
            dialect = self._dialect
            try:
                return await question(dialect)
            except ProgramMismatch as mismatch:
                while self._lower and self.version > min(mismatch.high, dialect.version - 1):
                    self._dialect = self._lower.pop(0)
                if self.version >= dialect.version:
                    raise
            except BadAddress as error:
                raise BadReply(f"rpcbind sent an address that is none: {error}") from error


class _Dialect(ABC):
    version: ClassVar[int]

    def knows(self, netid: str) -> bool:
        return True

    @abstractmethod
    async def null(self) -> None: ...

    @abstractmethod
    async def dump(self) -> list[Registration]: ...

    @abstractmethod
    async def address(self, program: int, version: int, netid: Netid) -> Address | None: ...

    @abstractmethod
    async def set(self, registration: Registration) -> bool: ...

    @abstractmethod
    async def unset(self, program: int, version: int, netid: str) -> bool: ...

    async def addresses(self, program: int, version: int) -> dict[str, str]:
        raise ProcedureUnavailable(f"version {self.version} of rpcbind has no RPCBPROC_GETADDRLIST")

    async def time(self) -> int:
        raise ProcedureUnavailable(f"version {self.version} of rpcbind has no RPCBPROC_GETTIME")


class _Version3(_Dialect):
    version = RPCBVERS.VERSION

    def __init__(self, call: xdr.AsyncCall, netid: Netid) -> None:
        self._netid: Final = netid
        self._client: RPCBVERS_Client | RPCBVERS4_Client = RPCBVERS_Client(call)

    async def null(self) -> None:
        await self._client.RPCBPROC_NULL()

    async def dump(self) -> list[Registration]:
        return [_registration(node.rpcb_map) for node in await self._client.RPCBPROC_DUMP()]

    async def address(self, program: int, version: int, netid: Netid) -> Address | None:
        if netid is self._netid:
            found = await self._at_this_transport(rpcb(program, version, netid, "", ""))
            return parse_address_untrusted(netid, found) if found else None
        # Others cannot be asked for: the server goes by the connection, whatever the argument says (2.2.1).
        for each in await self.dump():
            if (each.program, each.version, each.netid) == (program, version, netid):
                return parse_address_untrusted(netid, each.address)
        return None

    async def set(self, registration: Registration) -> bool:
        return await self._client.RPCBPROC_SET(_rpcb(registration))

    async def unset(self, program: int, version: int, netid: str) -> bool:
        return await self._client.RPCBPROC_UNSET(rpcb(program, version, netid, "", ""))

    async def time(self) -> int:
        return await self._client.RPCBPROC_GETTIME()

    async def _at_this_transport(self, question: rpcb) -> str:
        return await self._client.RPCBPROC_GETADDR(question)


class _Version4(_Version3):
    version = RPCBVERS4.VERSION

    def __init__(self, call: xdr.AsyncCall, netid: Netid) -> None:
        super().__init__(call, netid)
        self._client: RPCBVERS4_Client = RPCBVERS4_Client(call)

    async def addresses(self, program: int, version: int) -> dict[str, str]:
        found = await self._client.RPCBPROC_GETADDRLIST(rpcb(program, version, "", "", ""))
        return {node.rpcb_entry_map.r_nc_netid: node.rpcb_entry_map.r_maddr for node in found}

    async def _at_this_transport(self, question: rpcb) -> str:
        return await self._client.RPCBPROC_GETVERSADDR(question)


class _Version2(_Dialect):
    version = PMAPVERS.VERSION

    def __init__(self, call: xdr.AsyncCall, netid: Netid) -> None:
        self._client: Final = PMAPVERS_Client(call)

    def knows(self, netid: str) -> bool:
        return netid in PROTOCOLS

    async def null(self) -> None:
        await self._client.PMAPPROC_NULL()

    async def dump(self) -> list[Registration]:
        netids = {number: netid.value for netid, number in PROTOCOLS.items()}
        maps = [node.map for node in await self._client.PMAPPROC_DUMP()]
        return [
            Registration(each.prog, each.vers, netids.get(each.prot, str(each.prot)), str(_at(each.port)))
            for each in maps
        ]

    async def address(self, program: int, version: int, netid: Netid) -> Address | None:
        if not self.knows(netid):
            return None
        port = await self._client.PMAPPROC_GETPORT(mapping(program, version, PROTOCOLS[netid], 0))
        return _at(port) if port else None

    async def set(self, registration: Registration) -> bool:
        if not self.knows(registration.netid):
            return False
        address = parse_address_untrusted(registration.netid, registration.address)
        assert isinstance(address, InternetAddress)
        protocol = PROTOCOLS[Netid(registration.netid)]
        return await self._client.PMAPPROC_SET(
            mapping(registration.program, registration.version, protocol, address.port)
        )

    async def unset(self, program: int, version: int, netid: str) -> bool:
        return await self._client.PMAPPROC_UNSET(mapping(program, version, 0, 0))


def _registration(entry: rpcb) -> Registration:
    return Registration(entry.r_prog, entry.r_vers, entry.r_netid, entry.r_addr, entry.r_owner)


def _rpcb(registration: Registration) -> rpcb:
    return rpcb(registration.program, registration.version, registration.netid, registration.address, "")


def _at(port: int) -> InternetAddress:
    """Raises `BadAddress`: ports are 32 bits wide in version 2."""
    if not 0 < port <= 0xFFFF:
        raise BadAddress(f"port {port}")
    return InternetAddress(NO_HOST, port)
