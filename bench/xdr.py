"""Generated XDR code against hand-written xdrlib3 code: ``python -m bench.xdr``.

Both sides build the same dataclasses from the same octets, and the same octets from the same values. Times are the best
of many short rounds, in which both sides take turns, so that a busy machine is busy for both.
"""

import timeit
from collections.abc import Callable
from dataclasses import dataclass

import xdrlib3

import xdr
from bench import compound
from examples.nfs import nfs3_xdr as nfs

ROUNDS = 200
ROUND = 0.002  # seconds
MEBIBYTE = 1 << 20


def main() -> None:
    """Measure and print a table."""
    print(f"{'':28}{'encode':>12}{'xdrlib3':>12}{'':>8}{'decode':>12}{'xdrlib3':>12}")
    for case in CASES:
        measure(case)
    if (nfs4 := compound.nfs4()) is None:
        print(f"COMPOUND of 5 operations: not measured, there is no {compound.NFS4} (RPCGSS_CORPUS says where it is)")
    else:
        pack, unpack = packed(compound.packer(nfs4)), unpacked(compound.unpacker(nfs4))
        value = compound.compound(nfs4)
        measure(Case("COMPOUND of 5 operations", value, pack, unpack))
        measure_floor("  the same, unrolled by hand", value, pack, unpack, *compound.unrolled(nfs4))
    read_against_copy()


def measure(case: "Case") -> None:
    """One line of the table."""
    data = case.value.to_bytes()
    kind = type(case.value)
    assert case.pack(case.value) == data
    assert case.unpack(data) == case.value == kind.from_bytes(data)
    ours, theirs = best(case.value.to_bytes, lambda: case.pack(case.value))
    ours_back, theirs_back = best(lambda: kind.from_bytes(data), lambda: case.unpack(data))
    show(case.name, ours, theirs, ours_back, theirs_back)


def measure_floor(
    name: str,
    value: xdr.Value,
    pack: Callable[[xdr.Value], bytes],
    unpack: Callable[[bytes], xdr.Value],
    encode: Callable[[xdr.Value], bytes],
    decode: Callable[[bytes], xdr.Value],
) -> None:
    """The same line for code that is good for one value alone: no codec in this language can be faster."""
    data = value.to_bytes()
    assert encode(value) == data
    assert decode(data) == value
    ours, theirs, ours_back, theirs_back = best(
        lambda: encode(value), lambda: pack(value), lambda: decode(data), lambda: unpack(data)
    )
    show(name, ours, theirs, ours_back, theirs_back)


def show(name: str, ours: float, theirs: float, ours_back: float, theirs_back: float) -> None:
    print(
        f"{name:28}{ours * 1e6:10.2f}µs{theirs * 1e6:10.2f}µs{theirs / ours:7.1f}x"
        f"{ours_back * 1e6:10.2f}µs{theirs_back * 1e6:10.2f}µs{theirs_back / ours_back:7.1f}x"
    )


def read_against_copy() -> None:
    """A 1 MiB READ reply against a plain copy of its octets."""
    value = nfs.READ3res_NFS3_OK(nfs.READ3resok(nfs.post_op_attr_TRUE(ATTRIBUTES), MEBIBYTE, True, bytes(MEBIBYTE)))
    data = value.to_bytes()
    view = memoryview(data)
    copy, encode, decode, viewed = best(
        lambda: bytes(view),
        value.to_bytes,
        lambda: nfs.READ3res.from_bytes(data),
        lambda: nfs.READ3res.from_bytes(view),
    )
    print(
        f"READ of 1 MiB: copy {copy * 1e6:.0f}µs, encode {encode / copy:.2f} copies, decode {decode / copy:.2f}, "
        f"decode from a view {viewed / copy:.2f}"
    )


def best(*calls: Callable[[], object]) -> list[float]:
    """Seconds for one call of each."""
    timers = [timeit.Timer(call) for call in calls]
    counts = [max(1, int(ROUND / max(timer.timeit(3) / 3, 1e-9))) for timer in timers]
    rounds = [[timer.timeit(count) / count for timer, count in zip(timers, counts, strict=True)] for _ in range(ROUNDS)]
    return [min(each) for each in zip(*rounds, strict=True)]


TIME = nfs.nfstime3(1_700_000_000, 123_456_789)
ATTRIBUTES = nfs.fattr3(
    nfs.NF3REG, 0o644, 1, 1000, 1000, 123456, 126976, nfs.specdata3(0, 0), 42, 4711, TIME, TIME, TIME
)
ENTRY = nfs.entryplus3(
    4711, "some-file-name.txt", 17, nfs.post_op_attr_TRUE(ATTRIBUTES), nfs.post_op_fh3_TRUE(nfs.nfs_fh3(bytes(32)))
)
DIRECTORY = nfs.READDIRPLUS3res_NFS3_OK(
    nfs.READDIRPLUS3resok(nfs.post_op_attr_TRUE(ATTRIBUTES), bytes(8), nfs.dirlistplus3([ENTRY] * 100, True))
)
WRITE = nfs.WRITE3args(nfs.nfs_fh3(bytes(32)), 65536, 4096, nfs.FILE_SYNC, bytes(4096))


# By hand with xdrlib3, as one would write it.


