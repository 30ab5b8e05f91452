"""The command line: ``rpcgss``. Each command is a module of this package, which is imported when it is asked for: what
one command needs (a capture's libraries, say) need not be installed for the others."""

from importlib import import_module
from typing import Final

import click

READING_ORDER = (
    "common",
    "programs",
    "access",
    "ping",
    "info",
    "portmap",
    "keys",
    "tickets",
    "capture",
    "xdr",
    "completion",
)

COMMANDS: Final = ("info", "ping", "portmap", "keys", "tickets", "capture", "xdr", "completion")
"""The commands, in the order of the help text: each is called `command` in the module of its name."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"{__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rpcgss")
def main() -> None:
    """Look at ONC RPC servers, run some, and keep what fast re-authentication needs."""
