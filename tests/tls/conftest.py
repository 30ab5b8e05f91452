"""One authority for all tests of TLS, and logs that one test does not silence for the next."""

import logging

import pytest

from rpcgss.rpc import conversation, link, server, tls
from rpcgss.rpc.quiet import QuietLog
from tests.tls.authority import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def fresh_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (link, conversation, server, tls):
        monkeypatch.setattr(module, "_log", QuietLog(logging.getLogger(module.__name__)))
