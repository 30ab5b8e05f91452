"""A COMPOUND of five operations (RFC 8881, 16.2), by xdrlib3 and by code that is made from pynfs's nfs4.x."""

import os
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path
from struct import Struct
from types import ModuleType
from typing import Any

import xdrlib3

from xdr.compile import compile_file

CORPUS = Path(os.environ.get("RPCGSS_CORPUS", Path(__file__).resolve().parents[2] / "shared" / "xcorpus"))
NFS4 = CORPUS / "kofemann__pynfs" / "nfs4.1" / "xdrdef" / "nfs4.x"


def nfs4() -> ModuleType | None:
    """The module for nfs4.x, or None where there is no such file."""
    if not NFS4.exists():
        return None
    specification = util.spec_from_loader("bench_nfs4_xdr", loader=None)
    assert specification is not None
    made = util.module_from_spec(specification)
    sys.modules[made.__name__] = made  # dataclasses look their module up
    exec(compile(compile_file(NFS4), "nfs4_xdr.py", "exec"), made.__dict__)
    return made


def compound(nfs: Any) -> Any:  # noqa: ANN401  # types that exist only here
    """SEQUENCE, PUTFH, LOOKUP, GETATTR, READ."""
    operations = [
        nfs.nfs_argop4_OP_SEQUENCE(nfs.SEQUENCE4args(bytes(16), 7, 0, 15, True)),
        nfs.nfs_argop4_OP_PUTFH(nfs.PUTFH4args(bytes(28))),
        nfs.nfs_argop4_OP_LOOKUP(nfs.LOOKUP4args(b"some-file-name.txt")),
        nfs.nfs_argop4_OP_GETATTR(nfs.GETATTR4args([0x0010011A, 0x00B0A23A])),
        nfs.nfs_argop4_OP_READ(nfs.READ4args(nfs.stateid4(1, bytes(12)), 65536, 4096)),
    ]
    return nfs.COMPOUND4args(b"open it", 1, operations)


def packer(nfs: Any) -> Callable[[xdrlib3.Packer, Any], None]:  # noqa: ANN401
    """How one would write it by hand."""

    def sequence(packer: xdrlib3.Packer, operation: Any) -> None:  # noqa: ANN401
        value = operation.opsequence
        packer.pack_fopaque(16, value.sa_sessionid)
        packer.pack_uint(value.sa_sequenceid)
        packer.pack_uint(value.sa_slotid)
        packer.pack_uint(value.sa_highest_slotid)
        packer.pack_bool(value.sa_cachethis)

    def putfh(packer: xdrlib3.Packer, operation: Any) -> None:  # noqa: ANN401
        packer.pack_opaque(operation.opputfh.object)

    def lookup(packer: xdrlib3.Packer, operation: Any) -> None:  # noqa: ANN401
        packer.pack_opaque(operation.oplookup.objname)

    def getattr4(packer: xdrlib3.Packer, operation: Any) -> None:  # noqa: ANN401
        packer.pack_array(operation.opgetattr.attr_request, packer.pack_uint)

    def read(packer: xdrlib3.Packer, operation: Any) -> None:  # noqa: ANN401
        value = operation.opread
        packer.pack_uint(value.stateid.seqid)
        packer.pack_fopaque(12, value.stateid.other)
        packer.pack_uhyper(value.offset)
        packer.pack_uint(value.count)

    operations = {
        nfs.OP_SEQUENCE: sequence,
        nfs.OP_PUTFH: putfh,
        nfs.OP_LOOKUP: lookup,
        nfs.OP_GETATTR: getattr4,
        nfs.OP_READ: read,
    }

    def pack(packer: xdrlib3.Packer, value: Any) -> None:  # noqa: ANN401
        packer.pack_opaque(value.tag)
        packer.pack_uint(value.minorversion)
        packer.pack_uint(len(value.argarray))
        for operation in value.argarray:
            packer.pack_enum(operation.argop)
            operations[operation.argop](packer, operation)

    return pack


