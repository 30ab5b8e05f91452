"""``rpcgss xdr``: the compiler, ``python -m xdr`` by another name."""

from xdr.__main__ import main as command

__all__ = ["command"]
