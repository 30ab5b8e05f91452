"""Peers, made ready once."""

import pytest

from tests.interop.tirpc import Tirpc, build


@pytest.fixture(scope="session")
def tirpc(tmp_path_factory: pytest.TempPathFactory) -> Tirpc:
    """libtirpc's client and server."""
    directory = tmp_path_factory.mktemp("tirpc")
    build(directory)
    return Tirpc(directory)
