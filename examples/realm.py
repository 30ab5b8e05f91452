"""A throwaway Kerberos realm on loopback: one MIT KDC, its database, keytabs and credential caches.

``python -m examples.realm`` opens a shell in one, for trying things out. In programs:

    with Realm() as realm:
        realm.add_principal("alice")
        realm.kinit("alice")
        subprocess.run([...], env=os.environ | realm.env)

Everything lives in one temporary directory, the replay cache too, so nothing is read from or left in ``/etc``,
``$HOME`` or ``/var/tmp``. The KDC listens on 127.0.0.1 alone. Any number of realms may run side by side.

How cleaning up works: each daemon is the child of a tiny shell that waits for a line from us, and one more such shell
minds the directory. When this process ends, however it ends (SIGKILL too), its ends of the pipes close, and the shells
stop the daemons and remove the directory. They sit in sessions of their own, so that Ctrl-C reaches us first. No
process is ever looked for by name or number: only children are stopped, by their parents.

A realm never touches the environment of its process by itself. GSS-API calls in this process need ``realm.env`` in
``os.environ`` before libkrb5 makes a context for them: that is the caller's decision (`Realm.environment`).
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

import click
from k5test.realm import MITRealm

AES256: Final = "aes256-cts-hmac-sha1-96"
HOST: Final = "localhost"
DAY: Final = 24 * 3600


class RealmError(Exception):
    """The realm could not do what was asked; the text says what failed and what the Kerberos tool said."""


class Realm:
    """A running realm; `close`, or the end of the ``with`` block, ends it.

    Its own principals: for each of `services` ``SERVICE/localhost``, with keys in `service_keytab`; applications name
    them ``nfs@localhost``. Others come by `add_principal`.

    All methods block for some milliseconds, the constructor for a tenth of a second: call them from a worker thread
    where that matters.

    :param name: the realm's name.
    :param services: service names, each becoming a principal on ``localhost``.
    :param enctypes: encryption types of keys, tickets and sessions; the first is preferred.
    :param max_life: longest life of a ticket, in seconds, and what `kinit` asks for by default.
    :param clock_skew: seconds by which clocks may differ; acceptors take tickets that much beyond their end.
    :raises RealmError: Kerberos is not installed, or the realm could not be started.
    """

    def __init__(
        self,
        name: str = "RPCGSS.TEST",
        *,
        services: Sequence[str] = ("nfs", "host"),
        enctypes: Sequence[str] = (AES256,),
        max_life: int = DAY,
        clock_skew: int = 300,
    ) -> None:
        for program in _PACKAGES:
            _program(program)
        self.name = name
        self._profile = _Profile(name, tuple(enctypes), max_life, clock_skew)
        self._core, self._undo = _start(self._profile)
        try:
            for service in services:
                self.add_principal(f"{service}/{HOST}")
                self.keytab(self.service_keytab, f"{service}/{HOST}")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Realm {self.name} in {self.directory}>"

    def close(self) -> None:
        """Stop the daemons and remove the directory; a second call does nothing."""
        self._undo.close()

    @property
    def directory(self) -> Path:
        """Where everything of this realm lives; gone after `close`. Callers may put files of their own there."""
        return Path(self._core.tmpdir)

    @property
    def env(self) -> dict[str, str]:
        """The Kerberos variables alone; for a subprocess, say ``env=os.environ | realm.env``."""
        variables = {name: value for name, value in self._core.env.items() if name.startswith("KRB5")}
        return variables | {"KRB5RCACHENAME": "dfl:"}

    @property
    def service_keytab(self) -> Path:
        """The keys of the realm's own services, and the default keytab of whoever runs under `env`."""
        return Path(self._core.keytab)

    @property
    def ccache(self) -> Path:
        """The default credential cache of whoever runs under `env`; absent until `kinit`."""
        return Path(self._core.ccache)

    @property
    def port(self) -> int:
        """The KDC's port on 127.0.0.1, TCP and UDP."""
        return int(self._core.portbase)

    @property
    def kadmin_port(self) -> int:
        """The administration server's port on 127.0.0.1, once it runs."""
        return int(self._core.portbase) + 1

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """Put `env` into this process's environment, for GSS-API calls in it; afterwards restore what was there."""
        before = {name: os.environ.get(name) for name in self.env}
        os.environ.update(self.env)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def principal(self, name: str) -> str:
        """The full form of a principal's name: `name` itself, or with this realm appended."""
        return name if "@" in name else f"{name}@{self.name}"

    def add_principal(self, name: str, password: str | None = None) -> str:
        """Create a principal and return its full name; its key is random unless a password is given.

        :raises RealmError: the name is taken, or is none.
        """
        principal = self.principal(name)
        key = ["-randkey"] if password is None else ["-pw", password]
        self._core.run([_program("kadmin.local"), "addprinc", *key, principal])
        self.keytab(self._all_keys, principal)
        return principal

    def keytab(self, path: str | os.PathLike[str], *principals: str) -> Path:
        """Add the keys of these principals to the keytab file at `path`, made if need be; returns `path`.

        :raises RealmError: there is no such principal, or the file cannot be written.
        """
        names = [self.principal(name) for name in principals]
        said = self._core.run([_program("kadmin.local"), "ktadd", "-k", os.fspath(path), "-norandkey", *names])
        # kadmin.local calls it a success when there is no such principal.
        for name in names:
            if f"Entry for principal {name} with" not in said:
                raise RealmError(f"no key of {name} was written to {path}: {_last_line(said)}")
        return Path(path)

    def kinit(self, principal: str, ccache: str | os.PathLike[str] | None = None, lifetime: int | None = None) -> Path:
        """Get a ticket-granting ticket into the cache file `ccache` (default: `Realm.ccache`); returns its path.

        No password is needed: the realm keeps a key of everybody.

        :param lifetime: seconds, at most the realm's `max_life`, which is the default.
        :raises RealmError: the KDC does not answer, or does not know the principal.
        """
        path = self.ccache if ccache is None else Path(ccache)
        life = self._profile.max_life if lifetime is None else lifetime
        key = ["-k", "-t", os.fspath(self._all_keys)]
        self._core.run([_program("kinit"), *key, "-c", f"FILE:{path}", "-l", f"{life}s", self.principal(principal)])
        return path

    @property
    def kdc_running(self) -> bool:
        return self._core._kdc_proc is not None

    def start_kdc(self) -> None:
        """Start the KDC again, on the same port. It answers when this returns.

        :raises RealmError: it runs already, or cannot start.
        """
        if self.kdc_running:
            raise RealmError("the KDC runs already")
        self._core.start_kdc()

    def stop_kdc(self) -> None:
        """Stop the KDC: connections to it are refused when this returns. Tickets stay good.

        :raises RealmError: it does not run.
        """
        if not self.kdc_running:
            raise RealmError("the KDC does not run")
        self._core.stop_kdc()

    def start_kadmind(self) -> None:
        """Start the administration server; ``user/admin`` may do everything there, once that principal exists.

        :raises RealmError: it runs already, or cannot start.
        """
        if self._core._kadmind_proc is not None:
            raise RealmError("the administration server runs already")
        self._core.start_kadmind()

    @property
    def _all_keys(self) -> Path:
        return self.directory / "all-keys"


