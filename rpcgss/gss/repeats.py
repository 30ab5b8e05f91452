"""Creation requests that come again because a datagram was lost or doubled.

A mechanism takes a token once: what it says to the second is that it is a replay, and a client that hears that first
takes it for the answer. So the server answers a request that it has answered with the same octets, and drops one that
it is still working on. What is kept is bounded; where it is full, the oldest goes, and with it nothing but comfort.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from rpcgss.rpc.flavors import Answer, Connection
from rpcgss.rpc.messages import ReceivedCall

MAX_ANSWERS: Final = 512
MAX_OCTETS: Final = 8 * 1024
"""Of an answer that is kept; that of krb5 has some 200."""


class Repeats:
    """The latest creation requests that came over unreliable transports. `repeated`: how many came again."""

    def __init__(self, *, limit: int = MAX_ANSWERS) -> None:
        self.repeated = 0
        self._limit: Final = limit
        self._answers: Final[OrderedDict[bytes, Answer | None]] = OrderedDict()  # None: it is being made

    def __len__(self) -> int:
        return len(self._answers)

    async def once(
        self, call: ReceivedCall, connection: Connection, make: Callable[[], Awaitable[Answer]]
    ) -> Answer | None:
        """The answer to `call`, made by `make` or already known; None: another copy of the call gets it. Raises what
        `make` does. Cancelled: nothing is kept."""
        key = _key(call, connection)
        if key in self._answers:
            self.repeated += 1
            return self._answers[key]
        if len(self._answers) >= self._limit:
            self._answers.popitem(last=False)
        self._answers[key] = None
        try:
            answer = await make()
        except BaseException:
            self._answers.pop(key, None)
            raise
        if len(answer.body) > MAX_OCTETS:
            self._answers.pop(key, None)
        elif key in self._answers:
            self._answers[key] = answer
        return answer


def _key(call: ReceivedCall, connection: Connection) -> bytes:
    digest = hashlib.sha256(connection.serial.to_bytes(8))
    digest.update(call.header)
    digest.update(call.body)
    return digest.digest()
