"""What tests of RPC have in common."""

import logging

import pytest

from rpcgss.rpc import conversation, intake, link, observe, server, serving
from rpcgss.rpc.quiet import QuietLog


@pytest.fixture(autouse=True)
def fresh_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has logged within a second must not silence the next one."""
    for module in (link, conversation, observe, server, serving, intake):
        monkeypatch.setattr(module, "_log", QuietLog(logging.getLogger(module.__name__)))