def unpacker(nfs: Any) -> Callable[[xdrlib3.Unpacker], Any]:  # noqa: ANN401
    """And back."""

    def sequence(unpacker: xdrlib3.Unpacker) -> Any:  # noqa: ANN401
        uint = unpacker.unpack_uint
        value = nfs.SEQUENCE4args(unpacker.unpack_fopaque(16), uint(), uint(), uint(), unpacker.unpack_bool())
        return nfs.nfs_argop4_OP_SEQUENCE(value)

    def putfh(unpacker: xdrlib3.Unpacker) -> Any:  # noqa: ANN401
        return nfs.nfs_argop4_OP_PUTFH(nfs.PUTFH4args(unpacker.unpack_opaque()))

    def lookup(unpacker: xdrlib3.Unpacker) -> Any:  # noqa: ANN401
        return nfs.nfs_argop4_OP_LOOKUP(nfs.LOOKUP4args(unpacker.unpack_opaque()))

    def getattr4(unpacker: xdrlib3.Unpacker) -> Any:  # noqa: ANN401
        return nfs.nfs_argop4_OP_GETATTR(nfs.GETATTR4args(unpacker.unpack_array(unpacker.unpack_uint)))

    def read(unpacker: xdrlib3.Unpacker) -> Any:  # noqa: ANN401
        stateid = nfs.stateid4(unpacker.unpack_uint(), unpacker.unpack_fopaque(12))
        return nfs.nfs_argop4_OP_READ(nfs.READ4args(stateid, unpacker.unpack_uhyper(), unpacker.unpack_uint()))

    operations = {
        nfs.OP_SEQUENCE: sequence,
        nfs.OP_PUTFH: putfh,
        nfs.OP_LOOKUP: lookup,
        nfs.OP_GETATTR: getattr4,
        nfs.OP_READ: read,
    }

    def unpack(unpacker: xdrlib3.Unpacker) -> Any:  # noqa: ANN401
        tag, minorversion = unpacker.unpack_opaque(), unpacker.unpack_uint()
        count = unpacker.unpack_uint()
        arguments = [operations[nfs.nfs_opnum4(unpacker.unpack_enum())](unpacker) for _ in range(count)]
        return nfs.COMPOUND4args(tag, minorversion, arguments)

    return unpack


def unrolled(nfs: Any) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:  # noqa: ANN401
    """How fast Python can be at all: these five operations, in this order, with names and handles of these lengths, and
    not a single check. Nothing of it would be right for another value."""
    head, sequence, octets = Struct(">I8sII"), Struct(">I16sIIII"), Struct(">II")
    getattr4, read = Struct(">IIII"), Struct(">II12sQI")
    new = object.__new__

    def encode(value: Any) -> bytes:  # noqa: ANN401
        first, second, third, fourth, fifth = value.argarray
        one, handle, name = first.opsequence, second.opputfh.object, third.oplookup.objname
        attributes, five = fourth.opgetattr.attr_request, fifth.opread
        stateid = five.stateid
        return b"".join(
            (
                head.pack(7, value.tag, value.minorversion, 5),
                sequence.pack(
                    53, one.sa_sessionid, one.sa_sequenceid, one.sa_slotid, one.sa_highest_slotid, one.sa_cachethis
                ),
                octets.pack(22, len(handle)),
                handle,
                octets.pack(15, len(name)),
                name,
                b"\0\0",
                getattr4.pack(9, 2, *attributes),
                read.pack(25, stateid.seqid, stateid.other, five.offset, five.count),
            )
        )

    def decode(data: bytes) -> Any:  # noqa: ANN401
        value, first, second, third = (
            new(nfs.COMPOUND4args),
            new(nfs.nfs_argop4_OP_SEQUENCE),
            new(nfs.nfs_argop4_OP_PUTFH),
            new(nfs.nfs_argop4_OP_LOOKUP),
        )
        fourth, fifth = new(nfs.nfs_argop4_OP_GETATTR), new(nfs.nfs_argop4_OP_READ)
        first.opsequence = one = new(nfs.SEQUENCE4args)
        second.opputfh, third.oplookup = new(nfs.PUTFH4args), new(nfs.LOOKUP4args)
        fourth.opgetattr = new(nfs.GETATTR4args)
        fifth.opread = five = new(nfs.READ4args)
        five.stateid = new(nfs.stateid4)
        value.argarray = [first, second, third, fourth, fifth]
        _, value.tag, value.minorversion, _ = head.unpack_from(data)
        value.tag = value.tag[:7]
        _, one.sa_sessionid, one.sa_sequenceid, one.sa_slotid, one.sa_highest_slotid, cached = sequence.unpack_from(
            data, 20
        )
        one.sa_cachethis = cached == 1
        second.opputfh.object = data[64:92]
        third.oplookup.objname = data[100:118]
        _, _, *fourth.opgetattr.attr_request = getattr4.unpack_from(data, 120)
        _, five.stateid.seqid, five.stateid.other, five.offset, five.count = read.unpack_from(data, 136)
        return value

    return encode, decode
