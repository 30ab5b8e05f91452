"""The client's view of rpcbind, against servers of one version each, and against liars."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

import xdr
from rpcgss.rpc.errors import BadReply, ProcedureUnavailable, ProgramMismatch
from rpcgss.rpc.rpcbind import Registration, Rpcbind
from rpcgss.rpc.rpcbind_xdr import RPCBVERS, RPCBVERS4, mapping, pmapnode, rp__list, rpcb, rpcb_entry, rpcb_entry_list
from rpcgss.rpc.universal import InternetAddress, LocalAddress, Netid

Answers = dict[str, Any]
"""By the name of a procedure: its result, or a function that gives it."""


class Fake:
    """A server of some versions, whose results go through their encoding as they would on the wire."""

    def __init__(self, versions: Mapping[int, Answers], *, mismatch: tuple[int, int] | None = None) -> None:
        self.versions = versions
        self.mismatch = mismatch or (min(self.versions, default=0), max(self.versions, default=0))
        self.calls: list[tuple[int, str, Any]] = []

    async def call(self, procedure: xdr.Procedure[Any, Any], argument: Any, /) -> Any:  # noqa: ANN401
        argument = procedure.argument.decode(procedure.argument.encode(argument))
        self.calls.append((procedure.version, procedure.name, argument))
        answers = self.versions.get(procedure.version)
        if answers is None:
            raise ProgramMismatch(*self.mismatch)
        if procedure.number == 0:
            return None
        if procedure.name not in answers:
            raise ProcedureUnavailable(procedure.name)
        answer = answers[procedure.name]
        value = answer(argument) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]
        return procedure.result.decode(procedure.result.encode(value))


NFS = rpcb(100003, 3, "tcp", "0.0.0.0.8.1", "superuser")
HERE = rpcb(7, 1, "local", "/run/seven", "1000")
ALL = [rp__list(NFS), rp__list(HERE)]
TWO: Answers = {"PMAPPROC_DUMP": [pmapnode(mapping(100003, 3, 6, 2049)), pmapnode(mapping(100003, 3, 132, 2049))]}


async def test_the_highest_version_is_taken() -> None:
    fake = Fake({4: {"RPCBPROC_DUMP": ALL}, 3: {}, 2: {}})
    rpcbind = Rpcbind(fake.call, Netid.TCP)
    assert await rpcbind.dump() == [
        Registration(100003, 3, "tcp", "0.0.0.0.8.1", "superuser"),
        Registration(7, 1, "local", "/run/seven", "1000"),
    ]
    assert rpcbind.version == 4
    assert [version for version, *_ in fake.calls] == [4]


@pytest.mark.parametrize("mismatch", [(2, 2), (2, 3), (0, 99), (99, 4)])
async def test_it_goes_down_to_what_there_is_and_stays_there(mismatch: tuple[int, int]) -> None:
    """However little sense the server's PROG_MISMATCH makes."""
    fake = Fake({2: TWO}, mismatch=mismatch)
    rpcbind = Rpcbind(fake.call, Netid.TCP)
    assert await rpcbind.dump() == [
        Registration(100003, 3, "tcp", "0.0.0.0.8.1"),
        Registration(100003, 3, "132", "0.0.0.0.8.1"),
    ]
    before = len(fake.calls)
    assert before <= 3
    await rpcbind.null()
    assert fake.calls[before:] == [(2, "PMAPPROC_NULL", None)]
    assert rpcbind.version == 2


@pytest.mark.parametrize("mismatch", [(5, 9), (0, 1), (3, 3)])
async def test_without_a_version_in_common_it_ends(mismatch: tuple[int, int]) -> None:
    fake = Fake({}, mismatch=mismatch)
    with pytest.raises(ProgramMismatch):
        await Rpcbind(fake.call, Netid.TCP).null()
    assert len(fake.calls) <= 3


async def test_an_address_of_the_own_transport_is_asked_for() -> None:
    def address(argument: rpcb) -> str:
        return "192.0.2.1.8.1" if (argument.r_prog, argument.r_vers) == (100003, 3) else ""

    for version, name in ((4, "RPCBPROC_GETVERSADDR"), (3, "RPCBPROC_GETADDR")):
        fake = Fake({version: {name: address}})
        rpcbind = Rpcbind(fake.call, Netid.TCP)
        assert await rpcbind.address(100003, 3, Netid.TCP) == InternetAddress("192.0.2.1", 2049)
        assert await rpcbind.address(100003, 4, Netid.TCP) is None
    fake = Fake({2: {"PMAPPROC_GETPORT": lambda argument: 2049 if argument == mapping(100003, 3, 17, 0) else 0}})
    rpcbind = Rpcbind(fake.call, Netid.UDP)
    assert await rpcbind.address(100003, 3, Netid.UDP) == InternetAddress("0.0.0.0", 2049)
    assert await rpcbind.address(100003, 3, Netid.TCP) is None
    assert await rpcbind.address(100003, 3, Netid.TCP6) is None


