"""What hostile clients make of the messages of versions 2 and 3: no binding, no child, and nobody else notices."""

import hashlib
from collections.abc import Callable

import pytest

from rpcgss.gss.assertions import encode_assertion
from rpcgss.gss.bodies import Credential, encode_credential, protect, word
from rpcgss.gss.channel import SHA256
from rpcgss.gss.context import Context, GssIdentity
from rpcgss.gss.gss_xdr import (
    RPCSEC_GSS_BIND_CHANNEL,
    RPCSEC_GSS_CREATE,
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_INIT,
    rgss2_bind_chan_MIC_in_args,
    rgss2_bind_chan_verf_args,
    rgss3_create_args,
    rgss3_gss_mp_auth,
    rpc_gss_init_arg,
    rpc_gss_init_res,
)
from rpcgss.gss.provider import Demands, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc.errors import BadMessage, Refusal
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    encode_auth,
    encode_call_header,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import accept_stat, opaque_auth
from rpcgss.rpc.work import InlineWorker
from tests.gss.channels import BINDINGS, OPEN, Policy, connection, session
from tests.gss.wire import serve
from tests.hostile.attacks import CALL, CREDENTIAL, HEADER, INTEGRITY_BODY, PRIVACY_BODY, attacks
from tests.hostile.peers import Mechanism, fake, kerberos

BINDING = (*CALL, *CREDENTIAL, "verifier flavor", "(verifier", "prefix*", "oid*", "mic*", ")")
CREATION = {
    GssService.PRIVACY: (*HEADER, *PRIVACY_BODY),
    GssService.INTEGRITY: (
        *HEADER,
        *("(databody", "seq_num inside", "no inner", "a binding", "binding mic*", "assertions"),
        *("atype", "lfs_id", "pi_id", "label*", ")", "checksum*"),
    ),
}
CALLING = (*HEADER, *INTEGRITY_BODY)
TAKEN = accept_stat.SUCCESS


class Vouching(Policy):
    async def vouch(self, host: GssIdentity, user: GssIdentity) -> None:
        """Whoever has the keys."""


class Scene:
    """A server, a hostile client and a bystander, on one connection."""

    def __init__(self, mechanism: Mechanism, version: int) -> None:
        self.mechanism = mechanism
        self.version = version
        self.gss = GssServerFlavor(
            mechanism.acceptor, versions=(version,), worker=InlineWorker(), assertions=Vouching()
        )
        self.connection = connection(session())
        self.xid = 0

    async def send(self, octets: bytes) -> accept_stat | None:
        """The accept_stat; None: dropped, refused, or no RPC at all."""
        try:
            reply = await serve(self.gss, octets, connection=self.connection)
        except (BadMessage, Refusal):
            return None
        parsed = None if reply is None else parse_reply_untrusted(reply)
        return parsed.stat if isinstance(parsed, AcceptedReply) else None


class Keys:
    """One context, and messages under it."""

    def __init__(self, scene: Scene, user: str) -> None:
        mechanism = scene.mechanism
        demands = Demands(mechanism.target, GssService.PRIVACY, None, True, False, mechanism.credentials(user))
        self.scene = scene
        self.security = mechanism.provider(user).initiate(demands)
        self.handle = b""
        self.number = 0

    async def made(self) -> "Keys":
        header = self.header(Credential(RPCSEC_GSS_INIT, 0, 3, b"", self.scene.version))
        token = rpc_gss_init_arg(self.security.step(None)).to_bytes()
        octets = await serve(self.scene.gss, header + encode_auth(NULL_AUTH) + token, connection=self.scene.connection)
        assert octets is not None
        reply = parse_reply_untrusted(octets)
        assert isinstance(reply, AcceptedReply)
        result = rpc_gss_init_res.from_bytes(bytes(reply.body))
        self.security.step(result.gss_token)
        self.security.protection().verify_mic(word(result.seq_window), reply.verifier.body)
        self.handle = result.handle
        return self

    @property
    def context(self) -> Context:
        context = self.scene.gss.store.find(self.handle)
        assert context is not None
        return context

    def header(self, credential: Credential, procedure: int = 0) -> bytes:
        self.scene.xid += 1
        return encode_call_header(
            CallHeader(self.scene.xid, 1, 1, procedure), opaque_auth(6, encode_credential(credential))
        )

    def credential(self, gss_proc: int, service: GssService) -> Credential:
        self.number += 1
        return Credential(gss_proc, self.number, service, self.handle, self.scene.version)

    def binding(self) -> bytes:
        header = self.header(self.credential(RPCSEC_GSS_BIND_CHANNEL, GssService.NONE))
        covered = header + rgss2_bind_chan_MIC_in_args(hashlib.sha256(BINDINGS).digest()).to_bytes()
        mic = self.security.protection().mic(covered)
        verifier = rgss2_bind_chan_verf_args(b"tls-server-end-point", SHA256, mic).to_bytes()
        return header + encode_auth(opaque_auth(6, verifier))

    def creation(self, service: GssService, inner: "Keys | None" = None) -> bytes:
        header = self.header(self.credential(RPCSEC_GSS_CREATE, service))
        protection = self.security.protection()
        proof = None
        if inner is not None:
            proof = rgss3_gss_mp_auth(inner.handle, inner.security.protection().mic(header))
        arguments = rgss3_create_args(proof, protection.mic(BINDINGS), [encode_assertion(OPEN)])
        return self._sealed(header, service, arguments.to_bytes())

    def call(self, text: bytes = b"ping") -> bytes:
        header = self.header(self.credential(RPCSEC_GSS_DATA, GssService.INTEGRITY), 5)
        return self._sealed(header, GssService.INTEGRITY, len(text).to_bytes(4) + text)

    def _sealed(self, header: bytes, service: GssService, content: bytes) -> bytes:
        protection = self.security.protection()
        return b"".join(
            (
                header,
                encode_auth(opaque_auth(6, protection.mic(header))),
                b"".join(protect(protection, service, self.number, (content,))),
            )
        )