# Programs: the administration tools sit in /usr/sbin, which is not on everybody's PATH.
_PACKAGES: Final = {
    "krb5kdc": "krb5-kdc",
    "kdb5_util": "krb5-kdc",
    "kadmin.local": "krb5-admin-server",
    "kadmind": "krb5-admin-server",
    "kinit": "krb5-user",
}


def _program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if path is None:
        raise RealmError(f"{name} is not installed: it comes with the Debian package {_PACKAGES[name]}")
    return path


@dataclass(frozen=True, slots=True)
class _Profile:
    """What krb5.conf and kdc.conf say. ``$port0`` and the like are filled in by k5test."""

    realm: str
    enctypes: tuple[str, ...]
    max_life: int
    clock_skew: int

    def krb5_conf(self) -> "_Section":
        enctypes = " ".join(self.enctypes)
        return {
            "libdefaults": {
                "default_realm": self.realm,
                # No resolver is asked for anything, and short host names stay as they are.
                "dns_lookup_kdc": "false",
                "dns_lookup_realm": "false",
                "dns_canonicalize_hostname": "false",
                "qualify_shortname": '""',
                "rdns": "false",
                "udp_preference_limit": "1",
                "permitted_enctypes": enctypes,
                "clockskew": str(self.clock_skew),
                "ticket_lifetime": f"{self.max_life}s",
                "forwardable": "true",
            },
            "realms": {
                self.realm: {
                    "kdc": "127.0.0.1:$port0",
                    "admin_server": "127.0.0.1:$port1",
                    "kpasswd_server": "127.0.0.1:$port2",
                }
            },
            "domain_realm": {HOST: self.realm},
        }

    def kdc_conf(self) -> "_Section":
        return {
            "kdcdefaults": {"kdc_listen": "127.0.0.1:$port0", "kdc_tcp_listen": "127.0.0.1:$port0"},
            "realms": {
                self.realm: {
                    "database_module": "db",
                    "key_stash_file": "$tmpdir/stash",
                    "acl_file": "$tmpdir/acl",
                    "kadmind_listen": "127.0.0.1:$port1",
                    "kpasswd_listen": "127.0.0.1:$port2",
                    "master_key_type": self.enctypes[0],
                    "supported_enctypes": " ".join(f"{enctype}:normal" for enctype in self.enctypes),
                    "max_life": f"{self.max_life}s",
                    "max_renewable_life": "7d",
                }
            },
            "dbmodules": {"db": {"db_library": "db2", "database_name": "$tmpdir/db"}},
            "logging": {"kdc": "FILE:$tmpdir/kdc.log", "admin_server": "FILE:$tmpdir/kadmind.log"},
        }


