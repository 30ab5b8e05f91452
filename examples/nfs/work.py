"""What the command serves, as each of its processes puts it together for itself."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from examples.nfs.admission import Security
from examples.nfs.exports import Access, Rules
from examples.nfs.identity import Credential
from examples.nfs.operation import WriteVerifier
from examples.nfs.running import NfsServer, kerberos, nfs_server, write_status
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.place import create_keyring, open_keyring
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import SqliteReplyCache


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be served, and how: all that a worker has to know. `services` and `keyring`: empty, None for none."""

    directory: Path
    state: Path
    securities: Sequence[Security]
    services: Sequence[str]
    keytab: Path | None
    exports: Rules[Access] | None
    users: Rules[Credential] | None
    keyring: str | None
    drops: DropPolicy | None
    status: Path | None
    verifier: WriteVerifier = field(default_factory=WriteVerifier)

    @contextmanager
    def server(self, number: int | None = None) -> Iterator[NfsServer]:
        """The server, with its counters written at the beginning and at the end; `number` is the worker's, if it has
        fellows, with which it shares its replies."""
        status = self.status_of(number)
        with ExitStack() as open_parts:
            replies = tickets = None
            if number is not None:
                replies = SqliteReplyCache(self.state / "replies.sqlite", resume=True)
                open_parts.callback(replies.close)
            if self.keyring is not None:
                keyring = open_keyring(self.keyring)
                open_parts.callback(keyring.close)
                tickets = TicketServer(keyring)
            parts = nfs_server(
                self.directory,
                self.state,
                self.securities,
                acceptor=kerberos(self.services, self.keytab) if self.services else None,
                exports=self.exports,
                users=self.users,
                tickets=tickets,
                store=ContextStore(drop_policy=self.drops),
                verifier=self.verifier,
                replies=replies,
            )
            server = open_parts.enter_context(parts)
            if status is not None:
                write_status(server, status)  # that it cannot be written is better known now
            yield server
            if status is not None:
                write_status(server, status)

    def status_of(self, number: int | None) -> Path | None:
        """Where counters go: each worker has a file of its own."""
        return self.status if self.status is None or number is None else Path(f"{self.status}.{number}")


def make_keyring(place: str, state: Path, make: bool) -> None:
    """Make the keyring if that was asked for, or if all of the state is new: what is not there in a state that has been
    used before has been lost, and nobody replaces it silently."""
    is_new = place == str(state / "keyring") and not any(state.iterdir())
    if make or is_new:
        try:
            create_keyring(place).close()
        except KeyringError as problem:
            try:
                open_keyring(place).close()  # it was there before
            except KeyringError:
                raise problem from None
    elif "://" not in place and not Path(place).exists():
        raise KeyringError(f"there is no keyring at {place}; add --new-keyring to make one")


def files_of_keyring(place: str | None) -> dict[str, Path | None]:
    """The files that the keyring is in, or takes to open."""
    if place is None or "://" not in place:
        return {"--keyring": None if place is None else Path(place)}
    return {f"--keyring ({name})": Path(value) for name, value in parse_qsl(urlsplit(place).query)}
