"""The server's answers to the control messages of versions 2 and 3: BIND_CHANNEL (RFC 5403, 3.3), CREATE and LIST
(RFC 7861, 2.7). Whose message it is has been verified before, of BIND_CHANNEL as far as that can be.

CREATE either grants a child or refuses:

    who vouches is no known context, its MIC is wrong, or
      the application does not want him                       INNER_CREDPROBLEM
    that is not said in private                               AUTH_TOOWEAK
    a label of a format that is not listed, or not granted    LABEL_PROBLEM
    a privilege whose name is not listed                      UNKNOWN_MESSAGE
    ... that the application does not grant                   PRIVILEGE_PROBLEM
    a binding to another channel than this one                a child that is bound to none (2.7.1.2)
    an assertion of a kind that nobody knows                  a child without it: the reply lists what was granted
    a child's child's child, and so on                        AUTH_BADCRED
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from rpcgss.gss.admission import AssertionPolicy
from rpcgss.gss.assertions import (
    Assertion,
    Label,
    Privilege,
    decode_assertion_untrusted,
    encode_assertion,
    encode_listed,
)
from rpcgss.gss.bodies import signed_by_reply
from rpcgss.gss.channel import HASHES, PREFIX, bindings, hashed
from rpcgss.gss.context import RPCSEC_GSS, Context, GssIdentity, Origin
from rpcgss.gss.errors import AssertionRefused, SecurityError
from rpcgss.gss.extension import ServerHost
from rpcgss.gss.gss_xdr import (
    CODECS,
    LABEL,
    PRIVS,
    rgss2_bind_chan_res,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP,
    rgss2_bind_chan_verf_args,
    rgss3_assertion_u,
    rgss3_create_args,
    rgss3_create_res,
    rgss3_gss_mp_auth,
    rgss3_list_args,
    rgss3_list_item_u,
)
from rpcgss.gss.provider import GssFlag, GssService
from rpcgss.gss.window import ReceiveWindow
from rpcgss.rpc.errors import AuthRefused, GarbageArguments
from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.messages import ReceivedCall
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from transport import TlsSession
from xdr import Buffer, DecodeError

MAX_ARGUMENTS: Final = 16 * 1024
"""Octets in the arguments of CREATE, some of which are remembered as long as the child."""
MAX_ASSERTIONS: Final = 64
MAX_GENERATIONS: Final = 8
"""Below a context that an exchange has made. Whoever uses or loses a context follows this line by recursion."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What comes of a BIND_CHANNEL. `mic` is to be verified where `result` says OK, over the header and
    `bind_chan_hash`; that hash is also in the reply."""

    result: rgss2_bind_chan_res
    bind_chan_hash: bytes
    mic: bytes

    @property
    def supported(self) -> bool:
        return isinstance(self.result, rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK)


def weigh_binding(verifier: opaque_auth, tls: TlsSession | None) -> Binding:
    """What a BIND_CHANNEL asks for, held against what there is. Raises `AuthRefused`.

    Without a channel that has a name there is nothing to choose from, so that is no case of PREF_NOTSUPP. A request of
    another prefix or hash than ours cannot be verified, for the MIC covers a hash that we cannot make. Its reply shows
    the hash by the first function that we do take (3.3), and for another prefix that of our own bindings, of which the
    RFC says nothing.
    """
    if verifier.flavor != RPCSEC_GSS:
        raise AuthRefused(auth_stat.RPCSEC_GSS_CREDPROBLEM, f"a verifier of flavor {verifier.flavor}")
    try:
        request = rgss2_bind_chan_verf_args.from_bytes(verifier.body)
    except DecodeError as error:
        raise AuthRefused(auth_stat.RPCSEC_GSS_CREDPROBLEM, f"BIND_CHANNEL does not parse: {error}") from error
    ours = bindings(tls)
    if ours is None:
        raise AuthRefused(auth_stat.AUTH_BADCRED, "BIND_CHANNEL where there is no secure channel that has bindings")
    oid = request.rbcva_chan_bind_oid_hash
    result: rgss2_bind_chan_res = rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK()
    if oid not in HASHES:
        oid, result = next(iter(HASHES)), rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP(list(HASHES))
    elif request.rbcva_chan_bind_prefix != PREFIX:
        result = rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP([PREFIX])
    return Binding(result, hashed(ours, oid), request.rbcva_chan_mic)


class Control:
    """Makes children. `policy` None: only such as are bound to a channel, or like their parents."""

    def __init__(self, host: ServerHost, policy: AssertionPolicy | None) -> None:
        self._host: Final = host
        self._policy: Final = policy or AssertionPolicy()

    async def create(
        self, call: ReceivedCall, parent: Context, service: GssService, connection: Connection, arguments: Buffer
    ) -> bytes:
        """The result of CREATE. Raises `AuthRefused`, `GarbageArguments`. Cancelled: there may be a child that nobody
        uses."""
        try:
            asked = rgss3_create_args.from_bytes(arguments)
        except DecodeError as error:
            raise GarbageArguments(f"CREATE does not parse: {error}") from error
        if len(arguments) > MAX_ARGUMENTS or len(asked.rca_assertions) > MAX_ASSERTIONS:
            raise GarbageArguments("more assertions than anybody needs")
        if _generation(parent) >= MAX_GENERATIONS:
            raise AuthRefused(auth_stat.AUTH_BADCRED, f"a child after {MAX_GENERATIONS} generations")
        inner = None
        if asked.rca_mp_auth is not None:
            inner = await self._inner(asked.rca_mp_auth, call, parent, service)
        identity = (inner or parent).identity(service)
        granted = await self._granted(asked.rca_assertions, identity)
        bound = await self._bound(asked.rca_chan_bind_mic, parent, connection)
        child = self._child(parent, inner, granted)
        if bound is not None:
            child.bind(connection.serial)
        proof = None
        if inner is not None:
            # Over the header of the reply to this call, which is that of the call but for its mtype (2.3, 2.7.1.1).
            signed = signed_by_reply(parent.version, 0, call.header)
            proof = rgss3_gss_mp_auth(inner.handle, await self._mic(inner, signed))
        self._keep(child, inner)
        assertions = [encode_assertion(assertion) for assertion in granted]
        return rgss3_create_res(child.handle, proof, bound, assertions).to_bytes()

    def listed(self, context: Context, service: GssService, arguments: Buffer) -> bytes:
        """The result of LIST: an item for each kind that was asked for and is known. Raises `GarbageArguments`."""
        try:
            asked = rgss3_list_args.from_bytes(arguments).rla_list_what
        except DecodeError as error:
            raise GarbageArguments(f"LIST does not parse: {error}") from error
        if len(asked) > MAX_ASSERTIONS:
            raise GarbageArguments("more kinds of assertions than there are")
        labels, privileges = encode_listed(self._policy.listed(context.identity(service)))
        known: dict[int, rgss3_list_item_u] = {LABEL: labels, PRIVS: privileges}
        return CODECS["rgss3_list_res"].encode([known[kind] for kind in dict.fromkeys(asked) if kind in known])

    async def _inner(
        self, proof: rgss3_gss_mp_auth, call: ReceivedCall, parent: Context, service: GssService
    ) -> Context:
        """The context of the user for whom the parent vouches; its keys have signed the header of this very call."""
        if service is not GssService.PRIVACY:
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, "compound authentication that is not private (RFC 7861, 2.7.1.1)")
        inner = self._host.store.find(proof.rgmp_handle)
        if inner is None or inner.version != parent.version or inner.elders:
            # A child has the keys of its parent: they prove nothing of the principal whose name it bears.
            raise AuthRefused(_INNER, "the inner handle is none of a context that an exchange has made")
        verify = inner.protection.verify_mic
        try:
            await inner.guard.run(self._host.worker, len(call.header), verify, call.header, proof.rgmp_rpcheader_mic)
            await self._policy.vouch(parent.identity(service), inner.identity(service))
        except SecurityError as error:
            raise AuthRefused(_INNER, f"{parent.initiator.display!r} for another: {error}") from error
        return inner

    async def _granted(self, assertions: list[rgss3_assertion_u], identity: GssIdentity) -> list[Assertion]:
        granted: list[Assertion] = []
        listed = self._policy.listed(identity)
        formats = {(label.lfs_id, label.policy_id) for label in listed.labels}
        names = {privilege.name for privilege in listed.privileges}
        for wanted in assertions:
            try:
                assertion = decode_assertion_untrusted(wanted)
            except ValueError as error:
                raise AuthRefused(auth_stat.RPCSEC_GSS_UNKNOWN_MESSAGE, str(error)) from error
            match assertion:
                case Label() if (assertion.lfs_id, assertion.policy_id) not in formats:
                    raise AuthRefused(auth_stat.RPCSEC_GSS_LABEL_PROBLEM, f"a label of format {assertion.lfs_id}")
                case Label():
                    await _ask(auth_stat.RPCSEC_GSS_LABEL_PROBLEM, self._policy.label, identity, assertion)
                case Privilege() if assertion.name not in names:
                    raise AuthRefused(auth_stat.RPCSEC_GSS_UNKNOWN_MESSAGE, f"a privilege {assertion.name!r}")
                case Privilege():
                    await _ask(auth_stat.RPCSEC_GSS_PRIVILEGE_PROBLEM, self._policy.privilege, identity, assertion)
                case None:
                    continue
            granted.append(assertion)
        return granted

    async def _bound(self, mic: bytes | None, parent: Context, connection: Connection) -> bytes | None:
        """Our own MIC of the bindings; None where the client's is not one of ours."""
        ours = bindings(connection.tls)
        if mic is None or ours is None:
            return None
        try:
            await parent.guard.run(self._host.worker, len(ours), parent.protection.verify_mic, ours, mic)
        except SecurityError:
            return None
        return await self._mic(parent, ours)

    def _child(self, parent: Context, inner: Context | None, granted: list[Assertion]) -> Context:
        """The keys are the parent's, the principal is the inner context's. Of labels and privileges it has its own and
        not its parent's: who wants those as well asserts them again."""
        speaker = inner or parent
        elders = (parent,) if inner is None else (parent, inner)
        expiries = [elder.expiry for elder in elders if elder.expiry is not None]
        child = Context(
            handle=self._host.store.new_handle(),
            protection=parent.protection,
            window=ReceiveWindow(self._host.receive_window),
            initiator=speaker.initiator,
            acceptor=speaker.acceptor,
            mechanism=speaker.mechanism,
            # What can be done with the parent's keys, and what is known of the speaker.
            flags=parent.flags if inner is None else parent.flags & ~_ANON | inner.flags & _ANON,
            established=speaker.established,
            expiry=min(expiries, default=None),
            origin=Origin.CREATE,
            application=speaker.application,
            delegated=speaker.delegated,
            version=parent.version,
            elders=elders,
            labels=tuple(assertion for assertion in granted if isinstance(assertion, Label)),
            privileges=tuple(assertion for assertion in granted if isinstance(assertion, Privilege)),
        )
        child.user, child.mapped = speaker.user, speaker.mapped
        return child

    def _keep(self, child: Context, inner: Context | None) -> None:
        """Whatever was awaited, the elders may be gone."""
        now = self._host.clock()
        if inner is not None and (not inner.alive or inner.expired(now)):
            raise AuthRefused(_INNER, "the inner context was lost meanwhile")
        if child.elders[0].alive:
            self._host.store.add_child(child, now)
        if not child.elders[0].alive or not child.alive:
            raise AuthRefused(auth_stat.RPCSEC_GSS_CREDPROBLEM, "the parent was lost meanwhile")

    async def _mic(self, context: Context, message: bytes) -> bytes:
        try:
            return await context.guard.run(self._host.worker, len(message), context.protection.mic, message)
        except SecurityError as error:
            raise AuthRefused(auth_stat.RPCSEC_GSS_CTXPROBLEM, str(error)) from error


def _generation(context: Context) -> int:
    """How many parents there are above it."""
    generation = 0
    while context.elders:
        context, generation = context.elders[0], generation + 1
    return generation


async def _ask(stat: int, grant: Callable[..., Awaitable[None]], identity: GssIdentity, assertion: Assertion) -> None:
    try:
        await grant(identity, assertion)
    except AssertionRefused as refusal:
        raise AuthRefused(stat, f"{identity.principal!r}: {refusal}") from refusal


_ANON: Final = GssFlag.ANON
_INNER: Final = auth_stat.RPCSEC_GSS_INNER_CREDPROBLEM
