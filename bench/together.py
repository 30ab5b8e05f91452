"""Processor time of calls with both ends in one process, where neither waits for another one to have its turn.

``python -m bench.together SECURITY OCTETS IN_FLIGHT [ROUNDS]`` prints microseconds a call: of ECHO, or of NULL for no
octets; SECURITY as in bench/peer.py. For a profile, run it under ``py-spy record`` or ``python -m cProfile``.
"""

import logging
import statistics
import sys
import time
from typing import Final

import trio

from bench.peer import Client, accepting
from examples.realm import Realm
from tests.interop.tirpc import TARGET
from transport import listen_tcp

ROUNDS: Final = 25
CALLS: Final = 1280  # in each round; of large ones fewer
LARGE_OCTETS: Final = 64 << 20  # echoed in a round, at most
USER: Final = "alice"


async def measure(principal: str, security: str, octets: int, in_flight: int, rounds: int) -> None:
    calls = max(min(CALLS, LARGE_OCTETS // max(octets, 1)) // in_flight, 1)
    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accepting(TARGET).serve, [listener])
        client = Client(listener.socket.getsockname()[1], TARGET, principal)
        await client.open(security)
        await client.calls(octets, in_flight, calls)
        found: list[float] = []
        for _ in range(rounds):
            began = time.process_time()
            await client.calls(octets, in_flight, calls)
            found.append((time.process_time() - began) / (calls * in_flight) * 1e6)
        await client.close()
        nursery.cancel_scope.cancel()
    what = f"{security}, {octets} octets, {in_flight} in flight"
    print(f"{what}: {min(found):.1f} us, median {statistics.median(found):.1f}")


def main() -> None:
    logging.getLogger("rpcgss").setLevel(logging.ERROR)
    match sys.argv[1:]:
        case [security, octets, in_flight, *rounds]:
            with Realm() as realm:
                realm.kinit(realm.add_principal(USER))
                with realm.environment():
                    count = int(rounds[0]) if rounds else ROUNDS
                    trio.run(measure, realm.principal(USER), security, int(octets), int(in_flight), count)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
