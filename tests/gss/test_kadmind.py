"""A server that is not ours: MIT's kadmind speaks RPCSEC_GSS, goes by the service of INIT, and has a context
for each connection."""

from functools import partial
from pathlib import Path

import pytest
import trio

import xdr
from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import Credentials, GssService
from rpcgss.rpc import open_client
from transport import open_tcp

KADM, KADMVERS, API_VERSION = 2112, 2, 0x12345704
NULL = xdr.Procedure(KADM, KADMVERS, 0, "NULL", xdr.VOID, xdr.VOID)
GET_PRIVS = xdr.Procedure(KADM, KADMVERS, 12, "GET_PRIVS", xdr.UNSIGNED, xdr.array_fixed(xdr.UNSIGNED, 3))


@pytest.mark.parametrize("service", GssService)
async def test_calls_to_kadmind(service: GssService, tmp_path: Path) -> None:
    with Realm() as realm, realm.environment():
        admin = realm.add_principal("user/admin")
        realm.start_kadmind()
        # kadmin/admin gives no tickets for a ticket-granting ticket: they are had directly.
        keytab, cache = realm.keytab(tmp_path / "keytab", "user/admin"), tmp_path / "cache"
        ask = ["kinit", "-S", "kadmin/admin", "-k", "-t", str(keytab), "-c", str(cache), admin]
        await trio.run_process(ask, capture_stdout=True, capture_stderr=True)
        flavor = GssFlavor(
            realm.principal("kadmin/admin"), service=service, credentials=Credentials(ccache=f"FILE:{cache}")
        )
        connect = partial(open_tcp, "127.0.0.1", realm.kadmin_port)
        async with open_client(connect, flavor, timeout=20) as client:
            await client.call(NULL, None)
            for _ in range(5):
                version, code, privileges = await client.call(GET_PRIVS, API_VERSION)
                assert (version, code) == (API_VERSION, 0)
                assert privileges & 1
            assert flavor.context is not None
            assert flavor.context.handle == b"xxxx"
            assert flavor.context.window.size == 32
        assert client.counters.refusals == 0
