"""Linux' own NFS client, with rpc.gssd, in a virtual machine, against our NFS server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from examples.nfs.admission import Security
from examples.nfs.mount import EXPORT
from examples.nfs.running import kerberos, nfs_server
from examples.realm import Realm
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.server import TicketServer
from tests.interop.guest import GATEWAY, run_guest
from transport import listen_tcp

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600)]

SERVER, CLIENT = "server.rpcgss.test", "client.rpcgss.test"
EVERY = 50


@pytest.fixture(scope="module")
def own_realm() -> Iterator[Realm]:
    """One whose server and client have names of their own: the kernel has no liking for localhost."""
    with Realm() as realm:
        for principal in (f"nfs/{SERVER}", f"host/{CLIENT}", "alice"):
            realm.add_principal(principal)
        realm.keytab(realm.service_keytab, f"nfs/{SERVER}")
        realm.keytab(realm.directory / "machine", f"host/{CLIENT}")
        realm.keytab(realm.directory / "alice", "alice")
        with realm.environment():
            yield realm


async def test_a_day_in_the_life_of_a_kernel(own_realm: Realm, tmp_path: Path) -> None:
    """Mounts, works and unmounts with krb5, krb5i and krb5p, while the server loses the context of every 50th call."""
    for name in ("export", "state", "guest"):
        (tmp_path / name).mkdir()
    store = ContextStore(drop_policy=DropPolicy(every=EVERY))
    parts = nfs_server(
        tmp_path / "export",
        tmp_path / "state",
        [Security.KRB5P, Security.KRB5I, Security.KRB5],
        acceptor=kerberos([f"nfs@{SERVER}"], own_realm.service_keytab),
        tickets=TicketServer(FixedKeys.random()),
        store=store,
    )
    with parts as server:
        listeners = await listen_tcp(0, "127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        settings = {"SERVER": SERVER, "CLIENT": CLIENT, "PORT": str(port), "EXPORT": EXPORT}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.rpc.serve, listeners)
            said = await run_guest(tmp_path / "guest", settings, files_of(own_realm), timeout=500)
            nursery.cancel_scope.cancel()
    assert re.findall(r"^guest: (\w+) done", said, re.MULTILINE) == ["krb5", "krb5i", "krb5p"]
    assert not list((tmp_path / "export").iterdir())
    assert server.gss is not None
    counters = server.gss.counters
    print(counters, store.counters, server.rpc.counters)
    assert store.counters.dropped == counters.calls // EVERY > 10
    assert counters.bad_mic == counters.bad_body == counters.too_weak == 0


def files_of(realm: Realm) -> dict[str, bytes]:
    """What Kerberos wants in the guest."""
    conf = f"""
[libdefaults]
default_realm = {realm.name}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
{realm.name} = {{
    kdc = {GATEWAY}:{realm.port}
}}
[domain_realm]
.rpcgss.test = {realm.name}
"""
    return {
        "krb5.conf": conf.encode(),
        "krb5.keytab": (realm.directory / "machine").read_bytes(),
        "alice.keytab": (realm.directory / "alice").read_bytes(),
    }
