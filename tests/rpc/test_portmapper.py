"""The portmapper's services, asked through their encoding by callers from everywhere."""

import time
from typing import Any

import pytest

import xdr
from rpcgss.rpc import AuthRefused, Call, Portmapper, Registration, Rpcbind
from rpcgss.rpc.flavors import Anonymous, Connection
from rpcgss.rpc.portmapper import Registry
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.rpcbind_xdr import PMAPVERS, RPCBVERS, RPCBVERS4, call_args, mapping, netbuf, rpcb, rpcb_rmtcallargs
from rpcgss.rpc.universal import Address, InternetAddress, LocalAddress, Netid
from transport import Origin

ROOT = Connection("root", 1, origin=Origin(uid=0))
ALICE = Connection("alice", 2, origin=Origin(uid=1000))
BOB = Connection("bob", 3, origin=Origin(uid=1001))
LOOPBACK = Connection("loopback", 4, origin=Origin("127.0.0.1", 40000))
LOOPBACK_6 = Connection("loopback", 5, origin=Origin("::1", 40000))
RESERVED = Connection("loopback", 6, origin=Origin("127.0.0.1", 700))
STRANGER = Connection("stranger", 7, origin=Origin("192.0.2.1", 700))
NOBODY = Connection("memory", 8)
LOOPBACK_UDP = Connection("loopback", 9, reliable=False, origin=Origin("127.0.0.1", 700))
STRANGER_UDP = Connection("stranger", 10, reliable=False, origin=Origin("192.0.2.1", 700))

OWN: dict[Netid, Address] = {
    Netid.TCP: InternetAddress("0.0.0.0", 111),
    Netid.LOCAL: LocalAddress("/run/rpcbind.sock"),
}
SEVEN = Registration(7, 1, "tcp", "0.0.0.0.8.1")


class Asker:
    """A caller of a portmapper, without flavors and channels between them."""

    def __init__(self, portmapper: Portmapper, connection: Connection) -> None:
        self.services = {service.VERSION: service for service in portmapper.services}
        self.connection = connection

    async def call(self, procedure: xdr.Procedure[Any, Any], argument: Any, /) -> Any:  # noqa: ANN401
        found = self.services[procedure.version].handler(procedure.number)
        assert found is not None
        decoded = procedure.argument.decode(procedure.argument.encode(argument))
        arguments = () if procedure.argument is xdr.VOID else (decoded,)
        result = await found[1](Call(1, procedure, Anonymous(), self.connection), *arguments)
        return procedure.result.decode(procedure.result.encode(result))


def ask(portmapper: Portmapper, connection: Connection, netid: Netid = Netid.TCP) -> Rpcbind:
    return Rpcbind(Asker(portmapper, connection).call, netid)


def listed(portmapper: Portmapper) -> list[Registration]:
    return [each for each in portmapper.registry.all() if each.program != 100000]


@pytest.mark.parametrize(("caller", "owner"), [(ROOT, "superuser"), (ALICE, "1000"), (RESERVED, "unknown")])
async def test_registering(caller: Connection, owner: str) -> None:
    portmapper = Portmapper()
    rpcbind = ask(portmapper, caller)
    assert await rpcbind.set(SEVEN)
    assert await rpcbind.set(SEVEN)  # the same again
    assert not await rpcbind.set(Registration(7, 1, "tcp", "0.0.0.0.8.2"))
    assert await rpcbind.set(Registration(7, 1, "tcp6", "::.8.2"))
    assert [each.owner for each in listed(portmapper)] == [owner, owner]
    assert await rpcbind.unset(7, 1)
    assert not await rpcbind.unset(7, 1)
    assert not listed(portmapper)


@pytest.mark.parametrize("caller", [LOOPBACK, LOOPBACK_6, STRANGER, NOBODY, STRANGER_UDP])
async def test_who_may_not_register(caller: Connection) -> None:
    portmapper = Portmapper()
    assert await ask(portmapper, ROOT).set(SEVEN)
    for attempt in (ask(portmapper, caller).set(SEVEN), ask(portmapper, caller).unset(7, 1)):
        with pytest.raises(AuthRefused) as refused:
            await attempt
        assert refused.value.stat == auth_stat.AUTH_TOOWEAK
    asker = Asker(portmapper, caller)
    for procedure in (PMAPVERS.PMAPPROC_SET, PMAPVERS.PMAPPROC_UNSET):
        with pytest.raises(AuthRefused):
            await asker.call(procedure, mapping(7, 1, 6, 2049))
    assert len(listed(portmapper)) == 1


