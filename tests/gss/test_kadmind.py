"""A server that is not ours: MIT's kadmind speaks RPCSEC_GSS, goes by the service of INIT, and has a context
for each connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import Credentials, GssService
from rpcgss.rpc import Client, open_client
from tests.gss.kadm_xdr import KADM_API_VERSION, KADMVERS_Client, gprincs_arg, gprincs_result_0, gprincs_result_default
from transport import open_tcp

NOT_ALLOWED_TO_LIST = 43787564  # KADM5_AUTH_LIST


@asynccontextmanager
async def kadmin(
    realm: Realm, directory: Path, user: str, service: GssService = GssService.PRIVACY
) -> AsyncIterator[tuple[KADMVERS_Client, GssFlavor, Client]]:
    """What `user` can do at the realm's kadmind. Tickets for kadmin/admin are had directly, not for another ticket."""
    keytab, cache = realm.keytab(directory / "keytab", user), directory / f"cache of {user.replace('/', ' ')}"
    ask = ["kinit", "-S", "kadmin/admin", "-k", "-t", str(keytab), "-c", str(cache), realm.principal(user)]
    await trio.run_process(ask, capture_stdout=True, capture_stderr=True)
    flavor = GssFlavor(
        realm.principal("kadmin/admin"), service=service, credentials=Credentials(ccache=f"FILE:{cache}")
    )
    async with open_client(partial(open_tcp, "127.0.0.1", realm.kadmin_port), flavor, timeout=20) as client:
        yield KADMVERS_Client(client.call), flavor, client


@pytest.mark.parametrize("service", GssService)
async def test_calls_to_kadmind(service: GssService, tmp_path: Path) -> None:
    with Realm() as realm, realm.environment():
        realm.add_principal("user/admin")
        realm.start_kadmind()
        async with kadmin(realm, tmp_path, "user/admin", service) as (kadm, flavor, client):
            await kadm.NULL()
            for _ in range(5):
                answer = await kadm.GET_PRIVS(KADM_API_VERSION)
                assert (answer.version, answer.code) == (KADM_API_VERSION, 0)
                assert answer.privileges & 1
            assert flavor.context is not None
            assert flavor.context.handle == b"xxxx"
            assert flavor.context.window.size == 32
        assert client.counters.refusals == 0


async def test_principals_are_listed_with_privacy(tmp_path: Path) -> None:
    """As `kadmin -q listprincs` does it: INIT, GET_PRINCS, DESTROY; all of them, some by a glob, none to whom may
    not."""
    with Realm() as realm, realm.environment():
        made = [realm.add_principal(name) for name in ("user/admin", "alice", "alf", "bob", "an ödd näme")]
        realm.start_kadmind()
        async with kadmin(realm, tmp_path, "user/admin") as (kadm, flavor, client):
            answer = await kadm.INIT(KADM_API_VERSION)
            assert (answer.version, answer.code) == (KADM_API_VERSION, 0)
            everybody = await listed(kadm, b"")
            assert {*made, realm.principal("kadmin/admin"), realm.principal("nfs/localhost")} <= everybody
            assert await listed(kadm, b"al*\0") == {realm.principal("alice"), realm.principal("alf")}
            assert await listed(kadm, b"nobody\0") == set()
            assert flavor.counters.by_exchange == 1
        assert (client.counters.refusals, client.counters.bad_replies) == (0, 0)
        async with kadmin(realm, tmp_path, "bob") as (kadm, _, _):
            refused = await kadm.GET_PRINCS(gprincs_arg(KADM_API_VERSION, b""))
            assert isinstance(refused.result, gprincs_result_default)
            assert refused.result.code == NOT_ALLOWED_TO_LIST


async def listed(kadm: KADMVERS_Client, expression: bytes) -> set[str]:
    """The principals whose names fit a glob, which ends in a NUL; b"": all."""
    answer = await kadm.GET_PRINCS(gprincs_arg(KADM_API_VERSION, expression))
    assert answer.version == KADM_API_VERSION
    assert isinstance(answer.result, gprincs_result_0)
    found = answer.result.found
    assert found.count == len(found.names)
    assert all(name.endswith(b"\0") for name in found.names)
    return {bytes(name[:-1]).decode() for name in found.names}
