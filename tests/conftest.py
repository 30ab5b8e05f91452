"""Fixtures for all tests: a Kerberos realm, material from beside the checkout, and Hypothesis within bounds."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from examples.realm import Realm

ROOT = Path(__file__).resolve().parent.parent

# Machines that run tests may be slow and shared, so no time is judged. A failure prints what reproduces it.
# HYPOTHESIS_PROFILE=thorough looks longer.
settings.register_profile(
    "bounded", max_examples=100, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("bounded"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "bounded"))


@pytest.fixture(scope="session")
def realm() -> Iterator[Realm]:
    """One realm for all tests, with ``nfs@localhost`` and ``host@localhost`` and the user ``alice``, who has a ticket.

    Its variables are in ``os.environ``, so GSS-API calls here and in subprocesses use it: initiators are alice by
    default, acceptors have the service keytab. It is shared: a test that stops the KDC starts it again, and one that
    needs other caches, keytabs or settings makes its own (a `Realm` of its own takes a tenth of a second).
    """
    with Realm() as realm, realm.environment():
        realm.add_principal("alice")
        realm.kinit("alice")
        yield realm


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The directory of other people's ``.x`` files."""
    return _beside_the_checkout("RPCGSS_CORPUS", "xcorpus")


@pytest.fixture(scope="session")
def captures() -> Path:
    """The directory of captured traffic."""
    return _beside_the_checkout("RPCGSS_CAPTURES", "captures")


def _beside_the_checkout(variable: str, name: str) -> Path:
    path = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not path.is_dir():
        pytest.skip(f"{path} is not there: set {variable} to the directory of {name}")
    return path