async def test_insecure_takes_all_of_loopback_and_nobody_else() -> None:
    portmapper = Portmapper(insecure=True)
    for caller in (LOOPBACK, LOOPBACK_6, LOOPBACK_UDP):
        assert await ask(portmapper, caller).set(SEVEN)
    for caller in (STRANGER, STRANGER_UDP, NOBODY):
        with pytest.raises(AuthRefused):
            await ask(portmapper, caller).unset(7, 1)
    assert [each.owner for each in listed(portmapper)] == ["unknown"]


async def test_only_the_owner_and_root_withdraw() -> None:
    portmapper = Portmapper()
    assert await ask(portmapper, ALICE).set(SEVEN)
    assert not await ask(portmapper, BOB).unset(7, 1, "tcp")
    assert not await ask(portmapper, RESERVED).unset(7, 1)
    assert listed(portmapper)
    assert await ask(portmapper, ROOT).unset(7, 1, "tcp")
    assert not listed(portmapper)


async def test_nobody_moves_the_portmapper_itself() -> None:
    portmapper = Portmapper(OWN)
    before = portmapper.registry.all()
    assert [f"{each.version} {each.netid}" for each in before] == ["4 tcp", "3 tcp", "2 tcp", "4 local", "3 local"]
    for version in (2, 3, 4, 5):
        assert not await ask(portmapper, ROOT).unset(100000, version)
        assert not await ask(portmapper, ROOT).set(Registration(100000, version, "udp", "0.0.0.0.8.1"))
    assert portmapper.registry.all() == before


@pytest.mark.parametrize(
    ("netid", "address"),
    [("ipx", "0.0.0.0.8.1"), ("", ""), ("tcp", "::.8.1"), ("tcp", "x" * 255), ("local", "relative"), ("tcp", "")],
)
async def test_what_is_no_address_is_not_registered(netid: str, address: str) -> None:
    portmapper = Portmapper()
    assert not await ask(portmapper, ROOT).set(Registration(7, 1, netid, address))
    assert not listed(portmapper)


@pytest.mark.parametrize(("protocol", "port"), [(6, 0), (6, 65536), (6, 2**32 - 1), (132, 2049)])
async def test_what_is_no_port_is_not_registered(protocol: int, port: int) -> None:
    portmapper = Portmapper()
    assert not await Asker(portmapper, ROOT).call(PMAPVERS.PMAPPROC_SET, mapping(7, 1, protocol, port))
    assert not listed(portmapper)


async def test_registrations_are_bounded_and_root_has_a_reserve() -> None:
    portmapper = Portmapper(OWN, most=8)
    alice, root = ask(portmapper, ALICE), ask(portmapper, ROOT)
    assert [await alice.set(Registration(7, version, "tcp", "0.0.0.0.8.1")) for version in range(8)].count(True) == 6
    assert [await root.set(Registration(8, version, "tcp", "0.0.0.0.8.1")) for version in range(8)].count(True) == 2


async def test_the_versions_share_one_table() -> None:
    portmapper = Portmapper(OWN)
    root = Asker(portmapper, ROOT)
    assert await root.call(PMAPVERS.PMAPPROC_SET, mapping(7, 1, 17, 2049))
    assert await root.call(RPCBVERS.RPCBPROC_SET, rpcb(7, 2, "tcp", "192.0.2.9.8.1", "somebody"))
    assert await root.call(RPCBVERS4.RPCBPROC_SET, rpcb(7, 2, "tcp6", "::.8.1", ""))
    two = [node.map for node in await root.call(PMAPVERS.PMAPPROC_DUMP, None)]
    assert two == [mapping(100000, version, 6, 111) for version in (4, 3, 2)] + [
        mapping(7, 1, 17, 2049),
        mapping(7, 2, 6, 2049),
    ]
    for version in (RPCBVERS, RPCBVERS4):
        entries = [node.rpcb_map for node in await root.call(version.RPCBPROC_DUMP, None)]
        assert entries[5:] == [
            rpcb(7, 1, "udp", "0.0.0.0.8.1", "superuser"),
            rpcb(7, 2, "tcp", "192.0.2.9.8.1", "superuser"),
            rpcb(7, 2, "tcp6", "::.8.1", "superuser"),
        ]
    assert await root.call(PMAPVERS.PMAPPROC_UNSET, mapping(7, 2, 17, 9))  # whatever protocol it says
    assert [each.netid for each in listed(portmapper)] == ["udp", "tcp6"]


