"""Keyrings by name: one string says where a keyring is kept, for command lines and configurations.

A path is a file. For etcd it is a URL:

    etcd+https://USER@HOST:PORT,HOST:PORT/NAME?sealing-key=FILE&ca=FILE&cert=FILE&key=FILE&password-file=FILE&copy=FILE

All but a host, NAME and sealing-key may be left out; ``etcd+http`` goes without TLS.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keyring import Keyring
from rpcgss.reauth.keyset import DEFAULT_LIFE, KeyKeeper
from rpcgss.reauth.private import read_private

SCHEMES: Final = ("etcd+https", "etcd+http")
OPTIONS: Final = ("sealing-key", "ca", "cert", "key", "password-file", "copy")
MAX_PASSWORD: Final = 1024


def open_keyring(place: str | os.PathLike[str]) -> KeyKeeper:
    """The keyring at `place`. Raises KeyringError as `Keyring` and `EtcdKeyring` do, and if `place` makes no sense."""
    return _find(os.fspath(place))[0]()


def create_keyring(
    place: str | os.PathLike[str], *, scope: str = "default", longest_life: int = DEFAULT_LIFE
) -> KeyKeeper:
    """A new keyring at `place`, with one fresh key. Raises KeyringError, also if there is one already."""
    return _find(os.fspath(place))[1](scope=scope, longest_life=longest_life)


def _find(place: str) -> tuple[Callable[[], KeyKeeper], Callable[..., KeyKeeper]]:
    """What opens the keyring at `place`, and what creates it."""
    if "://" not in place:
        return partial(Keyring, place), partial(Keyring.create, place)
    try:
        url = urlsplit(place)
    except ValueError as error:
        raise KeyringError(f"that is no URL of a keyring: {error}") from None
    if url.scheme not in SCHEMES:
        raise KeyringError(f"a keyring is in a file, or at a URL that begins with {SCHEMES[0]}://, not {url.scheme}://")
    user, _, hosts = url.netloc.rpartition("@")
    if ":" in user:
        raise KeyringError("no password in a URL, where others see it: give password-file=FILE")
    options = _options(url.query)
    try:
        from rpcgss.reauth.etcd import Etcd, EtcdKeyring
    except ImportError as error:
        raise KeyringError("keyrings in etcd need httpx: pip install 'rpcgss[etcd]'") from error
    etcd = Etcd(
        [f"{url.scheme.removeprefix('etcd+')}://{host}" for host in hosts.split(",") if host],
        options.get("ca"),
        (options["cert"], options["key"]) if "cert" in options else None,
        unquote(user) or None,
        _password(options.get("password-file")),
    )
    where = etcd, unquote(url.path[1:]), options["sealing-key"]
    return (
        partial(EtcdKeyring, *where, copy=options.get("copy")),
        partial(EtcdKeyring.create, *where, copy=options.get("copy")),
    )


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, strict_parsing=True) if query else []
    except ValueError:
        raise KeyringError(f"{query!r} is no list of options like sealing-key=FILE&ca=FILE") from None
    options = dict(pairs)
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown or len(options) < len(pairs):
        what = f"has no option {unknown[0]!r}" if unknown else "has an option twice"
        raise KeyringError(f"a keyring's URL {what}; there are {', '.join(OPTIONS)}")
    if "sealing-key" not in options:
        raise KeyringError("a keyring in etcd needs sealing-key=FILE in its URL (rpcgss keys seal-key makes one)")
    if ("cert" in options) != ("key" in options):
        raise KeyringError("cert=FILE and key=FILE of a keyring's URL belong together")
    return options


def _password(path: str | None) -> str | None:
    if path is None:
        return None
    octets = read_private(Path(path), "password file", MAX_PASSWORD, missing="write it, mode 0600")
    try:
        return octets.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise KeyringError(f"password file {path} is not UTF-8") from None
