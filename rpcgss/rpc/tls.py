"""RPC over TLS (RFC 9289), on TCP: who wants it, the contexts for it, and the first exchange of a connection.

How it works: the client's first call is a NULL call with a credential of flavor AUTH_TLS, the probe. A server that
takes it answers with the verifier STARTTLS, and what follows on this connection is the client's handshake. Nothing in
the probe or its answer is protected. So no octet from before the handshake may be taken for one from after it, and the
answer "no" may come from somebody between the two: only a client that goes no further without TLS is safe from him.
"""

import ipaddress
import logging
import os
import random
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import trio

from rpcgss.rpc.errors import BadMessage, ConnectionLost, Refusal, TlsFailed
from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    DeniedReply,
    ReceivedReply,
    encode_auth,
    encode_call_header,
    encode_success,
    parse_call_untrusted,
    parse_reply_untrusted,
)
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import auth_flavor, opaque_auth
from transport import StreamChannel, TlsError, TlsSession
from xdr import Buffer

ALPN: Final = "sunrpc"
"""RFC 9289, 8.2."""
HANDSHAKE_SECONDS: Final = 10.0
PROBE_PROGRAM: Final = 100000
PROBE_VERSION: Final = 2
STARTTLS: Final = opaque_auth(auth_flavor.AUTH_NONE, b"STARTTLS")
"""The verifier that answers a probe (RFC 9289, 4.1)."""
_AUTH_TLS: Final = opaque_auth(auth_flavor.AUTH_TLS, b"")

Path = str | os.PathLike[str]

_log = QuietLog(logging.getLogger(__name__))