def pack_fattr3(packer: xdrlib3.Packer, value: nfs.fattr3) -> None:
    uint, uhyper = packer.pack_uint, packer.pack_uhyper
    packer.pack_enum(value.type)
    for number in (value.mode, value.nlink, value.uid, value.gid):
        uint(number)
    uhyper(value.size)
    uhyper(value.used)
    uint(value.rdev.specdata1)
    uint(value.rdev.specdata2)
    uhyper(value.fsid)
    uhyper(value.fileid)
    for time in (value.atime, value.mtime, value.ctime):
        uint(time.seconds)
        uint(time.nseconds)


def unpack_fattr3(unpacker: xdrlib3.Unpacker) -> nfs.fattr3:
    uint, uhyper = unpacker.unpack_uint, unpacker.unpack_uhyper
    return nfs.fattr3(
        nfs.ftype3(unpacker.unpack_enum()),
        uint(),
        uint(),
        uint(),
        uint(),
        uhyper(),
        uhyper(),
        nfs.specdata3(uint(), uint()),
        uhyper(),
        uhyper(),
        nfs.nfstime3(uint(), uint()),
        nfs.nfstime3(uint(), uint()),
        nfs.nfstime3(uint(), uint()),
    )


def pack_post_op_attr(packer: xdrlib3.Packer, value: nfs.post_op_attr) -> None:
    packer.pack_bool(value.attributes_follow)
    if isinstance(value, nfs.post_op_attr_TRUE):
        pack_fattr3(packer, value.attributes)


def unpack_post_op_attr(unpacker: xdrlib3.Unpacker) -> nfs.post_op_attr:
    return nfs.post_op_attr_TRUE(unpack_fattr3(unpacker)) if unpacker.unpack_bool() else nfs.post_op_attr_FALSE()


def pack_directory(packer: xdrlib3.Packer, value: nfs.READDIRPLUS3res) -> None:
    assert isinstance(value, nfs.READDIRPLUS3res_NFS3_OK)
    packer.pack_enum(value.status)
    pack_post_op_attr(packer, value.resok.dir_attributes)
    packer.pack_fopaque(8, value.resok.cookieverf)
    for entry in value.resok.reply.entries:
        packer.pack_bool(True)
        packer.pack_uhyper(entry.fileid)
        packer.pack_string(entry.name.encode())
        packer.pack_uhyper(entry.cookie)
        pack_post_op_attr(packer, entry.name_attributes)
        packer.pack_bool(entry.name_handle.handle_follows)
        if isinstance(entry.name_handle, nfs.post_op_fh3_TRUE):
            packer.pack_opaque(entry.name_handle.handle.data)
    packer.pack_bool(False)
    packer.pack_bool(value.resok.reply.eof)


def unpack_directory(unpacker: xdrlib3.Unpacker) -> nfs.READDIRPLUS3res:
    nfs.nfsstat3(unpacker.unpack_enum())
    attributes = unpack_post_op_attr(unpacker)
    verifier = unpacker.unpack_fopaque(8)
    entries = []
    while unpacker.unpack_bool():
        entry = nfs.entryplus3(
            unpacker.unpack_uhyper(),
            unpacker.unpack_string().decode(),
            unpacker.unpack_uhyper(),
            unpack_post_op_attr(unpacker),
            nfs.post_op_fh3_TRUE(nfs.nfs_fh3(unpacker.unpack_opaque()))
            if unpacker.unpack_bool()
            else nfs.post_op_fh3_FALSE(),
        )
        entries.append(entry)
    reply = nfs.dirlistplus3(entries, unpacker.unpack_bool())
    return nfs.READDIRPLUS3res_NFS3_OK(nfs.READDIRPLUS3resok(attributes, verifier, reply))


def pack_write(packer: xdrlib3.Packer, value: nfs.WRITE3args) -> None:
    packer.pack_opaque(value.file.data)
    packer.pack_uhyper(value.offset)
    packer.pack_uint(value.count)
    packer.pack_enum(value.stable)
    packer.pack_opaque(value.data)


def unpack_write(unpacker: xdrlib3.Unpacker) -> nfs.WRITE3args:
    return nfs.WRITE3args(
        nfs.nfs_fh3(unpacker.unpack_opaque()),
        unpacker.unpack_uhyper(),
        unpacker.unpack_uint(),
        nfs.stable_how(unpacker.unpack_enum()),
        unpacker.unpack_opaque(),
    )


def packed(pack: Callable[[xdrlib3.Packer, object], None]) -> Callable[[xdr.Value], bytes]:
    """A function from value to octets."""

    def call(value: xdr.Value) -> bytes:
        packer = xdrlib3.Packer()
        pack(packer, value)
        data: bytes = packer.get_buffer()
        return data

    return call


def unpacked(unpack: Callable[[xdrlib3.Unpacker], xdr.Value]) -> Callable[[bytes], xdr.Value]:
    """A function from octets to value."""

    def call(data: bytes) -> xdr.Value:
        unpacker = xdrlib3.Unpacker(data)
        value = unpack(unpacker)
        unpacker.done()
        return value

    return call


@dataclass(frozen=True)
class Case:
    """One value, and both ways of xdrlib3."""

    name: str
    value: xdr.Value
    pack: Callable[[xdr.Value], bytes]
    unpack: Callable[[bytes], xdr.Value]


CASES = (
    Case("fattr3", ATTRIBUTES, packed(pack_fattr3), unpacked(unpack_fattr3)),  # type: ignore[arg-type]
    Case("READDIRPLUS, 100 entries", DIRECTORY, packed(pack_directory), unpacked(unpack_directory)),  # type: ignore[arg-type]
    Case("WRITE of 4 KiB", WRITE, packed(pack_write), unpacked(unpack_write)),  # type: ignore[arg-type]
)

if __name__ == "__main__":
    main()