async def test_an_address_is_of_the_transport_that_asks() -> None:
    portmapper = Portmapper()
    for netid, address in [("tcp", "0.0.0.0.1.1"), ("udp", "0.0.0.0.1.2"), ("tcp6", "::.1.3"), ("local", "/run/7")]:
        assert await ask(portmapper, ROOT).set(Registration(7, 1, netid, address))
    question = rpcb(7, 1, "whatever", "", "")
    for caller, answer in [
        (LOOPBACK, "127.0.0.1.1.1"),
        (LOOPBACK_UDP, "127.0.0.1.1.2"),
        (LOOPBACK_6, "::1.1.3"),
        (ALICE, "/run/7"),
    ]:
        asker = Asker(portmapper, caller)
        assert await asker.call(RPCBVERS.RPCBPROC_GETADDR, question) == answer
        assert await asker.call(RPCBVERS4.RPCBPROC_GETVERSADDR, question) == answer
        assert await asker.call(RPCBVERS4.RPCBPROC_GETVERSADDR, rpcb(7, 2, "", "", "")) == ""
        # of another version, its caller will be told which there are
        assert await asker.call(RPCBVERS.RPCBPROC_GETADDR, rpcb(7, 2, "", "", "")) == answer
    assert await Asker(portmapper, LOOPBACK).call(PMAPVERS.PMAPPROC_GETPORT, mapping(7, 1, 17, 0)) == 258
    assert await Asker(portmapper, LOOPBACK).call(PMAPVERS.PMAPPROC_GETPORT, mapping(8, 1, 17, 0)) == 0
    assert await ask(portmapper, LOOPBACK).addresses(7, 1) == {"tcp": "127.0.0.1.1.1", "udp": "127.0.0.1.1.2"}


async def test_lists_are_no_amplifier() -> None:
    portmapper = Portmapper(OWN)
    for caller in (STRANGER, LOOPBACK, LOOPBACK_UDP, ALICE):
        assert len(await ask(portmapper, caller).dump()) == 5
    stranger = Asker(portmapper, STRANGER_UDP)
    for procedure in (PMAPVERS.PMAPPROC_DUMP, RPCBVERS.RPCBPROC_DUMP, RPCBVERS4.RPCBPROC_DUMP):
        with pytest.raises(AuthRefused):
            await stranger.call(procedure, None)
    with pytest.raises(AuthRefused):
        await stranger.call(RPCBVERS4.RPCBPROC_GETADDRLIST, rpcb(100000, 2, "", "", ""))
    assert await stranger.call(PMAPVERS.PMAPPROC_GETPORT, mapping(100000, 2, 6, 0)) == 111


@pytest.mark.parametrize(
    ("procedure", "argument"),
    [
        (PMAPVERS.PMAPPROC_CALLIT, call_args(100003, 3, 0, b"")),
        (RPCBVERS.RPCBPROC_CALLIT, rpcb_rmtcallargs(100003, 3, 0, b"")),
        (RPCBVERS4.RPCBPROC_BCAST, rpcb_rmtcallargs(100003, 3, 0, b"")),
        (RPCBVERS4.RPCBPROC_INDIRECT, rpcb_rmtcallargs(100003, 3, 0, b"")),
        (RPCBVERS4.RPCBPROC_UADDR2TADDR, "127.0.0.1.8.1"),
        (RPCBVERS4.RPCBPROC_TADDR2UADDR, netbuf(16, bytes(16))),
        (RPCBVERS4.RPCBPROC_GETSTAT, None),
    ],
)
async def test_what_it_does_not_do(procedure: xdr.Procedure[Any, Any], argument: object) -> None:
    with pytest.raises(xdr.ProcedureUnavailable):
        await Asker(Portmapper(), ROOT).call(procedure, argument)


async def test_the_clock() -> None:
    before = int(time.time())
    assert before <= await ask(Portmapper(), STRANGER).time() <= time.time()


def test_a_registry_finds_the_latest_of_other_versions() -> None:
    registry = Registry()
    for version in (1, 4, 3):
        assert registry.set(Registration(7, version, "tcp", f"0.0.0.0.1.{version}", "superuser"))
    assert registry.find(7, 2, "tcp") is None
    found = registry.find_any_version(7, 2, "tcp")
    assert found is not None
    assert found.version == 4
    exact = registry.find_any_version(7, 3, "tcp")
    assert exact is not None
    assert exact.version == 3
    assert registry.find_any_version(8, 3, "tcp") is None
