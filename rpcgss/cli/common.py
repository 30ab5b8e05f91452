"""What the commands share: how errors and moments are told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

PIPE_COLUMNS = 240
"""Width of tables that no terminal shows: there is nobody for whom to fold them."""


@contextmanager
def told(*errors: type[Exception]) -> Iterator[None]:
    """What the user can mend is told in one line on standard error, with exit status 1."""
    try:
        yield
    except errors as error:
        raise click.ClickException(_text(error)) from error


def _text(error: Exception) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


def show_json(value: object) -> None:
    """A value for programs, on standard output."""
    click.echo(json.dumps(value, indent=1))


def show_table(table: Table) -> None:
    """A table for people, on standard output."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    console.print(table)


def plain(text: str) -> str:
    """A stranger's text, so that it can do nothing to a terminal, nor mean anything to rich."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))


def moment(seconds: float) -> str:
    """A wall time for people, in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s since 1970"
