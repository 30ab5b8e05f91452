"""Open files, kept between calls: a bounded table of nodes, least recently used first out.

An open descriptor pins its inode, so while a node is open its inode number cannot come to mean another file, and a
call on a hot file needs neither the index nor a walk. A node in use is never closed under its user.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from examples.nfs.handles import FileId
from examples.nfs.identity import Credential
from examples.nfs.linux import reopen

DataKey = tuple[int, Credential]
_MOST_DATA_DESCRIPTORS: Final = 2  # of one node; more are opened and closed for each call


class Node:
    """One file, directory or link, held open by an O_PATH descriptor, and perhaps by others to read or write it."""

    def __init__(self, file: FileId, descriptor: int, verified: float) -> None:
        self.file = file
        self.key = file.pack()
        self.descriptor = descriptor
        self.verified = verified
        self._data: dict[DataKey, int] = {}
        self._data_lock = threading.Lock()
        self._users = 1
        self._lock = threading.Lock()

    def stat(self) -> os.stat_result:
        return os.fstat(self.descriptor)

    @contextmanager
    def opened(self, flags: int, credential: Credential, opener: Callable[[int, int], int] = reopen) -> Iterator[int]:
        """A descriptor with os.O_RDONLY or os.O_WRONLY, opened with the thread's present rights, `credential`'s."""
        key = (flags, credential)
        descriptor = self._data.get(key)
        if descriptor is not None:
            yield descriptor
            return
        descriptor = opener(self.descriptor, flags)
        if self.keep(key, descriptor):
            yield self._data[key]
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def any_opened(self) -> int | None:
        """A descriptor that was opened before, to read or write: good for writing out, which asks for no rights."""
        with self._data_lock:
            return next(iter(self._data.values()), None)

    def keep(self, key: DataKey, descriptor: int) -> bool:
        """Take over a descriptor for later calls; False if there is no place for it. The first of a kind stays."""
        with self._data_lock:
            if key in self._data:
                os.close(descriptor)
                return True
            if len(self._data) >= _MOST_DATA_DESCRIPTORS:
                return False
            self._data[key] = descriptor
            return True

    def retain(self) -> bool:
        """One more user; False if the node is closed already."""
        with self._lock:
            if self._users:
                self._users += 1
            return self._users > 0

    def release(self) -> None:
        """One user less; the last closes."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            os.close(self.descriptor)
            for descriptor in self._data.values():
                os.close(descriptor)


class Nodes:
    """The table of open nodes. It is a user of each node in it; whoever gets one from it is another."""

    def __init__(self, capacity: int, lifetime: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep `capacity` nodes, each for `lifetime` seconds after it was verified."""
        self._capacity = capacity
        self._lifetime = lifetime
        self._nodes: OrderedDict[bytes, Node] = OrderedDict()
        self._lock = threading.Lock()
        self.clock = clock

    def get(self, key: bytes) -> Node | None:
        """An open node that was verified lately and still exists, with the caller as one more user; else None."""
        with self._lock:
            node = self._nodes.get(key)
            if node is None or not node.retain():
                return None
            self._nodes.move_to_end(key)
        if self.clock() - node.verified < self._lifetime and node.stat().st_nlink > 0:
            return node
        self.drop(key)
        node.release()
        return None

    def add(self, node: Node) -> None:
        """Keep a node, in place of an older one of the same file."""
        node.retain()
        oldest_wanted = self.clock() - self._lifetime
        victims = []
        with self._lock:
            if node.key in self._nodes:
                victims.append(self._nodes.pop(node.key))
            self._nodes[node.key] = node
            # Those whose time is over go even if there is room: they may hold the space of a deleted file.
            while len(self._nodes) > self._capacity or self._is_over(oldest_wanted):
                victims.append(self._nodes.popitem(last=False)[1])
        for victim in victims:
            victim.release()

    def _is_over(self, oldest_wanted: float) -> bool:
        """Whether the time of the least recently used node is over."""
        oldest = next(iter(self._nodes.values()), None)
        return oldest is not None and oldest.verified < oldest_wanted

    def drop(self, key: bytes) -> None:
        with self._lock:
            node = self._nodes.pop(key, None)
        if node is not None:
            node.release()

    def close(self) -> None:
        """Let go of all nodes; those in use are closed by their users."""
        with self._lock:
            nodes = list(self._nodes.values())
            self._nodes.clear()
        for node in nodes:
            node.release()
