"""Universal addresses: where a service is, as a line of text whose form its network identifier tells (RFC 1833, 2.1;
RFC 5665, 5.2.3). A port is two decimal octets: 127.0.0.1 and port 2049 are ``127.0.0.1.8.1``."""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from rpcgss.rpc.errors import BadAddress


class Netid(StrEnum):
    """The network identifiers whose addresses this package can read. There are others: on the wire it is any string."""

    TCP = "tcp"
    UDP = "udp"
    TCP6 = "tcp6"
    UDP6 = "udp6"
    LOCAL = "local"

    @property
    def family(self) -> str:
        """Which netids are reached from the same kind of host address: the protocol family of RFC 1833, 2.1."""
        return _FAMILIES[self]


@dataclass(frozen=True, slots=True)
class InternetAddress:
    """An IP address and a port, 1 to 65535."""

    host: str
    port: int

    @property
    def is_wildcard(self) -> bool:
        """All addresses of a host: a server said that it listens on every one of them."""
        return ip_address(self.host).is_unspecified

    def __str__(self) -> str:
        return f"{self.host}.{self.port >> 8}.{self.port & 0xFF}"


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """A Unix socket: a path, or an abstract name after an ``@``."""

    path: str

    def __str__(self) -> str:
        return self.path


Address: TypeAlias = InternetAddress | LocalAddress
"""`str` gives the universal address."""


def parse_address_untrusted(netid: str, text: str) -> Address:
    """Raises `BadAddress` of whatever is not exactly such an address, and of netids that are none of `Netid`."""
    try:
        known = Netid(netid)
    except ValueError as error:
        raise BadAddress(f"{netid[:LONGEST]!r} is no network identifier known here") from error
    match known:
        case Netid.LOCAL:
            return _local(text)
        case Netid.TCP | Netid.UDP:
            return _internet(text, IPv4Address)
        case Netid.TCP6 | Netid.UDP6:
            return _internet(text, IPv6Address)


def internet_address(host: str, port: int) -> InternetAddress:
    """From what the system says: an IPv6 address may have a scope, which means nothing to others, or have an IPv4 one
    inside, which is what it is on the wire."""
    address = ip_address(host.partition("%")[0])
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return InternetAddress(str(inner or address), port)


def netid_of(address: Address, *, datagrams: bool = False) -> Netid:
    """The network identifier of services at such an address."""
    if isinstance(address, LocalAddress):
        return Netid.LOCAL
    if ":" in address.host:
        return Netid.UDP6 if datagrams else Netid.TCP6
    return Netid.UDP if datagrams else Netid.TCP


LONGEST: Final = 107
"""Octets: what the path of a Unix socket may have; an Internet address is shorter."""
_FAMILIES: Final = {Netid.TCP: "inet", Netid.UDP: "inet", Netid.TCP6: "inet6", Netid.UDP6: "inet6"} | {
    Netid.LOCAL: "loopback"
}
_OCTET: Final = "(0|[1-9][0-9]{0,2})"
_INTERNET: Final = re.compile(rf"(?P<host>[0-9A-Fa-f:.]+)\.{_OCTET}\.{_OCTET}")


def _internet(text: str, kind: type[IPv4Address] | type[IPv6Address]) -> InternetAddress:
    found = _INTERNET.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise _bad(text)
    host, high, low = found.groups()
    port = int(high) << 8 | int(low)
    if int(high) > 0xFF or int(low) > 0xFF or not port:
        raise _bad(text)
    try:
        return InternetAddress(str(kind(host)), port)
    except AddressValueError as error:
        raise _bad(text) from error


def _local(text: str) -> LocalAddress:
    if not text.startswith(("/", "@")) or not 1 < len(text.encode("utf-8", "surrogateescape")) <= LONGEST:
        raise _bad(text)
    if not text.isprintable():
        raise _bad(text)
    return LocalAddress(text)


def _bad(text: str) -> BadAddress:
    return BadAddress(f"{text[:LONGEST]!r} is no address of its kind")
