"""Ticket stores: memory and SQLite behave alike; the file is private, shared by processes, and survives crashes."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rpcgss.gss.provider import GssName
from rpcgss.reauth.errors import TicketStoreError
from rpcgss.reauth.tickets import MemoryTicketStore, SqliteTicketStore, Ticket, TicketStore
from rpcgss.rpc.work import InlineWorker

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_000.0
SECRET = b"S3cret!!" * 4


def ticket(principal: str = "alice@R", target: str = "nfs@host", mechanism: str = "1.2.3", life: float = 100) -> Ticket:
    return Ticket(
        initiator=GssName(principal, b"exported " + principal.encode()),
        acceptor=GssName("nfs/host@R", b"exported nfs/host@R"),
        target=target,
        mechanism=mechanism,
        flags=0x3E,
        key_index=0xFFFFFFFF,
        sealed=b"sealed" * 30,
        session_key=SECRET,
        expiry=NOW + life,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tickets"


@pytest.fixture
def open_file(path: Path) -> Iterator[Callable[..., SqliteTicketStore]]:
    stores = []

    def open_one(maximum: int = 100) -> SqliteTicketStore:
        stores.append(SqliteTicketStore(path, maximum=maximum, worker=InlineWorker()))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture(params=["memory", "file"])
def make_store(
    request: pytest.FixtureRequest, open_file: Callable[..., SqliteTicketStore]
) -> Callable[..., TicketStore]:
    return open_file if request.param == "file" else MemoryTicketStore


async def test_what_was_saved_is_found(make_store: Callable[..., TicketStore]) -> None:
    store = make_store()
    assert await store.load("alice@R", "nfs@host", None, NOW) is None
    await store.save(ticket(), NOW)
    assert await store.load("alice@R", "nfs@host", "1.2.3", NOW) == ticket()
    assert await store.load("alice@R", "nfs@host", None, NOW) == ticket()


async def test_case_24_principals_targets_and_mechanisms_never_mix(make_store: Callable[..., TicketStore]) -> None:
    store = make_store()
    await store.save(ticket("alice@R"), NOW)
    await store.save(ticket("bob@R"), NOW)
    assert await store.load("alice@R", "nfs@host", None, NOW) == ticket("alice@R")
    assert await store.load("bob@R", "nfs@host", None, NOW) == ticket("bob@R")
    for principal, target, mechanism in (
        ("alice", "nfs@host", None),
        ("ALICE@R", "nfs@host", None),
        ("alice@R", "nfs@other", None),
        ("alice@R", "nfs@host", "1.2.4"),
        ("", "", None),
        ("%", "%", None),
    ):
        assert await store.load(principal, target, mechanism, NOW) is None
    await store.forget("alice@R", "nfs@host")
    assert await store.load("alice@R", "nfs@host", None, NOW) is None
    assert await store.load("bob@R", "nfs@host", None, NOW) is not None


async def test_a_new_ticket_replaces_the_old(make_store: Callable[..., TicketStore]) -> None:
    store = make_store()
    await store.save(ticket(life=50), NOW)
    renewed = replace(ticket(life=40), session_key=bytes(32), sealed=b"new")
    await store.save(renewed, NOW)
    assert await store.load("alice@R", "nfs@host", "1.2.3", NOW) == renewed


async def test_any_mechanism_means_the_one_that_lives_longest(make_store: Callable[..., TicketStore]) -> None:
    store = make_store()
    await store.save(ticket(mechanism="1.2.3", life=50), NOW)
    await store.save(ticket(mechanism="1.2.4", life=60), NOW)
    assert await store.load("alice@R", "nfs@host", None, NOW) == ticket(mechanism="1.2.4", life=60)


async def test_expired_tickets_are_not_found_and_make_way(make_store: Callable[..., TicketStore]) -> None:
    store = make_store()
    await store.save(ticket("alice@R", life=10), NOW)
    await store.save(ticket("bob@R", life=20), NOW)
    assert await store.load("alice@R", "nfs@host", None, NOW + 9.9) is not None
    assert await store.load("alice@R", "nfs@host", None, NOW + 10) is None
    assert await store.purge(NOW + 15) == 1
    await store.save(ticket("carol@R", life=30), NOW + 25)
    assert await store.purge(NOW + 25) == 0


async def test_a_store_is_bounded(make_store: Callable[..., TicketStore]) -> None:
    store = make_store(maximum=3)
    for number in range(6):
        await store.save(ticket(f"user{number}@R", life=100 + number), NOW)
    found = [await store.load(f"user{number}@R", "nfs@host", None, NOW) for number in range(6)]
    assert [one is not None for one in found] == [False] * 3 + [True] * 3


def test_the_file_is_private(open_file: Callable[..., SqliteTicketStore], path: Path) -> None:
    old = os.umask(0)
    try:
        open_file()
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_may_use_is_refused(
    open_file: Callable[..., SqliteTicketStore], path: Path, mode: int
) -> None:
    open_file().close()
    path.chmod(mode)
    with pytest.raises(TicketStoreError, match="mode 0600"):
        open_file()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"x" * 600])
def test_not_a_store(open_file: Callable[..., SqliteTicketStore], path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(TicketStoreError, match="no ticket store"):
        open_file()
    assert path.read_bytes() == content


def test_another_programs_database(open_file: Callable[..., SqliteTicketStore], path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE tickets (x)")
    database.commit()
    database.close()
    path.chmod(0o600)
    with pytest.raises(TicketStoreError, match="another program"):
        open_file()


def test_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(TicketStoreError, match="cannot open"):
        SqliteTicketStore(tmp_path / "missing" / "tickets")
    with pytest.raises(TicketStoreError, match=r"cannot open|not a regular"):
        SqliteTicketStore(tmp_path)


async def test_it_survives_a_restart(open_file: Callable[..., SqliteTicketStore]) -> None:
    first = open_file()
    await first.save(ticket(), NOW)
    first.close()
    second = open_file()
    assert await second.load("alice@R", "nfs@host", None, NOW) == ticket()
    assert second.tickets() == [ticket()]


async def test_two_at_once(open_file: Callable[..., SqliteTicketStore]) -> None:
    first, second = open_file(), open_file()
    await first.save(ticket("alice@R"), NOW)
    await second.save(ticket("bob@R"), NOW)
    assert first.tickets() == second.tickets() == [ticket("alice@R"), ticket("bob@R")]


def test_processes_that_start_at_once(path: Path) -> None:
    program = (
        "import sys, trio\n"
        "from tests.reauth.test_tickets import NOW, ticket\n"
        "from rpcgss.reauth.tickets import SqliteTicketStore\n"
        "store = SqliteTicketStore(sys.argv[1])\n"
        "for number in range(10): trio.run(store.save, ticket(f'{sys.argv[2]}-{number}@R'), NOW)\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, path, str(child)], cwd=ROOT) for child in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    store = SqliteTicketStore(path)
    assert len(store.tickets()) == 40
    store.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_it_works_in_a_forked_child(open_file: Callable[..., SqliteTicketStore]) -> None:
    store = open_file()
    await store.save(ticket(), NOW)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if store.tickets() == [ticket()] else 1
        finally:
            os._exit(status)
    assert _exit_status(child) == 0
    assert store.tickets() == [ticket()]


async def test_a_failed_save_leaves_the_ticket_before(open_file: Callable[..., SqliteTicketStore], path: Path) -> None:
    store = open_file()
    await store.save(ticket(), NOW)
    with pytest.raises(TicketStoreError):
        await store.save(replace(ticket(), target="\udcff"), NOW)
    assert store.tickets() == [ticket()]


@pytest.mark.parametrize(
    "damage",
    ["session_key = x'00'", "session_key = '32 letters, of which none is key'", "ticket = 'text'", "expiry = ''"],
)
async def test_a_damaged_row_is_an_error_and_can_be_replaced(
    open_file: Callable[..., SqliteTicketStore], path: Path, damage: str
) -> None:
    store = open_file()
    await store.save(ticket(), NOW)
    database = sqlite3.connect(path)
    with database:
        database.execute(f"UPDATE tickets SET {damage}")
    database.close()
    with pytest.raises(TicketStoreError, match="damaged"):
        await store.load("alice@R", "nfs@host", None, NOW)
    await store.save(ticket(), NOW)
    assert await store.load("alice@R", "nfs@host", None, NOW) == ticket()


async def test_deleted_keys_are_not_left_in_the_file(open_file: Callable[..., SqliteTicketStore], path: Path) -> None:
    store = open_file()
    await store.save(ticket(), NOW)
    assert SECRET in _octets(path)
    await store.forget("alice@R", "nfs@host")
    store.close()
    assert SECRET not in _octets(path)


async def test_case_25_no_key_octets_in_repr(open_file: Callable[..., SqliteTicketStore]) -> None:
    memory, file = MemoryTicketStore(), open_file()
    await memory.save(ticket(), NOW)
    await file.save(ticket(), NOW)
    for text in (repr(ticket()), repr(memory), repr(file)):
        assert "S3cret" not in text
        assert "sealedsealed" not in text


def _exit_status(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _octets(path: Path) -> bytes:
    return path.read_bytes()
