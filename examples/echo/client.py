"""python -m examples.echo.client PORT TEXT [SERVICE]: with a SERVICE such as nfs@localhost, by Kerberos."""

import sys

import trio

import rpcgss
from examples.echo.echo_xdr import ECHO_V1_Client


async def main(port: int, text: str, service: str | None) -> None:
    flavor: rpcgss.ClientFlavor = rpcgss.AuthNone()
    if service is not None:
        flavor = rpcgss.GssFlavor(service, extension=rpcgss.TicketClient())
    async with rpcgss.connect_tcp("127.0.0.1", port, flavor) as client:
        echo = ECHO_V1_Client(client.call)
        print(await echo.ECHO(text))


if __name__ == "__main__":
    if not (3 <= len(sys.argv) <= 4 and sys.argv[1].isdecimal()):
        sys.exit(f"usage: {__doc__}")
    try:
        trio.run(main, int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    except (OSError, rpcgss.RpcError) as error:
        sys.exit(str(error))
