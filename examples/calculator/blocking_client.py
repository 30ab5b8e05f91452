"""python -m examples.calculator.blocking_client PORT NUMBER...: their sum, and the first divided by the second."""

import sys

import rpcgss
from examples.calculator.calculator_xdr import CALCULATOR_V1, CALCULATOR_V1_Client, fraction
from rpcgss import blocking


def main(port: int, numbers: list[int]) -> None:
    with blocking.connect_tcp("127.0.0.1", port, rpcgss.AuthNone()) as client:
        print(client.call(CALCULATOR_V1.SUM, numbers))
        calculator = client.methods(CALCULATOR_V1_Client)  # the same, shorter, and unknown to type checkers
        print(calculator.DIVIDE(fraction(*numbers[:2])))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(f"usage: {__doc__}")
    try:
        main(int(sys.argv[1]), [int(word) for word in sys.argv[2:]])
    except (ValueError, rpcgss.RpcError) as error:
        sys.exit(str(error))
