"""`rpcgss.blocking`, our client for plain synchronous code, as a process that is spoken to by lines, as bench/peer.py.

``python -m bench.blocking_peer PORT SERVICE@HOST PRINCIPAL`` waits for `open`, `close` and `loop`; its main thread is
what calls, so `loop` takes no more than one call in flight.
"""

import os
import sys
import time
from typing import Final

import rpcgss.blocking
from bench.peer import flavor_of, say
from tests.rpc.program import ECHO, NULL


class Client:
    """Carries out orders."""

    def __init__(self, port: int, target: str, principal: str) -> None:
        self._port: Final = port
        self._target: Final = target
        self._principal: Final = principal
        self._client: rpcgss.blocking.Client | None = None

    def open(self, security: str) -> None:
        self.close()
        flavor, _ = flavor_of(security, self._target, self._principal)
        self._client = rpcgss.blocking.connect_tcp("127.0.0.1", self._port, flavor)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def loop(self, octets: int, milliseconds: int) -> tuple[int, int]:
        assert self._client is not None, "not open"
        call, data, count = self._client.call, os.urandom(octets), 0
        began = time.perf_counter_ns()
        until = began + milliseconds * 1_000_000
        while time.perf_counter_ns() < until:
            if octets:
                assert len(call(ECHO, data)) == octets
            else:
                call(NULL, None)
            count += 1
        return count, time.perf_counter_ns() - began


def follow_orders(client: Client) -> None:
    for line in sys.stdin:
        match line.split():
            case ["open", security]:
                client.open(security)
                say("ok")
            case ["close"]:
                client.close()
                say("ok")
            case ["loop", octets, "1", milliseconds]:
                say("ok", *client.loop(int(octets), int(milliseconds)))
            case _:
                say("what?")
    client.close()


def main() -> None:
    match sys.argv[1:]:
        case [port, target, principal]:
            follow_orders(Client(int(port), target, principal))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