_Section: TypeAlias = Mapping[str, "str | _Section"]


def _start(profile: _Profile) -> "tuple[_Core, contextlib.ExitStack]":
    """A running KDC with an empty database, and what undoes it."""
    for last in (False, False, True):
        with contextlib.ExitStack() as undo:
            core = _Core(profile, undo.enter_context(_reserved_ports()))
            undo.callback(core.stop)
            try:
                core.create_kdb()
                core.start_kdc()
            except RealmError:
                # Somebody may have taken the port since we looked.
                if last:
                    raise
                continue
            return core, undo.pop_all()
    raise AssertionError("unreachable")


# A KDC that is stopped must find its port free when it starts again, so ports come from beneath the range from which
# kernels take those of outgoing connections (32768 and up on Linux), and realms keep off each other by a name in the
# abstract namespace, which vanishes with its owner and is private to the network namespace, as ports are.
_PORTS: Final = range(20000, 32000, 10)
_PORTS_IN_USE: Final = 3


@contextlib.contextmanager
def _reserved_ports() -> Iterator[int]:
    """The first of a realm's own block of ports, all free on loopback at the moment."""
    for _ in range(100):
        base = secrets.choice(_PORTS)
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0rpcgss-realm-{base}")
                _require_free(range(base, base + _PORTS_IN_USE))
            except OSError:
                continue
            yield base
            return
    raise RealmError(f"no free ports between {_PORTS.start} and {_PORTS.stop}")


def _require_free(ports: range) -> None:
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))


# Runs a command until its own standard input brings a line or ends.
_KEEPER: Final = """
"$@" </dev/null &
exec >/dev/null 2>&1
read -r line
kill "$!"
wait "$!"
"""

# Removes a directory when its standard input ends without a line.
_JANITOR: Final = """
read -r line || rm -rf -- "$1"
"""


class _Core(MITRealm):  # type: ignore[misc]  # k5test has no types
    """k5test's realm, with our files, our way to run and stop things, and no look at this machine's names."""

    hostname = HOST

    def __init__(self, profile: _Profile, portbase: int) -> None:
        self._profile = profile
        super().__init__(
            realm=profile.realm,
            portbase=portbase,
            create_kdb=False,
            create_user=False,
            create_host=False,
            get_creds=False,
            start_kdc=False,
        )
        self._janitor = self._keeper(["sh", "-c", _JANITOR, "sh", self.tmpdir])

    @property
    def _krb5_conf(self) -> _Section:
        return self._profile.krb5_conf()

    @property
    def _kdc_conf(self) -> _Section:
        return self._profile.kdc_conf()

    def run(self, args: list[str]) -> str:
        done = subprocess.run(
            args,
            env=os.environ | self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RealmError(f"{Path(args[0]).name} failed: {_last_line(done.stdout)}")
        return done.stdout

    def stop(self) -> None:
        for keeper in reversed(self._daemons):
            _release(keeper)
        self._daemons.clear()
        self._kdc_proc = self._kadmind_proc = None
        shutil.rmtree(self.tmpdir, ignore_errors=True)
        _release(self._janitor)

    def _start_daemon(self, args: list[str], env: object, sentinel: str) -> "subprocess.Popen[str]":
        keeper = self._keeper(["sh", "-c", _KEEPER, "sh", *args])
        assert keeper.stdout is not None
        said = ""
        for line in keeper.stdout:
            if sentinel in line:
                self._daemons.append(keeper)
                return keeper
            said += line
        _release(keeper)
        raise RealmError(f"{Path(args[0]).name} did not start: {_last_line(said)}")

    def _stop_daemon(self, keeper: "subprocess.Popen[str]") -> None:
        _release(keeper)
        self._daemons.remove(keeper)

    def _keeper(self, args: list[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            args,
            env=os.environ | self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def _release(keeper: "subprocess.Popen[str]") -> None:
    """Tell a keeper that its time has come, and wait until its command is gone too."""
    keeper.communicate("\n")


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


# The command


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--user", default="alice", show_default=True, help="Who gets a ticket.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def main(user: str, command: tuple[str, ...]) -> None:
    """Run COMMAND, or a shell, in a throwaway Kerberos realm, which ends with it.

    There are keys for nfs@localhost and host@localhost, and a ticket for the user.
    """
    try:
        with Realm() as realm:
            realm.kinit(realm.add_principal(user))
            if not command:
                click.echo(
                    f"{realm.principal(user)} has a ticket, nfs@{HOST} has a key; the realm ends with this shell"
                )
            status = _run_to_its_end(command or (os.environ.get("SHELL", "sh"),), realm.env)
    except (RealmError, OSError) as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(status)


def _run_to_its_end(command: Sequence[str], env: Mapping[str, str]) -> int:
    """The exit status of the command. Ctrl-C is its own affair, and the realm's only when it has ended."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        status = subprocess.run(command, env=os.environ | dict(env), check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    main(prog_name="python -m examples.realm")
