"""Programs by the names that people call them (those of rpc(5)), for all commands."""

from typing import Final

import click
from click.shell_completion import CompletionItem

_NUMBERS: Final = {
    "portmapper": 100000,
    "rpcbind": 100000,
    "rstatd": 100001,
    "rusersd": 100002,
    "nfs": 100003,
    "ypserv": 100004,
    "mountd": 100005,
    "ypbind": 100007,
    "walld": 100008,
    "yppasswdd": 100009,
    "rquotad": 100011,
    "sprayd": 100012,
    "nlockmgr": 100021,
    "status": 100024,
    "nfs_acl": 100227,
    "kadmind": 2112,
}
_ALIASES: Final = {"mount": "mountd", "lockd": "nlockmgr", "statd": "status", "nfsacl": "nfs_acl", "kadmin": "kadmind"}
_NAMES: Final = {number: name for name, number in reversed(_NUMBERS.items())}
_MAX: Final = 0xFFFFFFFF


def program_name(number: int) -> str | None:
    """What a program is called, if it is well known."""
    return _NAMES.get(number)


def program_text(number: int) -> str:
    """A program for people: "nfs (100003)", "program 536870986"."""
    name = program_name(number)
    return f"program {number}" if name is None else f"{name} ({number})"


class ProgramType(click.ParamType[int]):
    """A program's number, decimal or 0x…, or its name."""

    name = "program"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        known = _NUMBERS.get(_ALIASES.get(text, text))
        if known is not None:
            return known
        try:
            number = int(text, 0)
        except ValueError:
            self.fail(f"{text!r} is no number, and no program that is known here ({', '.join(_NUMBERS)})", param, ctx)
        if not 0 <= number <= _MAX:
            self.fail(f"program numbers go up to {_MAX}", param, ctx)
        return number

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names."""
        return [CompletionItem(name) for name in _NUMBERS if name.startswith(incomplete)]
