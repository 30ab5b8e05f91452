# ruff: noqa: ANN401  (options are handed on as they come)
"""Both ends of versions 2 and 3, over channels that are as secure as a test says."""

from collections.abc import Callable
from itertools import count
from typing import Any

from rpcgss.gss.admission import AssertionPolicy
from rpcgss.gss.assertions import Label, Listed, Privilege
from rpcgss.gss.bodies import Credential, encode_credential, protect, signed_by_reply, unprotect
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.errors import AssertionRefused
from rpcgss.gss.provider import Credentials, Demands, GssService, Provider, SecurityContext
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc.flavors import Connection, Session
from rpcgss.rpc.messages import AcceptedReply, CallHeader, ReceivedReply, encode_call_header
from rpcgss.rpc.rpc_xdr import accept_stat, opaque_auth
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import FakeAcceptor, FakeProvider
from tests.gss.test_server import Peer
from tests.gss.wire import CONNECTION, Wire
from transport import TlsSession

SERIALS = count(1000)
END_POINT = bytes(range(32))
BINDINGS = b"tls-server-end-point:" + END_POINT
ALL = (1, 2, 3)


def session(end_point: bytes | None = END_POINT) -> TlsSession:
    return TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", None, (), end_point)


def connection(tls: TlsSession | None = None) -> Connection:
    return Connection("test", next(SERIALS), tls=tls)


def server(**options: Any) -> GssServerFlavor:
    given: dict[str, Any] = {"worker": InlineWorker(), "versions": ALL} | options
    return GssServerFlavor(FakeAcceptor(), **given)


def flavor(version: int, provider: Provider | None = None, **options: Any) -> GssFlavor:
    provider = provider or FakeProvider()
    return GssFlavor("nfs@server", version=version, provider=provider, worker=InlineWorker(), **options)


def wire(
    one: GssServerFlavor, tls: TlsSession | None = None, *, seen: TlsSession | None = None, serial: int = 1
) -> Wire:
    """A connection whose ends see the same channel, or the server another one (`seen`)."""
    made = Wire(one, serial, connection=connection(seen or tls))
    made.tls = tls
    return made


class Named(Provider):
    """Initiators called as their cache is."""

    def initiate(self, demands: Demands) -> SecurityContext:
        return FakeProvider(demands.credentials.ccache or "nobody").initiate(demands)


HOST, USER = Credentials(ccache="host@FAKE"), Credentials(ccache="carol@FAKE")
SECRET, OPEN = Label(7, 1, b"secret"), Label(7, 1, b"open")
COPY = Privilege("copy_to_auth", b"shared secret")


class Policy(AssertionPolicy):
    """host@FAKE vouches for everybody; labels of format 7 but one, and one privilege."""

    def listed(self, identity: GssIdentity) -> Listed:
        return Listed((Label(7, 1),), (Privilege("copy_to_auth"),))

    async def vouch(self, host: GssIdentity, user: GssIdentity) -> None:
        if host.principal != "host@FAKE":
            raise AssertionRefused("no host")

    async def label(self, identity: GssIdentity, label: Label) -> None:
        if label == SECRET:
            raise AssertionRefused("not cleared")

    async def privilege(self, identity: GssIdentity, privilege: Privilege) -> None:
        if privilege != COPY:
            raise AssertionRefused("the secret is another")


class Identities:
    """A handler that remembers who called."""

    def __init__(self) -> None:
        self.seen: list[GssIdentity] = []

    async def __call__(self, session: Session, arguments: bytes) -> bytes:
        assert isinstance(session.identity, GssIdentity)
        self.seen.append(session.identity)
        return arguments[::-1]


class VersionedPeer(Peer):
    """A client made by hand, of any version."""

    def __init__(self, one: GssServerFlavor, version: int, name: str = "alice@FAKE") -> None:
        super().__init__(one, provider=FakeProvider(name))
        self.version = version
        self.connection = CONNECTION

    async def made(self) -> "VersionedPeer":
        await self.establish(version=self.version)
        return self

    def credential(self, gss_proc: int, number: int, service: int, **fields: Any) -> Credential:
        return Credential(
            **{  # type: ignore[arg-type]
                "gss_proc": gss_proc,
                "seq_num": number,
                "service": service,
                "handle": self.handle,
                "version": self.version,
            }
            | fields
        )

    def header(self, credential: Credential, procedure: int = 0) -> bytes:
        """That of the message that is sent next."""
        return encode_call_header(
            CallHeader(self.xid + 1, 1, 1, procedure), opaque_auth(6, encode_credential(credential))
        )

    async def control(
        self,
        gss_proc: int,
        number: int,
        arguments: bytes | Callable[[bytes], bytes],
        *,
        service: int = 3,
        procedure: int = 0,
        **fields: Any,
    ) -> ReceivedReply | None:
        """A control message of version 3; `arguments` may be a function of its header."""
        credential = self.credential(gss_proc, number, service, **fields)
        self.sent = self.header(credential, procedure)
        content = arguments if isinstance(arguments, bytes) else arguments(self.sent)
        body = b"".join(protect(self.keys, GssService(service), number, (content,)))
        return await self.send(credential, self.keys.mic, body, procedure=procedure)

    def opened(self, reply: ReceivedReply | None, number: int, service: int = 3) -> bytes:
        """The results of a success, whose verifier is that of the version."""
        assert isinstance(reply, AcceptedReply)
        assert reply.stat is accept_stat.SUCCESS
        self.keys.verify_mic(signed_by_reply(self.version, number, self.sent), reply.verifier.body)
        return bytes(unprotect(self.keys, GssService(service), number, reply.body))
