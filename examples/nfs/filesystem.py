"""The files beneath one exported directory, by handle.

A handle is resolved in three steps, each only when the one before fails:

1. The node is open already and was verified within NODE_LIFETIME: use it (no index, no walk).
2. The index knows where the file was: walk there from the export's directory in one openat2 that follows no link,
   leaves neither the directory nor its mount, and verify by inode number, birth and generation that it is the file.
3. Something else than this server renamed it, or a directory above it: look for it, in the directory where it was,
   then through the export, at most SEARCH_LIMIT names. Found or not, the index is corrected.

What is not found is stale. A file that was moved out of the export is therefore served for NODE_LIFETIME at most.
RENAME changes the file system and then the index; `placing` is held meanwhile, and by whoever else must see the two
agree: by who writes rows, and by who found that a row is wrong and looks once more before it searches. This and the
other locks are common to all processes that use the same state, and so is the index: each may make handles, and all
find their files.
Other file systems that are mounted beneath the export are not part of it: their names are listed, not entered.
Until a walk is done the thread acts as the server itself; the rights of the caller count for the operation proper.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

from examples.nfs.descriptors import Node, Nodes
from examples.nfs.handles import FileId, Handles, StaleHandle, load_key
from examples.nfs.index import Index, Place, Sighting
from examples.nfs.linux import DirectoryEntry, birth, open_beneath, read_directory, reopen, require_openat2
from examples.nfs.locks import Locks

NODE_LIFETIME: Final = 5.0
SEARCH_LIMIT: Final = 20_000
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ESTALE, errno.ENAMETOOLONG)
_DEEPEST: Final = 2000  # directories above a file
_DEEPEST_SEARCH: Final = 100
_PLACING, _MODES, _FIRST_OF_NODES = 0, 1, 2  # numbers of locks
_NODE_LOCKS: Final = 64


class NotOpen(Exception):
    """The node of this handle is not open."""


class FileSystem:
    """One export. Its methods block; any thread may call them."""

    def __init__(self, directory: Path, state: Path, *, open_nodes: int = 256) -> None:
        """Serve `directory`, keeping handles' key and index in the directory `state`, which is made if missing.

        Raises OSError if either cannot be used.
        """
        require_openat2()
        directory = directory.resolve(strict=True)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.index = Index(state / "index.sqlite", str(directory))
        self._nodes = Nodes(open_nodes, NODE_LIFETIME)
        self._locks = Locks(state / "locks", _FIRST_OF_NODES + _NODE_LOCKS)
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.root = Node(_identify(descriptor), descriptor, 0.0)
        self.device = self.root.stat().st_dev
        self.handles = Handles(load_key(state / "handles.key"), self.index.export)

    def close(self) -> None:
        self._nodes.close()
        self.root.release()
        self.index.close()
        self._locks.close()

    def placing(self) -> AbstractContextManager[None]:
        """Hold the lock of who changes where files are, or must see file system and index agree."""
        return self._locks.holding(_PLACING)

    def modes(self) -> AbstractContextManager[None]:
        """Hold the lock of who changes the mode of a file, for good or for a moment."""
        return self._locks.holding(_MODES)

    def node_untrusted(self, handle: bytes) -> Node:
        """The node of a handle; the caller releases it. Raises BadHandle, StaleHandle, OSError."""
        return self.node(self.handles.open_untrusted(handle))

    def node(self, file: FileId) -> Node:
        """The node of a file, wherever it is; the caller releases it. Raises StaleHandle, OSError."""
        if file == self.root.file:
            self.root.retain()
            return self.root
        return self._nodes.get(file.pack()) or self._resolve(file, _Search(SEARCH_LIMIT))

    def open_node_untrusted(self, handle: bytes) -> Node:
        """As `node_untrusted`, and never blocks: raises NotOpen if it takes the disk to find the node."""
        file = self.handles.open_untrusted(handle)
        if file == self.root.file:
            return self.node(file)
        if (node := self._nodes.get(file.pack())) is None:
            raise NotOpen
        return node

    def child(self, directory: Node, name: bytes) -> Node:
        """Open a name in a directory, with the thread's present rights; the caller releases it and records it.

        Raises OSError: EXDEV for another file system's root.
        """
        return self.adopt(directory, open_beneath(directory.descriptor, name))

    def parent(self, directory: Node) -> Node:
        """The directory above one, and the root's own for the root; the caller releases it."""
        if directory is self.root:
            return self.node(self.root.file)
        for place in self.index.places(directory.key):
            with suppress(OSError, StaleHandle), self.using(self.node(FileId.unpack(place.parent))) as parent:
                if self._holds(parent, place.name, directory.key):
                    parent.retain()
                    return parent
        # Moved by somebody else: finding the directory again corrects its place in the index.
        self._resolve(directory.file, _Search(SEARCH_LIMIT)).release()
        for place in self.index.places(directory.key):
            return self.node(FileId.unpack(place.parent))
        raise StaleHandle("no longer beneath the export")

    def _holds(self, parent: Node, name: bytes, file: bytes) -> bool:
        try:
            child = self.peek(parent, name)
        except OSError as problem:
            if problem.errno in _NOT_THERE:
                return False
            raise
        with self.using(child):
            return child.key == file

    @contextmanager
    def using(self, node: Node) -> Iterator[Node]:
        """Release a node at the end."""
        try:
            yield node
        finally:
            node.release()

    def changing(self, nodes: Iterable[Node]) -> AbstractContextManager[None]:
        """Keep other changes of these nodes through this server out, so that before and after belong together."""
        return self._locks.holding_all(_FIRST_OF_NODES + node.file.inode % _NODE_LOCKS for node in nodes)

    def peek(self, directory: Node, name: bytes) -> Node:
        """As `child`, for a moment only: the node is not kept open."""
        return self._opened(open_beneath(directory.descriptor, name))

    def adopt(self, directory: Node, descriptor: int) -> Node:
        """The node of something in a directory, by an O_PATH descriptor that this takes over.

        The caller releases it and records it. What is in a directory is verified as lately as the directory itself.
        """
        node = self._opened(descriptor)
        if directory is not self.root:
            node.verified = directory.verified
        self._nodes.add(node)
        return node

    def drop(self, node: Node) -> None:
        """Do not keep a node open: its file is gone or its space should be."""
        self._nodes.drop(node.key)

    def entries(self, directory: Node) -> Iterator[DirectoryEntry]:
        """All names in a directory, without `.` and `..`."""
        descriptor = reopen(directory.descriptor, os.O_RDONLY | os.O_DIRECTORY)
        try:
            offset = 0
            while batch := read_directory(descriptor, offset):
                yield from (entry for entry in batch if entry.name not in (b".", b".."))
                offset = batch[-1].offset
        finally:
            os.close(descriptor)

    def _opened(self, descriptor: int) -> Node:
        """A node for an O_PATH descriptor just opened, which it takes over."""
        try:
            # Within one mount, only a directory can be the root of something else (a subvolume of btrfs). Files may
            # differ from their directory in st_dev and still belong (overlayfs).
            found = os.fstat(descriptor)
            if stat.S_ISDIR(found.st_mode) and found.st_dev != self.device:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            return Node(_identify(descriptor), descriptor, self._nodes.clock())
        except BaseException:
            os.close(descriptor)
            raise

    def _resolve(self, file: FileId, search: "_Search") -> Node:
        places = self.index.places(file.pack())
        if not places:
            raise StaleHandle("not known")
        node = self._walk_to(places[0], file) or self._walk_to_one(file) or self._search(file, places, search)
        if node is None:
            for place in places:
                self.index.forget(place, file.pack())
            raise StaleHandle("nowhere to be found")
        self._nodes.add(node)
        return node

    def _walk_to(self, place: Place, file: FileId) -> Node | None:
        path = self._path(place)
        return None if path is None else self._walk(self.root, path, file)

    def _walk_to_one(self, file: FileId) -> Node | None:
        """Try all places that the index knows, while no RENAME of this server's makes them wrong."""
        wrong: list[Place] = []
        with self.placing():
            for place in self.index.places(file.pack()):
                if (node := self._walk_to(place, file)) is not None:
                    for other in wrong:
                        self.index.forget(other, file.pack())
                    return node
                wrong.append(place)
        return None

    def _path(self, place: Place) -> bytes | None:
        """From the root to a place, as far as the index knows; None if it does not."""
        names = [place.name]
        root = self.root.key
        parent = place.parent
        while parent != root:
            above = self.index.places(parent)
            if not above or len(names) > _DEEPEST:
                return None
            parent = above[0].parent
            names.append(above[0].name)
        return b"/".join(reversed(names))

    def _walk(self, start: Node, path: bytes, file: FileId) -> Node | None:
        try:
            node = self._opened(open_beneath(start.descriptor, path))
        except OSError as problem:
            if problem.errno in _NOT_THERE:
                return None
            raise
        if node.file == file and node.stat().st_nlink > 0:
            return node
        node.release()
        return None

    def _search(self, file: FileId, places: list[Place], search: "_Search") -> Node | None:
        """Look for a file in the directories where it was, which may themselves have moved; then everywhere."""
        for place in places:
            if search.depth >= _DEEPEST_SEARCH:
                return None
            search.depth += 1
            with suppress(StaleHandle):
                parent = FileId.unpack(place.parent)
                with self.using(self.root_or(parent) or self._resolve(parent, search)) as directory:
                    node = self._walk(directory, place.name, file) or self._scan(directory, file, search)
                    if node is not None:
                        return node
            search.depth -= 1
        return self._scan_all(file, search)

    def root_or(self, file: FileId) -> Node | None:
        """The root's node, with one more user, if this is the root's identity."""
        return self.node(file) if file == self.root.file else None

    def _scan(self, directory: Node, file: FileId, search: "_Search") -> Node | None:
        """Look for a file in one directory, and record it if it is there."""
        return self._scan_for(directory, file, search, [])

    def _scan_all(self, file: FileId, search: "_Search") -> Node | None:
        """Look for a file everywhere, the upper directories first."""
        waiting = deque([b"."])
        while waiting:
            path = waiting.popleft()
            try:
                directory = self._opened(open_beneath(self.root.descriptor, path))
            except OSError as problem:
                if problem.errno in (*_NOT_THERE, errno.EACCES):
                    continue  # gone meanwhile, another file system, or not for us
                raise
            with self.using(directory):
                below: list[bytes] = []
                node = self._scan_for(directory, file, search, below)
            if node is not None:
                return node
            waiting.extend(path + b"/" + name for name in below)
        return None

    def _scan_for(self, directory: Node, file: FileId, search: "_Search", below: list[bytes]) -> Node | None:
        with suppress(PermissionError, NotADirectoryError):
            for entry in self.entries(directory):
                if not search.spend():
                    return None
                if entry.inode == file.inode and (node := self._walk(directory, entry.name, file)) is not None:
                    self.record(directory, entry.name, node)
                    return node
                if entry.may_be_directory:
                    below.append(entry.name)
        return None

    def record(self, directory: Node, name: bytes, node: Node) -> None:
        """Remember in the index that a node was seen under this name."""
        is_directory = stat.S_ISDIR(node.stat().st_mode)
        self.remember(directory, [Sighting(Place(directory.key, name), node.key, is_directory)])

    def remember(self, directory: Node, sightings: Iterable[Sighting]) -> None:
        """Remember in the index what was seen in a directory, unless another call has moved or removed it since."""
        if not (news := self.index.unknown(sightings)):
            return
        with self.placing():
            self.index.record([seen for seen in news if self._holds(directory, seen.place.name, seen.file)])

    def forget(self, directory: Node, name: bytes, node: Node | None) -> None:
        """Let the index forget a name that was removed, and the node that had it, as far as that is known.

        If the file has other names, the row stays: it tells where to begin the search for them. Raises nothing when the
        index fails: the name is gone all the same, and what is left of it is found to be wrong when it is used.
        """
        is_directory = node is not None and stat.S_ISDIR(node.stat().st_mode)
        with suppress(OSError), self.placing():
            if node is None or is_directory or node.stat().st_nlink == 0:
                self.index.forget(Place(directory.key, name), None if node is None else node.key)
            if node is not None and is_directory:
                self.index.forget_below(node.key)


class _Search:
    """How many more names one search may look at."""

    def __init__(self, names: int) -> None:
        self._names = names
        self.depth = 0

    def spend(self) -> bool:
        self._names -= 1
        return self._names >= 0


def _identify(descriptor: int) -> FileId:
    return FileId(os.fstat(descriptor).st_ino, *birth(descriptor))
