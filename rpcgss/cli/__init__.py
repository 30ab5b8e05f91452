"""The command line: ``rpcgss``. Each command is a module of this package, which is imported when it is asked for: what
one command needs (a capture's libraries, say) need not be installed for the others, nor for the list of them all."""

from importlib import import_module
from typing import Final, NoReturn

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

_EXTRAS: Final = {"asn1crypto": "capture"}
"""Libraries that not everybody has, and the extra of this distribution that brings each."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            command = import_module(f"{__name__}.{cmd_name}").command
        except ModuleNotFoundError as error:
            if error.name not in _EXTRAS:
                raise
            return _unavailable(cmd_name, error.name)
        assert isinstance(command, click.Command)
        return command


def _unavailable(name: str, library: str) -> click.Command:
    """What stands for a command without its library: it only says what to install."""
    text = f"Needs {library}: pip install 'rpcgss[{_EXTRAS[library]}]'"

    def refuse() -> NoReturn:
        raise click.ClickException(text[0].lower() + text[1:])

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=refuse, help=text, context_settings=settings)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rpcgss")
def main() -> None:
    """Look at ONC RPC servers, run some, and keep what fast re-authentication needs."""
