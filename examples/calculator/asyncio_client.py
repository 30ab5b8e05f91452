"""python -m examples.calculator.asyncio_client PORT NUMBER...: their sum, and the first divided by the second."""

import asyncio
import sys

import rpcgss
import rpcgss.asyncio
from examples.calculator.calculator_xdr import CALCULATOR_V1_Client, fraction


async def main(port: int, numbers: list[int]) -> None:
    async with rpcgss.asyncio.connect_tcp("127.0.0.1", port, rpcgss.AuthNone()) as client:
        calculator = CALCULATOR_V1_Client(client.call)
        total, division = await asyncio.gather(calculator.SUM(numbers), calculator.DIVIDE(fraction(*numbers[:2])))
        print(total)
        print(division)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(f"usage: {__doc__}")
    try:
        asyncio.run(main(int(sys.argv[1]), [int(word) for word in sys.argv[2:]]))
    except (ValueError, rpcgss.RpcError) as error:
        sys.exit(str(error))