@pytest.mark.parametrize("version", [3, 4])
async def test_addresses_of_other_transports_are_looked_up_in_the_list(version: int) -> None:
    rpcbind = Rpcbind(Fake({version: {"RPCBPROC_DUMP": ALL}}).call, Netid.LOCAL)
    assert await rpcbind.address(100003, 3, Netid.TCP) == InternetAddress("0.0.0.0", 2049)
    assert await rpcbind.address(100003, 4, Netid.TCP) is None
    rpcbind = Rpcbind(Fake({version: {"RPCBPROC_DUMP": ALL}}).call, Netid.TCP)
    assert await rpcbind.address(7, 1, Netid.LOCAL) == LocalAddress("/run/seven")


@pytest.mark.parametrize(
    "lie",
    ["rubbish", "127.0.0.1.8", "127.0.0.1.999.1", "::1.8.1", "127.0.0.1.0.0", "\x1b]0;x\x07", "/run/socket", "9" * 255],
)
async def test_what_is_no_address_is_a_bad_reply(lie: str) -> None:
    for version, name in ((RPCBVERS4.VERSION, "RPCBPROC_GETVERSADDR"), (RPCBVERS.VERSION, "RPCBPROC_GETADDR")):
        with pytest.raises(BadReply, match="address"):
            await Rpcbind(Fake({version: {name: lie}}).call, Netid.TCP).address(1, 1, Netid.TCP)
    listed = [rp__list(rpcb(1, 1, "tcp", lie, ""))]
    rpcbind = Rpcbind(Fake({4: {"RPCBPROC_DUMP": listed}}).call, Netid.LOCAL)
    with pytest.raises(BadReply, match="address"):
        await rpcbind.address(1, 1, Netid.TCP)
    assert (await rpcbind.dump())[0].address == lie  # a list is what it is


@pytest.mark.parametrize("port", [65536, 2**31, 2**32 - 1])
async def test_ports_beyond_16_bits_are_a_bad_reply(port: int) -> None:
    fake = Fake({2: {"PMAPPROC_GETPORT": port, "PMAPPROC_DUMP": [pmapnode(mapping(1, 1, 6, port))]}})
    rpcbind = Rpcbind(fake.call, Netid.TCP)
    with pytest.raises(BadReply, match=f"{port}"):
        await rpcbind.address(1, 1, Netid.TCP)
    with pytest.raises(BadReply, match=f"{port}"):
        await rpcbind.dump()


async def test_registering_in_every_version() -> None:
    wanted = Registration(7, 1, "udp", "0.0.0.0.1.2")
    for version in (4, 3):
        fake = Fake({version: {"RPCBPROC_SET": True, "RPCBPROC_UNSET": False}})
        rpcbind = Rpcbind(fake.call, Netid.LOCAL)
        assert await rpcbind.set(wanted)
        assert not await rpcbind.unset(7, 1, "udp")
        said = [argument for number, _, argument in fake.calls if number == version]
        assert said == [rpcb(7, 1, "udp", "0.0.0.0.1.2", ""), rpcb(7, 1, "udp", "", "")]
    fake = Fake({2: {"PMAPPROC_SET": True, "PMAPPROC_UNSET": True}})
    rpcbind = Rpcbind(fake.call, Netid.TCP)
    assert await rpcbind.set(wanted)
    assert await rpcbind.unset(7, 1, "udp")
    assert [argument for number, _, argument in fake.calls if number == 2] == [
        mapping(7, 1, 17, 258),
        mapping(7, 1, 0, 0),
    ]
    assert not rpcbind.knows("tcp6")
    assert not await rpcbind.set(Registration(7, 1, "tcp6", "::.1.2"))
    assert len(fake.calls) == 3  # nothing more was sent


async def test_what_only_later_versions_have() -> None:
    entry = rpcb_entry_list(rpcb_entry("192.0.2.1.8.1", "tcp", 3, "inet", "tcp"))
    rpcbind = Rpcbind(Fake({4: {"RPCBPROC_GETADDRLIST": [entry], "RPCBPROC_GETTIME": 12}}).call, Netid.TCP)
    assert await rpcbind.addresses(100003, 3) == {"tcp": "192.0.2.1.8.1"}
    assert await rpcbind.time() == 12
    rpcbind = Rpcbind(Fake({3: {"RPCBPROC_GETTIME": 12}}).call, Netid.TCP)
    assert await rpcbind.time() == 12
    with pytest.raises(ProcedureUnavailable, match="version 3"):
        await rpcbind.addresses(100003, 3)
    with pytest.raises(ProcedureUnavailable, match="version 2"):
        await Rpcbind(Fake({2: {}}).call, Netid.TCP).time()
