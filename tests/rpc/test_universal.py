"""Universal addresses: their forms, and what else strangers may send in their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.rpc.errors import BadAddress
from rpcgss.rpc.universal import (
    Address,
    InternetAddress,
    LocalAddress,
    Netid,
    internet_address,
    netid_of,
    parse_address_untrusted,
)

GOOD: list[tuple[str, str, Address]] = [
    ("tcp", "127.0.0.1.8.1", InternetAddress("127.0.0.1", 2049)),
    ("udp", "0.0.0.0.0.111", InternetAddress("0.0.0.0", 111)),
    ("tcp", "255.255.255.255.255.255", InternetAddress("255.255.255.255", 65535)),
    ("tcp6", "::.0.111", InternetAddress("::", 111)),
    ("udp6", "2001:db8::1.1.0", InternetAddress("2001:db8::1", 256)),
    ("tcp6", "fe80::a00:27ff:fe4e:66a1.3.232", InternetAddress("fe80::a00:27ff:fe4e:66a1", 1000)),
    ("local", "/run/rpcbind.sock", LocalAddress("/run/rpcbind.sock")),
    ("local", "@/run/rpcbind.sock", LocalAddress("@/run/rpcbind.sock")),
]


@pytest.mark.parametrize(("netid", "text", "address"), GOOD)
def test_good_addresses(netid: str, text: str, address: Address) -> None:
    assert parse_address_untrusted(netid, text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("netid", "text"),
    [
        ("tcp", ""),
        ("tcp", "127.0.0.1"),
        ("tcp", "127.0.0.1.8"),
        ("tcp", "127.0.0.1.0.0"),
        ("tcp", "127.0.0.1.256.1"),
        ("tcp", "127.0.0.1.8.256"),
        ("tcp", "127.0.0.1.8.01"),
        ("tcp", "127.0.0.1.8.1\n"),
        ("tcp", "127.0.0.1.8.+1"),
        ("tcp", "127.0.0.1.8.1.1"),
        ("tcp", "127.0.0.01.8.1"),
        ("tcp", "1.8.1"),
        ("tcp", "127.0.0.1.8.\u0661"),
        ("tcp", "::1.8.1"),
        ("tcp6", "127.0.0.1.8.1"),
        ("tcp6", "fe80::1%lo.8.1"),
        ("tcp6", ":::.8.1"),
        ("tcp", "1" * 200 + ".8.1"),
        ("tcp", "127.0.0.1.99999999999999999999.1"),
        ("local", ""),
        ("local", "/"),
        ("local", "run/rpcbind.sock"),
        ("local", "/run/\0"),
        ("local", "/run/\x1b[31m"),
        ("local", "/" + "x" * 107),
        ("local", "/" + "ü" * 54),
        ("ipx", "127.0.0.1.8.1"),
        ("", "127.0.0.1.8.1"),
        ("TCP", "127.0.0.1.8.1"),
    ],
)
def test_bad_addresses(netid: str, text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address_untrusted(netid, text)


@given(st.sampled_from([*Netid]) | st.text(max_size=8), st.text() | st.text("0123456789.:abcf%/@", max_size=120))
def test_any_string_is_an_address_that_reads_back_or_no_address(netid: str, text: str) -> None:
    try:
        address = parse_address_untrusted(netid, text)
    except BadAddress:
        return
    assert parse_address_untrusted(netid, str(address)) == address


@given(st.ip_addresses(), st.integers(1, 65535), st.booleans())
def test_internet_addresses_round_trip(host: object, port: int, datagrams: bool) -> None:
    address = internet_address(str(host), port)
    assert parse_address_untrusted(netid_of(address, datagrams=datagrams), str(address)) == address


def test_what_the_system_says_is_turned_into_what_is_on_the_wire() -> None:
    assert internet_address("::ffff:192.0.2.1", 80) == InternetAddress("192.0.2.1", 80)
    assert internet_address("fe80::1%eth0", 80) == InternetAddress("fe80::1", 80)
    assert InternetAddress("::", 80).is_wildcard
    assert not InternetAddress("127.0.0.1", 80).is_wildcard
    assert netid_of(LocalAddress("/run/x")) is Netid.LOCAL
