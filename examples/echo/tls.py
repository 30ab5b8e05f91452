"""The pair over TLS (RFC 9289), which takes one argument more at either end.

    python -m examples.echo.tls serve PORT SERVER.pem        its certificate and private key
    python -m examples.echo.tls ask HOST PORT TEXT CA.pem    whom to believe that this is HOST

Certificates to try it with: python -m trustme -i localhost makes server.pem, server.key (cat them together) and
client.pem, which is the CA.
"""

import sys

import trio

import rpcgss
from examples.echo.echo_xdr import ECHO_V1_Client
from examples.echo.server import Echo


async def serve(port: str, certificate: str) -> None:
    server = rpcgss.Server([Echo()], [rpcgss.AcceptNone()], tls=rpcgss.server_tls(certificate))
    async with rpcgss.stopping_on_signals(server):
        await server.serve(await rpcgss.listen_tcp(int(port)))


async def ask(host: str, port: str, text: str, ca_file: str) -> None:
    tls = rpcgss.client_tls(ca_file)
    async with rpcgss.connect_tcp(host, int(port), rpcgss.AuthNone(), tls=tls) as client:
        print(await ECHO_V1_Client(client.call).ECHO(text))


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["serve", port, certificate] if port.isdecimal():
                trio.run(serve, port, certificate)
            case ["ask", host, port, text, ca_file] if port.isdecimal():
                trio.run(ask, host, port, text, ca_file)
            case _:
                sys.exit(f"usage: {__doc__}")
    except (OSError, ValueError, rpcgss.RpcError) as error:
        sys.exit(str(error))
