"""``rpcgss keys``: keyrings, made and kept."""

import math
import time
from contextlib import closing, suppress
from datetime import datetime

import click
from rich.table import Table

from rpcgss.cli.common import moment, plain, show_json, show_table, told
from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keyset import DEFAULT_LIFE, Key, KeySet
from rpcgss.reauth.place import create_keyring, open_keyring
from rpcgss.reauth.sealing import create_sealing_key

PLACE = click.argument("keyring")


@click.group()
def command() -> None:
    """Make keyrings, rotate their keys, revoke what was established under them.

    Whoever reads a keyring can be any principal to its servers: guard it like a keytab. Servers notice changes within a
    second; none needs a restart. KEYRING is a file, or a URL in etcd that the servers of a fleet share:

    \b
      etcd+https://USER@HOST:2379,HOST2:2379/NAME?sealing-key=FILE
          [&ca=FILE] [&cert=FILE&key=FILE] [&password-file=FILE] [&copy=FILE]

    \b
    Examples:
      rpcgss keys new /etc/nfs/keyring --scope nfs.example.org
      rpcgss keys rotate /etc/nfs/keyring --lead 60
      rpcgss keys rotate /etc/nfs/keyring --forget-old      # the keyring was stolen
      rpcgss keys revoke /etc/nfs/keyring                   # everybody through a full exchange again
      rpcgss keys list /etc/nfs/keyring --json
    """


@command.command()
@PLACE
@click.option("--scope", default="default", show_default=True, help="Name bound into every ticket.")
@click.option(
    "--longest-life",
    type=click.IntRange(1, (1 << 31) - 1),
    default=DEFAULT_LIFE,
    show_default=True,
    metavar="SECONDS",
    help="No ticket lives longer.",
)
def new(keyring: str, scope: str, longest_life: int) -> None:
    """Make KEYRING, with one fresh key. Nothing that exists is overwritten."""
    with told(KeyringError), closing(create_keyring(keyring, scope=scope, longest_life=longest_life)) as made:
        (key,) = made.keys().keys
        click.echo(f"{made.name}: made, key {key.index:08x}")


@command.command(name="list")
@PLACE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(keyring: str, as_json: bool) -> None:
    """Show the keys of KEYRING, but for their secrets.

    A key is "sealing" (new tickets are sealed with it), "opening" (tickets under it are still honoured), "coming" (it
    has been made, and begins later) or "ended".
    """
    with told(KeyringError), closing(open_keyring(keyring)) as ring:
        keys, now = ring.keys(), time.time()
    if as_json:
        show_json(_described(keys, now))
        return
    life = f"{keys.longest_life} s"
    revoked = moment(keys.revoked_before) if keys.revoked_before else "never"
    table = Table(title=f"{plain(keys.scope)}: tickets live up to {life}, revoked: {revoked}", title_justify="left")
    for column in ("key", "begins", "ends", "state"):
        table.add_column(column)
    for key in keys.keys:
        ends = "" if key.ends is None else moment(key.ends)
        table.add_row(f"{key.index:08x}", moment(key.begins), ends, _state(key, keys, now))
    show_table(table)


@command.command()
@PLACE
@click.option(
    "--lead",
    type=click.FloatRange(0, DEFAULT_LIFE),
    default=0.0,
    metavar="SECONDS",
    help="The fresh key begins so much later: time for fellow servers to see it.",
)
@click.option("--forget-old", is_flag=True, help="Drop all other keys, and every ticket under them, at once.")
def rotate(keyring: str, lead: float, forget_old: bool) -> None:
    """Add a fresh key to KEYRING. Tickets under the keys before it stay good until they expire."""
    if forget_old and lead:
        raise click.UsageError("--forget-old takes effect at once; --lead is for a rotation without haste")
    with told(KeyringError), closing(open_keyring(keyring)) as ring:
        key = ring.rotate(lead=lead, forget_old=forget_old)
        click.echo(f"{ring.name}: fresh key {key.index:08x}, seals from {moment(max(key.begins, time.time()))} on")


@command.command()
@PLACE
@click.option("--before", metavar="TIME", help="Seconds since 1970, or ISO 8601 like 2026-01-31T12:00Z. Default: now.")
def revoke(keyring: str, before: str | None) -> None:
    """End whatever was established before a moment: tickets and contexts. It cannot be taken back."""
    with told(KeyringError), closing(open_keyring(keyring)) as ring:
        in_force = ring.revoke(None if before is None else _parse_moment(before))
        click.echo(f"{ring.name}: revoked what was established before {moment(in_force)}")


@command.command()
@click.argument("file")
def seal_key(file: str) -> None:
    """Make FILE, the key under which a fleet's keyrings lie in etcd. Copy it to each host, as you would a keytab."""
    with told(KeyringError):
        create_sealing_key(file)
        click.echo(f"sealing key {file}: made")


def _described(keys: KeySet, now: float) -> dict[str, object]:
    return {
        "scope": keys.scope,
        "longest_life": keys.longest_life,
        "revoked_before": keys.revoked_before,
        "keys": [
            {"index": f"{key.index:08x}", "begins": key.begins, "ends": key.ends, "state": _state(key, keys, now)}
            for key in keys.keys
        ],
    }


def _state(key: Key, keys: KeySet, now: float) -> str:
    if key.ended(now):
        return "ended"
    if key.begins > now:
        return "coming"
    return "sealing" if key is keys.current(now) else "opening"


def _parse_moment(text: str) -> float:
    with suppress(ValueError):
        if math.isfinite(seconds := float(text)):
            return seconds
    try:
        return datetime.fromisoformat(text).timestamp()  # without a zone: this machine's
    except ValueError:
        raise click.UsageError(f"--before: {text!r} is neither seconds since 1970 nor like 2026-01-31T12:00Z") from None
