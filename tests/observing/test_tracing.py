"""The example of docs/observing.md does what it says: a call that a service makes is the child of the one it serves."""

import contextlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio
import trio.testing

from rpcgss.rpc import AcceptNone, AuthNone, Call, Client, Server, ServerFault, open_client
from tests.rpc.network import Network
from tests.rpc.program import ECHO, FAIL, Program

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "observing.md"


class Relay(Program):
    """Asks another server."""

    def __init__(self, behind: Client) -> None:
        super().__init__()
        self.behind = behind

    async def ECHO(self, call: Call, arg: bytes) -> bytes:
        return await self.behind.call(ECHO, arg)

    async def FAIL(self, call: Call) -> None:
        await self.behind.call(FAIL, None)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (source,) = re.findall(r"```python\n(import contextvars.*?)```", DOCUMENT.read_text(), re.DOTALL)
    module = ModuleType("tracing_example")
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)  # dataclasses look it up
    exec(source, module.__dict__)
    return module


async def test_spans(example: ModuleType, autojump_clock: trio.testing.MockClock) -> None:
    tracing: Any = example.Tracing()
    async with trio.open_nursery() as nursery, contextlib.AsyncExitStack() as stack:
        behind = Network(nursery, Server([Program()], [AcceptNone()]))
        inner = await stack.enter_async_context(open_client(behind.connect, AuthNone(), observer=tracing))
        front = Network(nursery, Server([Relay(inner)], [AcceptNone()], observer=tracing))
        outer = await stack.enter_async_context(open_client(front.connect, AuthNone()))
        assert await outer.call(ECHO, b"x") == b"x"
        with pytest.raises(ServerFault):
            await outer.call(FAIL, None)
        nursery.cancel_scope.cancel()
    client, server, failed_client, failed_server = tracing.finished
    assert (client.name, server.name) == ("client ECHO", "server ECHO")
    assert client.parent is server
    assert server.parent is None
    assert failed_client.parent is failed_server
    assert failed_server.attributes["rpc.outcome"] == "SYSTEM_ERR"
    assert not tracing._open
