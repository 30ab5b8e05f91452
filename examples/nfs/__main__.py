"""`python -m examples.nfs serve | ls | cat | get | put | …`: each command is imported when it is asked for."""

import importlib

import click

# command -> the module that has it, as a click command of that name
COMMANDS = {
    "serve": "examples.nfs.serve",
    "ls": "examples.nfs.commands",
    "cat": "examples.nfs.commands",
    "get": "examples.nfs.commands",
    "put": "examples.nfs.commands",
    "rm": "examples.nfs.commands",
    "mkdir": "examples.nfs.commands",
    "rmdir": "examples.nfs.commands",
    "mv": "examples.nfs.commands",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command runs or is described."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = getattr(importlib.import_module(module), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup)
def main() -> None:
    """An NFS version 3 server for a directory, and the commands of a client for it."""


if __name__ == "__main__":
    main(prog_name="python -m examples.nfs")
