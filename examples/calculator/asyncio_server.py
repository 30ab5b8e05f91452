"""python -m examples.calculator.asyncio_server PORT: each call in a task of its own; Ctrl-C ends it."""

import asyncio
import sys
from contextlib import suppress

import rpcgss
import rpcgss.asyncio
from examples.calculator.calculator_xdr import CALCULATOR_V1_Service, fraction, quotient


class Calculator(CALCULATOR_V1_Service[rpcgss.Call]):
    async def SUM(self, call: rpcgss.Call, arg: list[int]) -> int:
        return sum(arg)

    async def DIVIDE(self, call: rpcgss.Call, arg: fraction) -> quotient | None:
        return quotient(*divmod(arg.numerator, arg.denominator)) if arg.denominator else None


async def main(port: int) -> None:
    server = rpcgss.Server([rpcgss.asyncio.service(Calculator())], [rpcgss.AcceptNone()])
    async with rpcgss.asyncio.serve_tcp(server, port, "127.0.0.1") as serving:
        print(f"port {serving.port}", flush=True)
        await serving.wait()


if __name__ == "__main__":
    if not (len(sys.argv) == 2 and sys.argv[1].isdecimal()):
        sys.exit(f"usage: {__doc__}")
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(main(int(sys.argv[1])))
    except OSError as error:
        sys.exit(str(error))
