"""Contexts made by ticket that nobody has used yet: a pool that forgets the oldest of the largest chain."""

from collections import OrderedDict
from collections.abc import Iterator

from rpcgss.gss.context import Context


class Unconfirmed:
    """Unused contexts, oldest first, and by chain, with the largest chain at hand without a search."""

    def __init__(self) -> None:
        self._by_handle: OrderedDict[bytes, tuple[Context, float]] = OrderedDict()
        self._chains: dict[bytes, dict[bytes, Context]] = {}  # each oldest first; small, so a plain dict will do
        self._by_size: dict[int, OrderedDict[bytes, None]] = {}  # how many contexts -> the chains that have so many
        self._largest = 0

    def __len__(self) -> int:
        return len(self._by_handle)

    def __iter__(self) -> Iterator[Context]:
        return iter([context for context, _ in self._by_handle.values()])

    def get(self, handle: bytes) -> Context | None:
        entry = self._by_handle.get(handle)
        return None if entry is None else entry[0]

    def of_chain(self, chain: bytes) -> int:
        return len(self._chains.get(chain, ()))

    def oldest_of(self, chain: bytes) -> Context:
        return next(iter(self._chains[chain].values()))

    def oldest_of_largest_chain(self) -> Context:
        return self.oldest_of(next(iter(self._by_size[self._largest])))

    def outdated(self, now: float) -> list[Context]:
        """Those whose time is up; all live equally long, so they are in front."""
        outdated = []
        for context, until in self._by_handle.values():
            if until > now and not context.expired(now):
                break
            outdated.append(context)
        return outdated

    def add(self, context: Context, until: float) -> None:
        self._by_handle[context.handle] = (context, until)
        chain = self._chains.get(context.chain)
        if chain is None:
            chain = self._chains[context.chain] = {}
        self._resize(context.chain, len(chain), len(chain) + 1)
        chain[context.handle] = context

    def remove(self, context: Context) -> None:
        if self._by_handle.pop(context.handle, None) is None:
            return
        chain = self._chains[context.chain]
        self._resize(context.chain, len(chain), len(chain) - 1)
        del chain[context.handle]
        if not chain:
            del self._chains[context.chain]

    def _resize(self, chain: bytes, old: int, new: int) -> None:
        if old:
            del self._by_size[old][chain]
            if not self._by_size[old]:
                del self._by_size[old]
        if new:
            chains = self._by_size.get(new)
            if chains is None:
                chains = self._by_size[new] = OrderedDict()
            chains[chain] = None
        # One step at a time, so the largest size is the old one or its neighbour.
        self._largest = max(self._largest, new)
        if self._largest not in self._by_size:
            self._largest -= 1
