"""READDIR and READDIRPLUS (RFC 1813, 3.3.16 and 3.3.17).

A cookie is the file system's own offset of the next name, which keeps its meaning while the directory changes and
after a restart. So the cookie verifier need not tell versions apart: it is always zero.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from examples.nfs.attributes import Refused, fattr3_of, text
from examples.nfs.descriptors import Node
from examples.nfs.handles import HANDLE_SIZE
from examples.nfs.index import Place, Sighting
from examples.nfs.linux import DirectoryEntry, read_directory, reopen
from examples.nfs.nfs3_xdr import (
    NFS3ERR_BAD_COOKIE,
    NFS3ERR_TOOSMALL,
    READDIR3args,
    READDIR3res,
    READDIR3res_default,
    READDIR3res_NFS3_OK,
    READDIR3resfail,
    READDIR3resok,
    READDIRPLUS3args,
    READDIRPLUS3res,
    READDIRPLUS3res_default,
    READDIRPLUS3res_NFS3_OK,
    READDIRPLUS3resfail,
    READDIRPLUS3resok,
    dirlist3,
    dirlistplus3,
    entry3,
    entryplus3,
    post_op_attr_FALSE,
    post_op_attr_TRUE,
    post_op_fh3_FALSE,
)
from examples.nfs.operation import Operation, Step

_NO_VERIFIER: Final = bytes(8)
_MOST_OCTETS: Final = 256 * 1024  # of one listing, whatever the client would take

# What the parts of a listing take on the wire (RFC 4506).
_FATTR3: Final = 84
_FRAME: Final = 4 + _FATTR3 + 8 + 4 + 4  # attributes of the directory, verifier, end of the list, eof
_ATTRIBUTES_AND_HANDLE: Final = 4 + _FATTR3 + 4 + 4 + HANDLE_SIZE


def readdir(operation: Operation, argument: READDIR3args) -> READDIR3res:
    directory = operation.nodes[0]
    room = min(argument.count, _MOST_OCTETS) - _FRAME
    found: list[entry3] = []
    at_end = True
    for entry in _entries(directory, argument):
        room -= 4 + _named(entry)
        if room < 0:
            at_end = False
            break
        found.append(entry3(_fileid(operation, entry), text(entry.name), entry.offset))
    _require_progress(found, at_end)
    return READDIR3res_NFS3_OK(READDIR3resok(operation.attributes(directory), _NO_VERIFIER, dirlist3(found, at_end)))


def readdirplus(operation: Operation, argument: READDIRPLUS3args) -> READDIRPLUS3res:
    """`dircount` bounds the names, numbers and cookies alone, `maxcount` the whole answer."""
    directory = operation.nodes[0]
    room = min(argument.maxcount, _MOST_OCTETS) - _FRAME
    room_for_names = max(argument.dircount, 1)
    found: list[entryplus3] = []
    seen: list[Sighting] = []
    at_end = True
    for entry in _entries(directory, argument):
        room -= 4 + _named(entry) + _ATTRIBUTES_AND_HANDLE
        # One name always goes: a client whose dircount is too small for it would else never get on.
        if room < 0 or room_for_names <= 0:
            at_end = False
            break
        room_for_names -= _named(entry)
        found.append(_entryplus3(operation, directory, entry, seen))
    _require_progress(found, at_end)
    operation.afterwards.append(lambda: operation.files.remember(directory, seen))
    return READDIRPLUS3res_NFS3_OK(
        READDIRPLUS3resok(operation.attributes(directory), _NO_VERIFIER, dirlistplus3(found, at_end))
    )


def _entries(directory: Node, argument: READDIR3args | READDIRPLUS3args) -> Iterator[DirectoryEntry]:
    """The names after a cookie. Raises Refused for a cookie that was never given."""
    if argument.cookie != 0 and argument.cookieverf != _NO_VERIFIER:
        raise Refused(NFS3ERR_BAD_COOKIE)
    wanted = argument.count if isinstance(argument, READDIR3args) else argument.maxcount // 4
    size = min(max(wanted, 1024), 32768)
    descriptor = reopen(directory.descriptor, os.O_RDONLY | os.O_DIRECTORY)
    try:
        offset = argument.cookie
        while batch := _read_batch(descriptor, offset, size):
            yield from batch
            offset = batch[-1].offset
    finally:
        os.close(descriptor)


def _read_batch(descriptor: int, offset: int, size: int) -> list[DirectoryEntry]:
    try:
        return read_directory(descriptor, offset, size)
    except OSError as problem:
        if problem.errno == errno.EINVAL:
            raise Refused(NFS3ERR_BAD_COOKIE) from problem
        raise


def _require_progress(found: list[entry3] | list[entryplus3], at_end: bool) -> None:
    if not found and not at_end:
        raise Refused(NFS3ERR_TOOSMALL)


def _named(entry: DirectoryEntry) -> int:
    """The octets of number, name and cookie."""
    return 8 + 4 + (len(entry.name) + 3) // 4 * 4 + 8


def _fileid(operation: Operation, entry: DirectoryEntry) -> int:
    root = operation.files.root
    if entry.name == b".." and operation.nodes[0] is root:
        return root.file.inode  # what is above the export is nobody's business
    return entry.inode


def _entryplus3(operation: Operation, directory: Node, entry: DirectoryEntry, seen: list[Sighting]) -> entryplus3:
    result = entryplus3(
        _fileid(operation, entry), text(entry.name), entry.offset, post_op_attr_FALSE(), post_op_fh3_FALSE()
    )
    if entry.name == b".":
        result.name_attributes = operation.attributes(directory)
        result.name_handle = operation.handle_of_new(directory)
    elif entry.name != b"..":
        # Another file system's root, a name that is gone, a directory that may be listed and not entered: name alone.
        with suppress(OSError), operation.files.using(operation.files.peek(directory, entry.name)) as node:
            found = node.stat()
            result.name_attributes = post_op_attr_TRUE(fattr3_of(found, operation.files.handles.export))
            result.name_handle = operation.handle_of_new(node)
            seen.append(Sighting(Place(directory.key, entry.name), node.key, stat.S_ISDIR(found.st_mode)))
    return result


READDIR = Step(
    readdir,
    lambda status, operation: READDIR3res_default(status, READDIR3resfail(operation.attributes_of(0))),
    lambda argument: (argument.dir,),
)
READDIRPLUS = Step(
    readdirplus,
    lambda status, operation: READDIRPLUS3res_default(status, READDIRPLUS3resfail(operation.attributes_of(0))),
    lambda argument: (argument.dir,),
)
