"""python -m examples.echo.server PORT [SERVICE...]: with services such as nfs@localhost, Kerberos is demanded."""

import sys

import trio

import rpcgss
from examples.echo.echo_xdr import ECHO_V1_Service


class Echo(ECHO_V1_Service[rpcgss.Call]):
    async def ECHO(self, call: rpcgss.Call, arg: str) -> str:
        print(f"{call.identity}: {arg!r}")
        return arg


async def main(port: int, *services: str) -> None:
    flavor: rpcgss.ServerFlavor = rpcgss.AcceptNone()
    if services:
        tickets = rpcgss.TicketServer(rpcgss.FixedKeys.random())  # good until the end of this process; see Keyring
        flavor = rpcgss.GssServerFlavor(rpcgss.GssapiAcceptor(services), extension=tickets)
    server = rpcgss.Server([Echo()], [flavor])
    async with rpcgss.stopping_on_signals(server):
        await server.serve(await rpcgss.listen_tcp(port, "127.0.0.1"))


if __name__ == "__main__":
    if not (len(sys.argv) > 1 and sys.argv[1].isdecimal()):
        sys.exit(f"usage: {__doc__}")
    try:
        trio.run(main, int(sys.argv[1]), *sys.argv[2:])
    except (OSError, rpcgss.RpcError) as error:
        sys.exit(str(error))
