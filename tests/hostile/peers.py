"""Two ends made by hand, of a fake mechanism or of Kerberos: every octet that they say can be bent on its way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from examples.realm import Realm
from rpcgss.gss.bodies import Credential, encode_credential, protect, word
from rpcgss.gss.gss_xdr import (
    RPCSEC_GSS_CONTINUE_INIT,
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_DESTROY,
    RPCSEC_GSS_INIT,
    rpc_gss_init_arg,
    rpc_gss_init_res,
)
from rpcgss.gss.mechanism import GssapiAcceptor, GssapiProvider
from rpcgss.gss.provider import Acceptor, Credentials, Demands, GssService, Provider
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    encode_auth,
    encode_call_header,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import accept_stat, opaque_auth
from tests.gss.fake_mechanism import FakeAcceptor, FakeProvider
from tests.rpc.program import ECHO, OPAQUE, PROGRAM, VERSION


@dataclass(frozen=True)
class Mechanism:
    """How contexts are made: `provider` is that of a user, `credentials` his, `principal` his full name."""

    target: str
    acceptor: Acceptor
    provider: Callable[[str], Provider]
    credentials: Callable[[str], Credentials]
    principal: Callable[[str], str]


def fake(rounds: int = 1) -> Mechanism:
    """Contexts in `rounds` exchanges."""
    return Mechanism(
        "nfs@server",
        FakeAcceptor(rounds=rounds),
        lambda user: FakeProvider(f"{user}@FAKE"),
        lambda user: Credentials(),
        lambda user: f"{user}@FAKE",
    )


def kerberos(realm: Realm) -> Mechanism:
    """alice's contexts, and of the server's own host."""
    caches = {
        "alice": realm.ccache,
        "bob": realm.kinit("host/localhost", realm.directory / "cache of the hostile suite"),
    }
    names = {"alice": "alice", "bob": "host/localhost"}
    return Mechanism(
        "nfs@localhost",
        GssapiAcceptor(["nfs@localhost"], realm.service_keytab),
        lambda user: GssapiProvider(),
        lambda user: Credentials(ccache=f"FILE:{caches[user]}"),
        lambda user: realm.principal(names[user]),
    )


class Speaker:
    """A client that makes octets and sends none."""

    def __init__(self, mechanism: Mechanism, user: str, xids: Sequence[int]) -> None:
        demands = Demands(mechanism.target, GssService.PRIVACY, None, True, False, mechanism.credentials(user))
        self.security = mechanism.provider(user).initiate(demands)
        self.handle = b""
        self.number = 0
        self._xids = iter(xids)
        self._token = b""

    def creation(self) -> bytes:
        """INIT, or CONTINUE_INIT."""
        gss_proc = RPCSEC_GSS_CONTINUE_INIT if self.handle else RPCSEC_GSS_INIT
        if not self.handle:
            self._token = self.security.step(None)
        header = self._header(Credential(gss_proc, 0, GssService.PRIVACY, self.handle), 0)
        return header + encode_auth(NULL_AUTH) + rpc_gss_init_arg(self._token).to_bytes()

    def created(self, record: bytes) -> bool:
        """Take the reply to a creation request. True: the context is complete."""
        reply = parse_reply_untrusted(record)
        assert isinstance(reply, AcceptedReply)
        result = rpc_gss_init_res.from_bytes(bytes(reply.body))
        assert result.gss_major in (0, 1)
        self.handle = result.handle
        self._token = self.security.step(result.gss_token)
        if result.gss_major == 0:
            self.security.protection().verify_mic(word(result.seq_window), reply.verifier.body)
        return result.gss_major == 0

    def data(self, service: GssService, text: bytes) -> bytes:
        """A call of ECHO, under the next number."""
        return self._call(RPCSEC_GSS_DATA, service, ECHO.number, OPAQUE.encode(text))

    def destroy(self, service: GssService) -> bytes:
        return self._call(RPCSEC_GSS_DESTROY, service, 0, b"")

    def understood(self, record: bytes, number: int) -> bool:
        """Whether this is a success for `number`."""
        reply = parse_reply_untrusted(record)
        if not isinstance(reply, AcceptedReply) or reply.stat is not accept_stat.SUCCESS:
            return False
        self.security.protection().verify_mic(word(number), reply.verifier.body)
        return True

    def _call(self, gss_proc: int, service: GssService, procedure: int, content: bytes) -> bytes:
        self.number += 1
        protection = self.security.protection()
        header = self._header(Credential(gss_proc, self.number, service, self.handle), procedure)
        verifier = encode_auth(opaque_auth(6, protection.mic(header)))
        return header + verifier + b"".join(protect(protection, service, self.number, (content,)))

    def _header(self, credential: Credential, procedure: int) -> bytes:
        call = CallHeader(next(self._xids), PROGRAM, VERSION, procedure)
        return encode_call_header(call, opaque_auth(6, encode_credential(credential)))