# The client's end


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How a client wants TLS; see `client_tls`.

    context           -- is made fit: at least TLS 1.3, ALPN "sunrpc". It is good for nothing else afterwards
    server_name       -- whom the server's certificate must name; None: the host that the client connects to
    opportunistic     -- go on in plaintext if the server does not offer TLS. Anybody who can write to the connection
                         can make it look so: this keeps nobody out but those who only listen
    program, version  -- named in the probe. Servers should take any (RFC 9289, 4.1); by default it is rpcbind's, since
                         that is what looks least strange to whatever reads along
    handshake_seconds -- from the end of the probe to that of the handshake
    """

    context: ssl.SSLContext = field(repr=False)
    server_name: str | None = None
    opportunistic: bool = False
    program: int = PROBE_PROGRAM
    version: int = PROBE_VERSION
    handshake_seconds: float = HANDSHAKE_SECONDS

    def __post_init__(self) -> None:
        if self.context.protocol is ssl.PROTOCOL_TLS_SERVER:
            raise ValueError("this is a server's SSL context: a client needs one of its own")
        _make_fit(self.context)


def client_tls(
    ca_file: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    *,
    server_name: str | None = None,
    opportunistic: bool = False,
) -> ClientTls:
    """TLS for clients: the server's certificate is verified, and the name in it.

    ca_file          -- PEM file of whom to trust; None: whom the system trusts
    certificate, key -- PEM files of the client's own certificate, with those that lead to its CA, and of its private
                        key (None: it is in the same file), for servers that ask for one

    Raises `OSError` of files that are not there, or do not hold what they should, or hold it encrypted, with a text
    that names them; `ValueError` of a key without a certificate.
    """
    if key is not None and certificate is None:
        raise ValueError("a private key is of no use without its certificate")
    with _named_files(ca_file):
        context = ssl.create_default_context(cafile=ca_file)
    if certificate is not None:
        _load(context, certificate, key)
    return ClientTls(context, server_name, opportunistic)


async def open_with_tls(connect: Callable[[], Awaitable[StreamChannel]], host: str, tls: ClientTls) -> StreamChannel:
    """What `connect` opens, secured as `tls` has it; `host` is what the certificate must name if that does not say.

    Raises as `connect`; `TlsFailed` if the two do not agree on TLS; `ConnectionLost`, and what channels raise, of a
    connection that ends, which may be worth another try. Cancelled: it is closed.
    """
    channel = await connect()
    try:
        await _secure(channel, host if tls.server_name is None else tls.server_name, tls)
    except BaseException:
        await trio.aclose_forcefully(channel)
        raise
    return channel


async def _secure(channel: StreamChannel, name: str, tls: ClientTls) -> None:
    xid = random.getrandbits(32)
    await channel.send(
        encode_call_header(CallHeader(xid, tls.program, tls.version, 0), _AUTH_TLS) + encode_auth(NULL_AUTH)
    )
    try:
        reply = parse_reply_untrusted(await channel.receive())
    except trio.EndOfChannel as error:
        raise ConnectionLost(f"{channel.peer} closed the connection when asked for TLS") from error
    if reply.xid != xid:
        raise BadMessage("a reply to another call than the first")
    if not _offers_tls(reply):
        if not tls.opportunistic:
            raise TlsFailed(f"{channel.peer} does not offer TLS, or somebody between us says so{_why(reply)}")
        why = _why(reply)
        _log.warning(
            "%s does not offer TLS%s; going on in plaintext, as told",
            channel.peer,
            why,
            event="tls.none",
            peer=channel.peer,
        )
        return
    # A scoped address (fe80::1%eth0) stands in certificates without its scope.
    host = name.partition("%")[0]
    try:
        session = await channel.start_tls(tls.context, ALPN, server_hostname=host, seconds=tls.handshake_seconds)
    except TlsError as error:
        raise TlsFailed(f"no TLS with {channel.peer}: {error}") from error
    if tls.context.check_hostname and not _named(host, session.peer_names):
        raise TlsFailed(f"no TLS with {channel.peer}: its certificate names {host!r} by a wildcard only")
    _log_session(channel.peer, session)


def _offers_tls(reply: ReceivedReply) -> bool:
    """RFC 9289, 4.1: whether it was accepted counts, not what became of it then."""
    return isinstance(reply, AcceptedReply) and reply.verifier == STARTTLS


def _why(reply: ReceivedReply) -> str:
    return f" ({reply.refusal})" if isinstance(reply, DeniedReply) else ""


def _named(host: str, names: tuple[tuple[str, str], ...]) -> bool:
    """OpenSSL has matched the name, perhaps by a wildcard, which RPC does not know (RFC 9289, 5.2.1)."""
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    wanted = host.encode("idna").decode().rstrip(".").lower()
    return any(kind == "DNS" and name.rstrip(".").lower() == wanted for kind, name in names)


# The server's end


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How a server offers TLS; see `server_tls`.

    context           -- is made fit: at least TLS 1.3, ALPN "sunrpc", no resumption. Good for nothing else afterwards
    optional          -- calls in plaintext are served as well; else they are refused with AUTH_TOOWEAK
    handshake_seconds -- how long a handshake may take
    certificate       -- what the context shows to clients, in DER; found out by asking it

    Raises `ValueError` of a context that cannot serve TLS 1.3. After its certificate was changed, make a new one.
    """

    context: ssl.SSLContext = field(repr=False)
    optional: bool = False
    handshake_seconds: float = HANDSHAKE_SECONDS
    certificate: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.context.protocol is ssl.PROTOCOL_TLS_CLIENT:
            raise ValueError("this is a client's SSL context: a server needs one of its own")
        _make_fit(self.context)
        self.context.num_tickets = 0
        object.__setattr__(self, "certificate", _shown_certificate(self.context))


