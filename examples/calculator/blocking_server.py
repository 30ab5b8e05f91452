"""python -m examples.calculator.blocking_server PORT: each call in a thread of its own; Ctrl-C ends it."""

import sys
from contextlib import suppress

import rpcgss
from examples.calculator.calculator_xdr import CALCULATOR_V1_Service, fraction, quotient
from rpcgss import blocking


class Calculator(CALCULATOR_V1_Service[rpcgss.Call]):
    @blocking.method
    def SUM(self, call: rpcgss.Call, arg: list[int]) -> int:
        return sum(arg)

    @blocking.method
    def DIVIDE(self, call: rpcgss.Call, arg: fraction) -> quotient | None:
        return quotient(*divmod(arg.numerator, arg.denominator)) if arg.denominator else None


def main(port: int) -> None:
    server = rpcgss.Server([blocking.service(Calculator())], [rpcgss.AcceptNone()])
    with blocking.serve_tcp(server, port, "127.0.0.1") as serving, suppress(KeyboardInterrupt):
        print(f"port {serving.port}", flush=True)
        serving.wait()


if __name__ == "__main__":
    if not (len(sys.argv) == 2 and sys.argv[1].isdecimal()):
        sys.exit(f"usage: {__doc__}")
    try:
        main(int(sys.argv[1]))
    except OSError as error:
        sys.exit(str(error))
