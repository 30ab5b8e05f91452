"""XDR (RFC 4506): strict, fast, typed codecs, and the compiler that makes them from ``.x`` files.

* ``python -m xdr compile F.x -o f_xdr.py`` writes a module of dataclasses, enums, clients and services.
* Generated values encode themselves: ``value.to_bytes()``, ``Kind.from_bytes(data)``.
* ``Packer`` and ``Unpacker`` stand in for xdrlib's.
* ``Cursor`` reads by hand; ``Codec`` objects know every other type: ``xdr.string(255)``, ``xdr.codec(Kind)``.

Only the compiler (``xdr.compile`` and the files it imports) needs lark; it is imported when asked for, not before.
"""

from .classic import ConversionError, EndOfData, Error, Packer, Unpacker
from .codecs import (
    BOOL,
    INTEGER,
    INTEGER_64,
    QUADRUPLE,
    REAL,
    REAL_64,
    UNSIGNED,
    UNSIGNED_64,
    VOID,
    Codec,
    Quadruple,
    array,
    array_fixed,
    codec,
    opaque,
    opaque_fixed,
    optional,
    string,
)
from .cursor import Cursor
from .errors import MAX_DEPTH, UNBOUNDED, Buffer, DecodeError, EncodeError, XdrError
from .program import AsyncCall, Procedure, ProcedureUnavailable, Service
from .value import Node, Value

READING_ORDER: tuple[str, ...] = (
    "errors",
    "cursor",
    "codecs",
    "value",
    "program",
    "classic",
    "plain",
    "runtime",
    "nodes",
    "source",
    "parse",
    "model",
    "imported",
    "declare",
    "whole",
    "resolve",
    "naming",
    "straight",
    "put",
    "take",
    "describe",
    "programs",
    "emit",
    "compile",
    "__main__",
)

__all__ = [
    "BOOL",
    "INTEGER",
    "INTEGER_64",
    "MAX_DEPTH",
    "QUADRUPLE",
    "REAL",
    "REAL_64",
    "UNBOUNDED",
    "UNSIGNED",
    "UNSIGNED_64",
    "VOID",
    "AsyncCall",
    "Buffer",
    "Codec",
    "ConversionError",
    "Cursor",
    "DecodeError",
    "EncodeError",
    "EndOfData",
    "Error",
    "Node",
    "Packer",
    "Procedure",
    "ProcedureUnavailable",
    "Quadruple",
    "Service",
    "Unpacker",
    "Value",
    "XdrError",
    "array",
    "array_fixed",
    "codec",
    "opaque",
    "opaque_fixed",
    "optional",
    "string",
]