def server_tls(
    certificate: Path,
    key: Path | None = None,
    *,
    client_ca_file: Path | None = None,
    anonymous_clients: bool = False,
    optional: bool = False,
) -> ServerTls:
    """TLS for servers.

    certificate, key  -- PEM files of the server's certificate, with those that lead to its CA, and of its private key
                         (None: it is in the same file)
    client_ca_file    -- PEM file of the CAs whose certificates clients must have; None: they are not asked for any.
                         (RFC 9289, 5.2.1, wants every server to ask; but OpenSSL, as Python has it, then refuses a
                         certificate that no CA here has issued, and with it a client that could do without)
    anonymous_clients -- with a `client_ca_file`: those without a certificate are served, too
    optional          -- see `ServerTls`

    Raises as `client_tls`, and `ValueError` of a certificate that is no server's, or of `anonymous_clients` without a
    `client_ca_file`.
    """
    if anonymous_clients and client_ca_file is None:
        raise ValueError("without client_ca_file, all clients are anonymous")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, certificate, key)
    if client_ca_file is not None:
        with _named_files(client_ca_file):
            context.load_verify_locations(client_ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL if anonymous_clients else ssl.CERT_REQUIRED
    return ServerTls(context, optional)


async def begin(channel: StreamChannel, connection: Connection, tls: ServerTls) -> Buffer | None:
    """The beginning of a server's connection. A probe is answered, and `connection.tls` is set when the handshake is
    done; what else comes first is returned, to be served like everything that follows.

    Raises `TlsError` of a handshake that fails, and what channels raise of a connection that ends.
    """
    record = await channel.receive()
    xid = _probe_untrusted(record)
    if xid is None:
        _log.info("%s: plaintext", connection.peer, event="tls.none", peer=connection.peer)
        return record
    await channel.send(encode_success(xid, STARTTLS))
    connection.tls = await channel.start_tls(
        tls.context, ALPN, server_side=True, certificate=tls.certificate, seconds=tls.handshake_seconds
    )
    _log_session(connection.peer, connection.tls)
    return None


def _probe_untrusted(record: Buffer) -> int | None:
    """The xid of a probe, as it must be (RFC 9289, 4.1). None: it is something else. It asks the connection, not the
    program, whatever that is."""
    try:
        call = parse_call_untrusted(record)
    except (BadMessage, Refusal):
        return None
    well_formed = call.procedure == 0 and call.credential == _AUTH_TLS and call.verifier == NULL_AUTH
    return call.xid if well_formed and not call.body else None


# Both


def _log_session(peer: str, session: TlsSession) -> None:
    """RFC 9289, 7.1: which protection was chosen is to be seen afterwards."""
    names = session.peer_names or "nobody we could name"
    _log.info(
        "%s: %s, %s, with %s",
        *(peer, session.protocol, session.cipher, names),
        event="tls.begun",
        peer=peer,
        cipher=session.cipher,
        names=session.peer_names,
    )


def _load(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    with _named_files(certificate, key):
        # A password that is none: OpenSSL would ask for one at the terminal, and a service would hang.
        context.load_cert_chain(certificate, key, password="")


@contextmanager
def _named_files(*files: Path | None) -> Iterator[None]:
    """OpenSSL's errors, with the files that they are about."""
    try:
        yield
    except OSError as error:  # SSLError is one
        names = " and ".join(os.fspath(file) for file in files if file is not None)
        why = (
            "no such certificate, or private key, in PEM, or an encrypted one"
            if isinstance(error, ssl.SSLError)
            else error.strerror
        )
        raise OSError(error.errno, f"cannot use {names}: {why}") from error


def _make_fit(context: ssl.SSLContext) -> None:
    """RFC 9289, 5. Whether the peer has agreed is looked at after the handshake."""
    if context.minimum_version < ssl.TLSVersion.TLSv1_3:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])


def _shown_certificate(context: ssl.SSLContext) -> bytes:
    """What a server's context shows: Python does not say, but a client is shown it, so here is one, in memory."""
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.verify_mode = ssl.CERT_NONE
    _make_fit(asking)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = asking.wrap_bio(to_client, to_server)
    try:
        for end in (client, server, client):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
        shown = client.getpeercert(binary_form=True)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"this SSL context cannot serve TLS 1.3: {error}") from error
    if shown is None:
        raise ValueError("this SSL context has no certificate: load_cert_chain")
    return shown
