"""What generated modules import. They use these names with a leading underscore, which no XDR name has."""

from struct import Struct, unpack_from
from struct import pack as pack_many
from typing import TypeAlias

from .codecs import (
    BOOL,
    BOOLEANS,
    FLAGS,
    INTEGER,
    INTEGER_64,
    QUADRUPLE,
    REAL,
    REAL_64,
    UNSIGNED,
    UNSIGNED_64,
    VOID,
    Codec,
    Members,
    Quadruple,
    array,
    array_fixed,
    codec,
    integer,
    members,
    octets,
    octets_exactly,
    opaque,
    opaque_fixed,
    optional,
    ranged,
    string,
)
from .cursor import ZEROS, Cursor, bad_boolean, bad_discriminant, bad_padding, overrun
from .errors import MAX_DEPTH, Buffer, DecodeError, EncodeError
from .program import AsyncCall, CallT, Procedure, ProcedureUnavailable, Service
from .value import Node, Value, arm, chain, node, struct, union

Out: TypeAlias = list[Buffer]

# Makes an object without running __init__: its fields are about to be filled from the wire.
new = object.__new__


def nested_too_deep() -> EncodeError:
    """The error of a value of a recursive type that goes on for too long."""
    return EncodeError(f"nested more than {MAX_DEPTH} deep")


def too_many(count: int, maximum: int) -> EncodeError:
    """The error of an array or string that is too long (its field is found out later)."""
    return EncodeError(f"{count} elements, at most {maximum}")


def wrong_count(count: int, length: int) -> EncodeError:
    """The error of a fixed-length array of another length."""
    return EncodeError(f"{count} elements, not {length}")


def not_a_case(discriminant: object, arm_name: str) -> EncodeError:
    """The error of a discriminant that selects another arm."""
    return EncodeError(f"{discriminant!r} is not a case of {arm_name}")


__all__ = [
    "BOOL",
    "BOOLEANS",
    "FLAGS",
    "INTEGER",
    "INTEGER_64",
    "MAX_DEPTH",
    "QUADRUPLE",
    "REAL",
    "REAL_64",
    "UNSIGNED",
    "UNSIGNED_64",
    "VOID",
    "ZEROS",
    "AsyncCall",
    "Buffer",
    "CallT",
    "Codec",
    "Cursor",
    "DecodeError",
    "EncodeError",
    "Members",
    "Node",
    "Out",
    "Procedure",
    "ProcedureUnavailable",
    "Quadruple",
    "Service",
    "Struct",
    "Value",
    "arm",
    "array",
    "array_fixed",
    "bad_boolean",
    "bad_discriminant",
    "bad_padding",
    "chain",
    "codec",
    "integer",
    "members",
    "nested_too_deep",
    "new",
    "node",
    "not_a_case",
    "octets",
    "octets_exactly",
    "opaque",
    "opaque_fixed",
    "optional",
    "overrun",
    "pack_many",
    "ranged",
    "string",
    "struct",
    "too_many",
    "union",
    "unpack_from",
    "wrong_count",
]
