"""``python -m rpcgss``: see `rpcgss.cli`."""

from rpcgss.cli import main

if __name__ == "__main__":
    main(prog_name="rpcgss")
