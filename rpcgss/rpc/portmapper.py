"""A small rpcbind: the services of program 100000 in its three versions (RFC 1833), over one table.

What it does not do. It makes no calls for others (CALLIT, BCAST, INDIRECT: PROC_UNAVAIL): they let strangers speak to
local services from this host's own address, past whatever those trust it for, and turn a forged datagram into a larger
one to somebody else. For that last reason, too, lists go over UDP to local callers only: a stranger asks by TCP.
Registrations are taken from this host alone, and are changed by their owner or root: see `Portmapper`. Statistics and
the translation of addresses into this machine's structures, which no client asks for, are not offered (PROC_UNAVAIL).
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

import xdr
from rpcgss.rpc.errors import AuthRefused, BadAddress
from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.programs import Call
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.rpcbind import NO_HOST, PROTOCOLS, Registration
from rpcgss.rpc.rpcbind_xdr import (
    NC_TPI_CLTS,
    NC_TPI_COTS_ORD,
    PMAPVERS,
    RPCBVERS,
    RPCBVERS4,
    PMAPVERS_Service,
    RPCBVERS4_Service,
    RPCBVERS_Service,
    mapping,
    pmapnode,
    rp__list,
    rpcb,
    rpcb_entry,
    rpcb_entry_list,
)
from rpcgss.rpc.universal import Address, InternetAddress, Netid, internet_address, netid_of, parse_address_untrusted
from transport import local_address

MAX_REGISTRATIONS: Final = 1024
"""Of these, a quarter is for root alone."""
SUPERUSER: Final = "superuser"
UNKNOWN: Final = "unknown"
"""The owner of what came from a port of loopback that is reserved to root, as far as can be told."""
_RESERVED_PORTS: Final = 1024
_TRANSPORTS: Final = {Netid.TCP: "tcp", Netid.UDP: "udp", Netid.TCP6: "tcp", Netid.UDP6: "udp", Netid.LOCAL: "-"}


class Registry:
    """What is registered: at most one address for each program, version and netid. `own` stays whatever is asked."""

    def __init__(self, own: Iterable[Registration] = (), *, most: int = MAX_REGISTRATIONS) -> None:
        self._own: Final = {_key(each): each for each in own}
        self._others: Final[dict[tuple[int, int, str], Registration]] = {}
        self._most: Final = most

    def all(self) -> list[Registration]:
        return [*self._own.values(), *self._others.values()]

    def find(self, program: int, version: int, netid: str) -> Registration | None:
        """Exactly that."""
        key = program, version, netid
        return self._own.get(key) or self._others.get(key)

    def find_any_version(self, program: int, version: int, netid: str) -> Registration | None:
        """That, or else its latest version: its server will tell the caller which ones it has."""
        exact = self.find(program, version, netid)
        if exact is not None:
            return exact
        others = (each for each in self.all() if (each.program, each.netid) == (program, netid))
        return max(others, key=lambda each: each.version, default=None)

    def set(self, registration: Registration) -> bool:
        """False: there is another one, its netid or address is none, or there are too many. What is there already is
        fine: the caller cannot know whether a former try got through."""
        there = self.find(registration.program, registration.version, registration.netid)
        if there is not None:
            return there.address == registration.address
        try:
            parse_address_untrusted(registration.netid, registration.address)
        except BadAddress:
            return False
        if len(self._others) >= (self._most if registration.owner == SUPERUSER else self._most * 3 // 4):
            return False
        self._others[_key(registration)] = registration
        return True

    def unset(self, program: int, version: int, netids: Iterable[str], owner: str) -> bool:
        """False: there was nothing that `owner` may withdraw."""
        keys = [(program, version, netid) for netid in netids]
        theirs = [key for key in keys if key in self._others and owner in (SUPERUSER, self._others[key].owner)]
        for key in theirs:
            del self._others[key]
        return bool(theirs)


class Portmapper:
    """`services` for a `Server` that takes AUTH_NONE and AUTH_SYS, and the `registry` behind them.

    own      -- where the portmapper itself listens, as `rpcgss.addresses_of` has it
    insecure -- take registrations from any port of loopback. They have no owner then: every user of this host can
                replace and withdraw them. Else they come by the Unix socket, where the kernel tells who it is, or from
                ports of loopback that only root can have. From other hosts, never.
    """

    def __init__(
        self,
        own: Mapping[Netid, Address] | None = None,
        *,
        insecure: bool = False,
        most: int = MAX_REGISTRATIONS,
    ) -> None:
        versions = [RPCBVERS4.VERSION, RPCBVERS.VERSION, PMAPVERS.VERSION]
        self.registry: Final = Registry(
            [
                Registration(PMAPVERS.PROGRAM, version, netid, str(address), SUPERUSER)
                for netid, address in (own or {}).items()
                for version in versions
                if version > PMAPVERS.VERSION or netid in PROTOCOLS
            ],
            most=most,
        )
        self.services: Final[list[xdr.Service[Call]]] = [_Version2(self), _Version3(self), _Version4(self)]
        self._insecure: Final = insecure

    def owner(self, connection: Connection) -> str:
        """Who may register. Raises `AuthRefused`."""
        origin = connection.origin
        if origin.uid is not None:
            return str(origin.uid) if origin.uid else SUPERUSER
        if _is_local(connection) and (self._insecure or origin.port < _RESERVED_PORTS):
            return UNKNOWN
        raise AuthRefused(auth_stat.AUTH_TOOWEAK, "registrations come from this host, by root or the Unix socket")

    def listed(self, connection: Connection) -> list[Registration]:
        """All there is. Raises `AuthRefused` of those to whom a list would be an amplifier."""
        if not connection.reliable and not _is_local(connection):
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, "lists are not sent to other hosts by UDP")
        return self.registry.all()

    def set(self, registration: Registration, connection: Connection) -> bool:
        owner = self.owner(connection)
        if registration.program == PMAPVERS.PROGRAM:
            return False
        return self.registry.set(replace(registration, owner=owner))

    def unset(self, program: int, version: int, netids: Iterable[str], connection: Connection) -> bool:
        return self.registry.unset(program, version, netids, self.owner(connection))


class _Version2(PMAPVERS_Service[Call]):
    def __init__(self, portmapper: Portmapper) -> None:
        self._portmapper: Final = portmapper

    async def PMAPPROC_SET(self, call: Call, arg: mapping) -> bool:
        netid = _NETIDS.get(arg.prot, "")
        address = InternetAddress(NO_HOST, arg.port)
        return self._portmapper.set(Registration(arg.prog, arg.vers, netid, str(address)), call.connection)

    async def PMAPPROC_UNSET(self, call: Call, arg: mapping) -> bool:
        return self._portmapper.unset(arg.prog, arg.vers, PROTOCOLS, call.connection)

    async def PMAPPROC_GETPORT(self, call: Call, arg: mapping) -> int:
        found = self._portmapper.registry.find_any_version(arg.prog, arg.vers, _NETIDS.get(arg.prot, ""))
        return 0 if found is None else _port(found)

    async def PMAPPROC_DUMP(self, call: Call) -> list[pmapnode]:
        return [
            pmapnode(mapping(each.program, each.version, PROTOCOLS[Netid(each.netid)], _port(each)))
            for each in self._portmapper.listed(call.connection)
            if each.netid in PROTOCOLS
        ]


class _Common:
    """What versions 3 and 4 have in common: all of 3."""

    def __init__(self, portmapper: Portmapper) -> None:
        self._portmapper: Final = portmapper

    async def RPCBPROC_SET(self, call: Call, arg: rpcb) -> bool:
        return self._portmapper.set(Registration(arg.r_prog, arg.r_vers, arg.r_netid, arg.r_addr), call.connection)

    async def RPCBPROC_UNSET(self, call: Call, arg: rpcb) -> bool:
        netids = [arg.r_netid] if arg.r_netid else Netid
        return self._portmapper.unset(arg.r_prog, arg.r_vers, netids, call.connection)

    async def RPCBPROC_GETADDR(self, call: Call, arg: rpcb) -> str:
        found = self._portmapper.registry.find_any_version(arg.r_prog, arg.r_vers, _netid(call.connection))
        return "" if found is None else _reachable(found, call.connection)

    async def RPCBPROC_DUMP(self, call: Call) -> list[rp__list]:
        return [
            rp__list(rpcb(each.program, each.version, each.netid, each.address, each.owner))
            for each in self._portmapper.listed(call.connection)
        ]

    async def RPCBPROC_GETTIME(self, call: Call) -> int:
        return int(time.time()) & 0xFFFFFFFF


class _Version3(_Common, RPCBVERS_Service[Call]):
    pass


class _Version4(_Common, RPCBVERS4_Service[Call]):
    async def RPCBPROC_GETVERSADDR(self, call: Call, arg: rpcb) -> str:
        found = self._portmapper.registry.find(arg.r_prog, arg.r_vers, _netid(call.connection))
        return "" if found is None else _reachable(found, call.connection)

    async def RPCBPROC_GETADDRLIST(self, call: Call, arg: rpcb) -> list[rpcb_entry_list]:
        family = _netid(call.connection).family
        return [
            _entry(Netid(each.netid), _reachable(each, call.connection))
            for each in self._portmapper.listed(call.connection)
            if (each.program, each.version, Netid(each.netid).family) == (arg.r_prog, arg.r_vers, family)
        ]


_NETIDS: Final = {number: netid.value for netid, number in PROTOCOLS.items()}


def _key(registration: Registration) -> tuple[int, int, str]:
    return registration.program, registration.version, registration.netid


def _port(registration: Registration) -> int:
    address = parse_address_untrusted(registration.netid, registration.address)
    return address.port if isinstance(address, InternetAddress) else 0


def _is_local(connection: Connection) -> bool:
    origin = connection.origin
    return origin.uid is not None or (origin.host is not None and ip_address(_host(origin.host)).is_loopback)


def _netid(connection: Connection) -> Netid:
    """Of the transport that a call came by."""
    if connection.origin.host is None:
        return Netid.LOCAL
    return netid_of(internet_address(connection.origin.host, 0), datagrams=not connection.reliable)


def _reachable(registration: Registration, connection: Connection) -> str:
    """Its address; if it listens on all of this host's, one that this caller can reach."""
    address = parse_address_untrusted(registration.netid, registration.address)
    if isinstance(address, InternetAddress) and address.is_wildcard and connection.origin.host is not None:
        host = local_address(_host(connection.origin.host))
        if host is not None:
            return str(internet_address(host, address.port))
    return registration.address


def _host(host: str) -> str:
    return internet_address(host, 0).host


def _entry(netid: Netid, address: str) -> rpcb_entry_list:
    semantics = NC_TPI_CLTS if netid in (Netid.UDP, Netid.UDP6) else NC_TPI_COTS_ORD
    return rpcb_entry_list(rpcb_entry(address, netid, semantics, netid.family, _TRANSPORTS[netid]))
