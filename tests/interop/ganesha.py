"""nfs-ganesha, with an rpcbind for it: one of each, for the life of a box (tools/box)."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from examples.realm import Realm
from tests.interop.rpcbind import rpcbind_in_a_box, wait_for

NFS_PORT: Final = 2049
MOUNT_PORT: Final = 20048
EXPORT: Final = Path("/run/export")

# Alice is somebody on this machine: a principal without a user costs a failing look-up in every call.
USER: Final = "daemon"

IDMAPD_CONF: Final = """
[General]
Domain = localhost
Local-Realms = {realm}
[Translation]
Method = nsswitch
GSS-Methods = static,nsswitch
[Static]
alice@{realm} = {user}
"""

GANESHA_CONF: Final = """
NFS_CORE_PARAM {{
    Bind_addr = 127.0.0.1;
    NFS_Port = {nfs};
    MNT_Port = {mount};
    Enable_UDP = false;
    Enable_NLM = false;
    Enable_RQUOTA = false;
    Protocols = 3;
    Plugins_Dir = {plugins};
}}
NFSv4 {{ Graceless = true; RecoveryRoot = {state}/recovery; IdmapConf = {state}/idmapd.conf; }}
NFS_KRB5 {{ PrincipalName = nfs; KeytabPath = {keytab}; Active_krb5 = true; CCacheDir = {state}; }}
EXPORT {{
    Export_Id = 1;
    Path = {export};
    Pseudo = /export;
    Access_Type = RW;
    Squash = No_Root_Squash;
    Protocols = 3;
    Transports = TCP;
    SecType = sys, krb5, krb5i, krb5p;
    FSAL {{ Name = VFS; }}
}}
"""


class Ganesha:
    """A server of `EXPORT` that can be restarted."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        files = {"-f": "ganesha.conf", "-L": "log", "-p": "pid"}
        options = [word for option, name in files.items() for word in (option, str(self._state / name))]
        self._process = subprocess.Popen(["ganesha.nfsd", "-F", *options, "-N", "NIV_EVENT"])
        for port in (MOUNT_PORT, NFS_PORT):
            wait_for(port, self._process, self.last_words)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def runs(self) -> bool:
        """It has been started, and has not fallen over."""
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        log = self._state / "log"
        return log.read_text(errors="replace")[-4000:] if log.exists() else "it said nothing"


@contextmanager
def ganesha_in_a_box(realm: Realm, state: Path) -> Iterator[Ganesha]:
    """A running server whose files are kept in memory."""
    assert "RPCGSS_BOX" in os.environ, "this needs a network of its own: make interop"
    _configure(realm, state)
    with ExitStack() as stack:
        EXPORT.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(EXPORT)], check=True)
        stack.callback(subprocess.run, ["umount", "--lazy", str(EXPORT)], check=True)
        EXPORT.chmod(0o1777)
        stack.enter_context(rpcbind_in_a_box())
        server = Ganesha(state)
        stack.callback(server.kill)
        server.start()
        yield server


def _configure(realm: Realm, state: Path) -> None:
    (state / "recovery").mkdir()
    (state / "idmapd.conf").write_text(IDMAPD_CONF.format(realm=realm.name, user=USER))
    (plugins,) = {path.parent for path in Path("/usr/lib").glob("**/ganesha/libfsalvfs.so")}
    text = GANESHA_CONF.format(
        nfs=NFS_PORT, mount=MOUNT_PORT, plugins=plugins, state=state, keytab=realm.service_keytab, export=EXPORT
    )
    (state / "ganesha.conf").write_text(text)
