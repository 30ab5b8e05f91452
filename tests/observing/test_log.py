"""What is logged has names, and the names are documented."""

import ast
import logging
import re
from enum import Enum
from pathlib import Path

import pytest
import trio
import trio.testing

from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.gss.store import StoreEvent, StoreEventKind
from rpcgss.log import LogEvents
from rpcgss.reauth.server import ReauthEvent, ReauthEventKind
from rpcgss.rpc import AcceptNone, AuthNone, ConnectionEvent, ConnectionEventKind, End, Event, Server, open_client
from tests.rpc.network import Network
from tests.rpc.program import ECHO, Program

ROOT = Path(__file__).resolve().parents[2]
LEVELS = ("debug", "info", "warning", "error", "exception")
DOCUMENT = (ROOT / "docs" / "observing.md").read_text()


def fields(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = getattr(record, "rpc")  # noqa: B009
    return found


async def test_events_and_calls(autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "rpcgss.events")
    log = LogEvents()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [AcceptNone()], observer=log))
        async with open_client(network.connect, AuthNone(), observer=log) as client:
            await client.call(ECHO, b"x")
        nursery.cancel_scope.cancel()
    told = [fields(record) for record in caplog.records if record.name == "rpcgss.events"]
    assert [one["event"] for one in told].count("connection.opened") == 2
    ended = [one for one in told if one["event"] == "call.ended"]
    assert [(one["end"], one["procedure"], one["outcome"]) for one in ended] == [
        ("server", "ECHO", "ok"),
        ("client", "ECHO", "ok"),
    ]
    assert all(isinstance(value, str | int | float | None) for one in told for value in one.values())


async def test_calls_are_left_out_above_debug(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rpcgss.events")
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [AcceptNone()], observer=LogEvents()))
        async with open_client(network.connect, AuthNone()) as client:
            await client.call(ECHO, b"x")
        nursery.cancel_scope.cancel()
    assert {fields(record)["event"] for record in caplog.records} == {"connection.opened", "connection.closed"}


def test_no_stranger_writes_a_line_of_his_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rpcgss.events")
    LogEvents().event(ConnectionEvent(ConnectionEventKind.LOST, End.SERVER, "evil\nserver ok", 0.0, "x"))
    assert "\n" not in caplog.records[0].getMessage()
    assert fields(caplog.records[0])["peer"] == "evil\nserver ok"


def test_a_flood_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rpcgss.events")
    log = LogEvents(lines=3)
    for _ in range(100):
        log.event(ConnectionEvent(ConnectionEventKind.OPENED, End.SERVER, "x", 0.0))
    assert len(caplog.records) <= 3 * 2 + 1  # unless a second ends meanwhile, three


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        (ConnectionEvent, ConnectionEventKind),
        (ClientEvent, ClientEventKind),
        (StoreEvent, StoreEventKind),
        (ReauthEvent, ReauthEventKind),
    ],
)
def test_every_event_is_documented(kind: type[Event], kinds: type[Enum]) -> None:
    (line,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{kind.topic}.") and "`, `." in line]
    names = re.findall(r"`(?:[a-z_]+)?\.([a-z_-]+)`", line)
    assert names == [one.value.replace(" ", "_") for one in kinds]


def test_every_log_record_has_a_name_and_every_name_is_documented() -> None:
    """Whoever logs something gives ``event=`` a name, and writes it into the table of docs/observing.md."""
    logged, nameless = set[str](), list[str]()
    for path in (ROOT / "rpcgss").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="_log" | "logger"), attr=level)) if level in LEVELS:
                    names = [ast.literal_eval(one.value) for one in node.keywords if one.arg == "event"]
                    logged |= set(names)
                    nameless += [] if names else [f"{path}:{node.lineno}"]
    assert not nameless
    rows = re.findall(r"^\| (`[^|]*`) +\| (?:info|warning|error|debug)", DOCUMENT, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)}
    assert logged == documented - {"log.swallowed"}
