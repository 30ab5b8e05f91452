"""``rpcgss completion``: what a shell needs to complete commands, options and names of programs."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Install it by a line in the shell's start-up file:
      ~/.bashrc                   eval "$(rpcgss completion bash)"
      ~/.zshrc                    eval "$(rpcgss completion zsh)"
      ~/.config/fish/config.fish  rpcgss completion fish | source
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(context.find_root().command, {}, "rpcgss", "_RPCGSS_COMPLETE").source())
