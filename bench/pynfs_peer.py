"""pynfs's client as a process that is spoken to by lines, as bench/peer.py is; from a checkout that is at hand.

``python -m bench.pynfs_peer CHECKOUT PORT SERVICE@HOST`` waits for orders:

    open none|sys|krb5|krb5i|krb5p
    close
    loop OCTETS IN_FLIGHT MILLISECONDS     ECHO, or NULL for no octets; "ok CALLS NANOSECONDS"

The checkout's rpc/*_const.py, *_type.py and *_pack.py must have been generated (its setup.py does that). All calls are
sent by one thread, in the order of their sequence numbers: libtirpc's window is 5.
"""

import functools
import importlib
import logging
import sys
import time
import warnings
from collections import deque
from contextlib import suppress
from types import ModuleType
from typing import Any, Final

from bench.peer import say
from tests.interop.tirpc import SERVICES
from tests.rpc.program import ECHO, OPAQUE, PROGRAM, VERSION

TRIES: Final = 5
PATIENCE: Final = 10
FLAVORS: Final = {"none": 0, "sys": 1, "krb5": 6, "krb5i": 6, "krb5p": 6}
DESTROY: Final = 3


class Client:
    """Carries out orders, one at a time."""

    def __init__(self, checkout: str, port: int, target: str) -> None:
        sys.path.insert(0, checkout)
        self._rpc: Final[Any] = module("rpc.rpc")
        self._security: Final[Any] = module("rpc.security")
        for name in ("rpc", "rpc.sec.gss"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._address: Final = ("127.0.0.1", port)
        self._target: Final = target
        self._handler: Any = None
        self._pipe: Any = None
        self._credential: Any = None
        self._opened = ""

    def open(self, security: str) -> None:
        """Tries again: libtirpc's server may take a new connection for one that it has a context of."""
        for left in reversed(range(TRIES)):
            self.close()
            self._handler = self._rpc.Client(PROGRAM, VERSION)
            self._pipe = self._handler.connect(self._address)
            try:
                self._credential = self._credential_for(security)
            except self._rpc.RPCError:
                if not left:
                    raise
            else:
                self._opened = security
                return

    def _credential_for(self, security: str) -> object:
        flavor = self._security.instance(FLAVORS[security])
        if security not in SERVICES:
            return flavor.init_cred()
        # It would say service 1 in INIT whatever comes after, and libtirpc goes by the INIT's.
        own = self._security.CredInfo
        self._security.CredInfo = functools.partial(own, service=int(SERVICES[security]))
        try:
            call = self._handler.make_call_function(self._pipe, 0, PROGRAM, VERSION)
            return flavor.init_cred(call, self._target)
        finally:
            self._security.CredInfo = own

    def close(self) -> None:
        """It does not destroy contexts by itself; libtirpc's server would keep them."""
        if self._handler is None:
            return
        if self._opened in SERVICES:
            self._credential.gss_proc = DESTROY
            with suppress(Exception):  # its reply is not protected
                self._pipe.listen(self._handler.send_call(self._pipe, 0, b"", self._credential), 1)
        self._opened = ""
        self._handler.stop()
        self._handler = None

    def measured(self, *numbers: int) -> tuple[int, int]:
        """As `loop`; if that fails, replies may be still to come, so a new connection follows."""
        try:
            return self.loop(*numbers)
        except self._rpc.RPCError:
            self.open(self._opened)
            raise

    def loop(self, octets: int, in_flight: int, milliseconds: int) -> tuple[int, int]:
        procedure = ECHO.number if octets else 0
        data = OPAQUE.encode(bytes(octets)) if octets else b""
        waiting: deque[int] = deque()
        count = 0
        began = time.perf_counter_ns()
        until = began + milliseconds * 1_000_000
        while True:
            while len(waiting) < in_flight and time.perf_counter_ns() < until:
                waiting.append(self._handler.send_call(self._pipe, procedure, data, self._credential))
            if not waiting:
                return count, time.perf_counter_ns() - began
            _, back = self._pipe.listen(waiting.popleft(), PATIENCE)
            assert len(back) == len(data)
            assert count or back == data
            count += 1


def module(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # xdrlib
        return importlib.import_module(name)


def follow_orders(client: Client) -> None:
    for line in sys.stdin:
        try:
            match line.split():
                case ["open", security]:
                    client.open(security)
                    say("ok")
                case ["close"]:
                    client.close()
                    say("ok")
                case ["loop", *numbers]:
                    say("ok", *client.measured(*map(int, numbers)))
                case _:
                    say("what?")
        except Exception as error:
            say(f"{type(error).__name__}: {error}")
    client.close()


def main() -> None:
    match sys.argv[1:]:
        case [checkout, port, target]:
            follow_orders(Client(checkout, int(port), target))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