@pytest.fixture(params=["fake", "kerberos"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    return fake() if request.param == "fake" else kerberos(request.getfixturevalue("realm"))


async def assailed(scene: Scene, bystander: Keys, make: Callable[[], bytes], layout: tuple[str, ...]) -> int:
    """Each attack on a message of its own, after each of which the bystander calls; how many there were."""
    count = 0
    for attack in attacks(make(), layout):
        octets = make()
        bent = attack.bend(octets)
        if bent == octets:
            continue
        assert await scene.send(bent) is not TAKEN, attack.name
        count += 1
        if not count % 8:
            assert await scene.send(bystander.call()) is TAKEN, attack.name
    return count


async def test_bindings(mechanism: Mechanism) -> None:
    scene = Scene(mechanism, 2)
    eve, bystander = await Keys(scene, "alice").made(), await Keys(scene, "bob").made()

    def make() -> bytes:
        assert not eve.context.bound_to(scene.connection.serial)
        return eve.binding()

    count = 0
    for attack in attacks(make(), BINDING):
        octets = make()
        bent = attack.bend(octets)
        if bent == octets:
            continue
        if await scene.send(bent) is TAKEN:  # another prefix, or another hash: told so, and nothing else
            assert attack.at >= len(eve.header(eve.credential(RPCSEC_GSS_BIND_CHANNEL, GssService.NONE))), attack.name
        count += 1
    assert count > 300
    assert not eve.context.bound_to(scene.connection.serial)
    assert eve.context.window.highest == -1, "nothing was verified"
    assert await scene.send(bystander.call()) is TAKEN
    last = eve.binding()
    assert await scene.send(last) is TAKEN
    assert eve.context.bound_to(scene.connection.serial)
    assert await scene.send(last) is None, "a replay"


@pytest.mark.parametrize("service", CREATION)
async def test_creations(mechanism: Mechanism, service: GssService) -> None:
    scene = Scene(mechanism, 3)
    eve, bystander = await Keys(scene, "alice").made(), await Keys(scene, "bob").made()
    count = await assailed(scene, bystander, lambda: eve.creation(service), CREATION[service])
    assert count > 300
    assert scene.gss.store.established == 2
    last = eve.creation(service)
    assert await scene.send(last) is TAKEN
    assert await scene.send(last) is None
    assert scene.gss.store.established == 3


async def test_creations_for_two(mechanism: Mechanism) -> None:
    """The bystander's word is in them; none of them may become a child of his."""
    scene = Scene(mechanism, 3)
    eve, bystander = await Keys(scene, "alice").made(), await Keys(scene, "bob").made()
    service = GssService.PRIVACY
    await assailed(scene, bystander, lambda: eve.creation(service, bystander), CREATION[service])
    assert scene.gss.store.established == 2
    assert await scene.send(eve.creation(service, bystander)) is TAKEN
    assert scene.gss.store.established == 3


@pytest.mark.parametrize("version", [2, 3])
async def test_calls(mechanism: Mechanism, version: int) -> None:
    scene = Scene(mechanism, version)
    eve, bystander = await Keys(scene, "alice").made(), await Keys(scene, "bob").made()
    await assailed(scene, bystander, eve.call, CALLING)
    assert await scene.send(eve.call()) is TAKEN
