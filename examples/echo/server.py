"""python -m examples.echo.server PORT [SERVICE]: with a SERVICE such as nfs@localhost, Kerberos is demanded."""

import sys

import trio

import rpcgss
from examples.echo.echo_xdr import ECHO_V1_Service


class Echo(ECHO_V1_Service[rpcgss.Call]):
    async def ECHO(self, call: rpcgss.Call, arg: str) -> str:
        print(f"{call.identity}: {arg!r}")
        return arg


async def main(port: int, service: str | None) -> None:
    flavor: rpcgss.ServerFlavor = rpcgss.AcceptNone()
    if service is not None:
        tickets = rpcgss.TicketServer(rpcgss.FixedKeys.random())  # good until the end of this process; see Keyring
        flavor = rpcgss.GssServerFlavor(rpcgss.GssapiAcceptor([service]), extension=tickets)
    server = rpcgss.Server([Echo()], [flavor])
    async with rpcgss.stopping_on_signals(server):
        await server.serve(await rpcgss.listen_tcp(port, "127.0.0.1"))


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
