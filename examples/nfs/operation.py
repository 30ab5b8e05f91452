"""One call at work: the nodes that it is about, who makes it, what it has seen; and the engine that runs it.

A procedure is a `Step`: a function for the good way, a function for the answer when it fails, and which handles it is
about. The engine finds the nodes as the server itself, then runs the function with the caller's rights, then tells
the index what was seen and makes changes durable, again as the server.
"""

import errno
import mmap
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from examples.nfs.attributes import fattr3_of, status_of, wcc_attr_of
from examples.nfs.descriptors import Node
from examples.nfs.exports import Access
from examples.nfs.filesystem import FileSystem
from examples.nfs.handles import BadHandle, StaleHandle
from examples.nfs.identity import SERVER, Credential, acting_as
from examples.nfs.linux import reopen, sync_file_system
from examples.nfs.nfs3_xdr import (
    nfs_fh3,
    nfsstat3,
    post_op_attr,
    post_op_attr_FALSE,
    post_op_attr_TRUE,
    post_op_fh3,
    post_op_fh3_TRUE,
    pre_op_attr,
    pre_op_attr_FALSE,
    pre_op_attr_TRUE,
    wcc_attr,
    wcc_data,
)

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: how far the exports file lets them, and as which user they act.

    `root_only` is a caller whom the flavor in use lets see no more than the root (RFC 2623, 2.3.2).
    """

    principal: str
    access: Access
    credential: Credential = SERVER
    root_only: bool = False


class RootOnly(PermissionError):
    """The flavor in use is too weak for anything but the root of the export."""


@dataclass(frozen=True, slots=True)
class Step(Generic[A, R]):
    """One procedure. `handles` are those that the argument is about, in the order of `Operation.nodes`."""

    function: "Callable[[Operation, A], R]"
    failure: "Callable[[nfsstat3, Operation], R]"
    handles: Callable[[A], tuple[nfs_fh3, ...]]
    changes: bool = False


@dataclass
class Operation:
    """What one call is about and what it has found out. Only its own thread uses it."""

    files: FileSystem
    caller: Caller
    write_verifier: "WriteVerifier"
    nodes: list[Node] = field(default_factory=list)
    before: list[wcc_attr] = field(default_factory=list)
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    held: ExitStack = field(default_factory=ExitStack)

    def hold(self, node: Node) -> Node:
        """Release a node when the call is done."""
        self.held.callback(node.release)
        return node

    def saw(self, directory: Node, name: bytes, node: Node) -> None:
        """Have the index remember, before the answer leaves, where a node was seen."""
        self.afterwards.append(lambda: self.files.record(directory, name, node))

    def made_durable(self, *nodes: Node) -> None:
        """Have what was changed written out before the answer leaves (RFC 1813, 1.6: modifying data is synchronous)."""
        self.afterwards.extend(partial(self.write_out, node) for node in nodes)

    def write_out(self, node: Node, *, data_only: bool = False) -> None:
        """Write a file or directory to stable storage, contents and attributes, or contents only."""
        try:
            with acting_as(SERVER), self._to_write_out(node) as descriptor:
                os.fdatasync(descriptor) if data_only else os.fsync(descriptor)
        except OSError:
            # The kernel reports a lost page once. Whoever has written it and waits for a COMMIT must hear of it too.
            self.write_verifier.renew()
            raise

    @contextmanager
    def _to_write_out(self, node: Node) -> Iterator[int]:
        if (open_already := node.any_opened()) is not None:
            yield open_already
            return
        if stat.S_IFMT(node.stat().st_mode) in (stat.S_IFREG, stat.S_IFDIR):
            with suppress(PermissionError), node.opened(os.O_RDONLY, SERVER) as descriptor:
                yield descriptor
                return
        # A link, a device, or what the server itself may not read: nothing to write it out by but all there is.
        descriptor = reopen(self.files.root.descriptor, os.O_RDONLY)
        try:
            sync_file_system(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def handle(self, node: Node) -> nfs_fh3:
        return nfs_fh3(self.files.handles.seal(node.file))

    def handle_of_new(self, node: Node) -> post_op_fh3:
        return post_op_fh3_TRUE(self.handle(node))

    def attributes(self, node: Node) -> post_op_attr:
        """The attributes of a node now."""
        return post_op_attr_TRUE(fattr3_of(node.stat(), self.files.handles.export))

    def attributes_of(self, number: int) -> post_op_attr:
        """The attributes of the call's n-th node now, if the call came so far as to have it."""
        return self.attributes(self.nodes[number]) if number < len(self.nodes) else post_op_attr_FALSE()

    def wcc(self, number: int) -> wcc_data:
        """The call's n-th node before and now: weak cache consistency (RFC 1813, 2.6)."""
        before: pre_op_attr = pre_op_attr_FALSE()
        if number < len(self.before):
            before = pre_op_attr_TRUE(self.before[number])
        return wcc_data(before, self.attributes_of(number))


class WriteVerifier:
    """Eight octets that change when uncommitted data may have been lost (RFC 1813, 3.3.7).

    They are in memory that processes have in common which are forked after this was made. Whoever reads them while
    another process renews them may see half of both: a verifier that nobody has, so that clients write once more.
    """

    def __init__(self) -> None:
        self._octets = mmap.mmap(-1, 8)
        self.renew()

    @property
    def value(self) -> bytes:
        return self._octets[:]

    def renew(self) -> None:
        """What was written and not committed may be gone, and clients must write it again: a write-out failed, or a
        process ended which alone might have heard of it, for the kernel tells those who have the file open."""
        self._octets[:] = os.urandom(8)


def perform(
    step: Step[A, R],
    files: FileSystem,
    caller: Caller,
    verifier: WriteVerifier,
    argument: A,
    find: Callable[[FileSystem, bytes], Node] = FileSystem.node_untrusted,
) -> R:
    """Do one call; whatever goes wrong with files is in the result. Raises RootOnly, and what is nobody's mistake.

    `find` takes a handle to its node; what it raises beside problems with files comes out.
    """
    operation = Operation(files, caller, verifier)
    with operation.held:
        try:
            # Who has no access learns nothing by the answer, and costs no search for a file.
            _require_access(caller, Access.READ, errno.EACCES)
            _find_nodes(operation, step.handles(argument), find)
            if step.changes:
                _require_access(caller, Access.WRITE, errno.EROFS)
            with _alone(operation, step.changes), acting_as(caller.credential):
                result = step.function(operation, argument)
            for work in operation.afterwards:
                work()
            return result
        except RootOnly:
            raise
        except (OSError, BadHandle, StaleHandle) as problem:
            return step.failure(status_of(problem), operation)


def _find_nodes(operation: Operation, handles: Iterable[nfs_fh3], find: Callable[[FileSystem, bytes], Node]) -> None:
    for handle in handles:
        node = operation.hold(find(operation.files, handle.data))
        if operation.caller.root_only and node is not operation.files.root:
            raise RootOnly(errno.EACCES, "the flavor is too weak for anything but the root")
        operation.nodes.append(node)


def _require_access(caller: Caller, access: Access, number: int) -> None:
    if caller.access < access:
        raise OSError(number, os.strerror(number))


@contextmanager
def _alone(operation: Operation, changes: bool) -> Iterator[None]:
    with operation.files.changing(operation.nodes) if changes else nullcontext():
        if changes:
            operation.before = [wcc_attr_of(node.stat()) for node in operation.nodes]
        yield
