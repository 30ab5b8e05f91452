"""`python -m examples.nfs serve | ls | cat | get | put …`: an end is imported when one of its commands is asked for."""

import click


class Commands(click.Group):
    """`serve`, and the commands of the client."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from examples.nfs.commands import COMMANDS

        return ["serve", *(command.name or "" for command in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "serve":
            from examples.nfs.serve import serve

            return serve
        from examples.nfs.commands import COMMANDS

        return next((command for command in COMMANDS if command.name == cmd_name), None)


@click.group(cls=Commands)
def main() -> None:
    """An NFS version 3 server for a directory, and the commands of a client."""


if __name__ == "__main__":
    main(prog_name="python -m examples.nfs")
