"""Security contexts from the system's GSS library.

It uses `gssapi.raw`, whose functions release the GIL, cost a seventh of the methods', and raise errors there and then.
python-gssapi has no GSS_Pseudo_random, so `prf` exports the context, has `pseudo_random` ask it, and imports it again.
Names, flags and delegated credentials have been read before; keys and sequence state survive, so MICs in flight still
verify.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from sys import intern
from typing import Final

from gssapi import raw
from gssapi.raw.named_tuples import AcceptSecContextResult, UnwrapResult, WrapResult

from rpcgss.gss.calling import gss_call, imported_name, mechanism_name, oid, raise_if_expired, translated, with_realm
from rpcgss.gss.errors import AcceptorUnusable, BadMic, BadWrap, GssError, ProtectionUnavailable
from rpcgss.gss.gss_xdr import (
    GSS_S_BAD_NAME,
    GSS_S_DEFECTIVE_TOKEN,
    GSS_S_FAILURE,
    GSS_S_NO_CONTEXT,
    GSS_S_NO_CRED,
    GSS_S_UNAVAILABLE,
)
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import KRB5, SPNEGO, Acceptor, Demands, GssFlag, GssName, Provider, SecurityContext
from rpcgss.gss.pseudo_random import PseudoRandomLibrary
from rpcgss.gss.remedies import COMPLAINTS, KEYTAB_REMEDY, NOT_OURS, explained
from xdr import Buffer


class GssapiProvider(Provider):
    """Initiators' contexts from the GSS library's credentials; krb5 unless the demands name another mechanism."""

    __slots__ = ()

    def initiate(self, demands: Demands) -> SecurityContext:
        try:
            return _GssapiInitiator(demands)
        except GssError as error:
            raise explained(error, demands) from error

    def refusal(self, major: int, minor: int) -> str:
        return COMPLAINTS.get(minor, "")


class GssapiAcceptor(Acceptor):
    """Acceptors' contexts for an explicit set of services.

    names        -- "nfs@host.example.org", or Kerberos names such as "nfs/host.example.org@REALM"
    keytab       -- its path; None: the library's default keytab
    replay_cache -- a replay cache in the library's notation ("none:" to have none); None: its default

    Reads the keytab (once now, and at each acceptance), so that a server that could accept nobody does not start:
    raises `AcceptorUnusable` with a text that names the keytab.
    """

    def __init__(
        self, names: Iterable[str], keytab: str | os.PathLike[str] | None = None, *, replay_cache: str | None = None
    ) -> None:
        if isinstance(names, str):
            raise TypeError(f"names is a list of services, such as [{names!r}]")
        self._credentials = [_acquire_acceptor(name, keytab, replay_cache) for name in names]
        if not self._credentials:
            raise AcceptorUnusable("a server needs the name of at least one service to accept, such as nfs@host")
        self._names: Final = [name for name, _ in self._credentials]

    @property
    def names(self) -> Sequence[GssName]:
        return self._names

    def accept(self) -> SecurityContext:
        return _GssapiAcceptorContext(self._credentials)


class _GssapiContext(SecurityContext):
    """What both ends have in common."""

    def __init__(self) -> None:
        self._protection: Final = _GssapiProtection()
        self._complete = False
        self._delegated: object | None = None
        self._flags = GssFlag(0)
        self._mechanism = ""
        self._initiator = self._acceptor = GssName("", b"")

    @property
    def context(self) -> raw.SecurityContext:
        """The library's context, while there is one."""
        return self._protection.context

    @property
    def complete(self) -> bool:
        return self._complete

    @property
    def flags(self) -> GssFlag:
        return self._flags

    @property
    def mechanism(self) -> str:
        return self._mechanism

    @property
    def initiator(self) -> GssName:
        return self._initiator

    @property
    def acceptor(self) -> GssName:
        return self._acceptor

    @property
    def lifetime(self) -> int | None:
        facts = gss_call(raw.inquire_context, self.context, initiator_name=False, target_name=False)
        return None if facts.lifetime is None else int(facts.lifetime)

    @property
    def channel_bound(self) -> bool:
        return False

    @property
    def delegated(self) -> object | None:
        return self._delegated

    def prf(self, label: bytes, length: int) -> bytes:
        if GssFlag.TRANS not in self._flags:
            raise GssError(GSS_S_UNAVAILABLE, 0, "this mechanism's contexts cannot be exported")
        token = gss_call(raw.export_sec_context, self.context)
        self._protection.present = None
        try:
            return _library().pseudo_random(token, label, length)
        finally:
            self._protection.present = gss_call(raw.import_sec_context, token)

    def protection(self) -> MessageProtection:
        return self._protection

    def _finish(self) -> None:
        """Read everything about a context that has just become complete."""
        facts = gss_call(raw.inquire_context, self.context)
        if facts.mech is None or facts.flags is None or facts.initiator_name is None or facts.target_name is None:
            raise GssError(GSS_S_FAILURE, 0, "the mechanism does not tell who the two ends are")
        self._flags = GssFlag(int(facts.flags) & int(_KNOWN_FLAGS))
        self._mechanism = intern(facts.mech.dotted_form)
        self._initiator = mechanism_name(facts.initiator_name, facts.mech)
        self._acceptor = mechanism_name(facts.target_name, facts.mech)
        self._complete = True


class _GssapiInitiator(_GssapiContext):
    def __init__(self, demands: Demands) -> None:
        super().__init__()
        self._demands = demands
        self._wanted = oid(demands.mechanism or KRB5)
        self._target = imported_name(demands.target)
        self._credentials = _acquire_initiator(demands, self._wanted)
        self._asked = int(demands.required_flags)

    def step(self, token: Buffer | None) -> bytes:
        try:
            result = gss_call(
                raw.init_sec_context,
                self._target,
                self._credentials,
                self._protection.present,
                self._wanted,
                self._asked,
                None,
                None,
                None if token is None else bytes(token),
            )
            self._protection.present = result.context
            if not result.more_steps:
                self._finish()
        except GssError as error:
            raise explained(error, self._demands) from error
        return result.token or b""


class _GssapiAcceptorContext(_GssapiContext):
    def __init__(self, credentials: Sequence[tuple[GssName, raw.Creds]]) -> None:
        super().__init__()
        self._credentials = credentials

    def step(self, token: Buffer | None) -> bytes:
        if not token:
            # The library would take an empty first token for an invitation to speak SPNEGO backwards.
            raise GssError(GSS_S_DEFECTIVE_TOKEN, 0, "an empty token")
        began = self._protection.present is not None
        result = self._step(bytes(token), None) if began else self._first_step(bytes(token))
        self._protection.present = result.context
        if result.delegated_creds is not None:
            self._delegated = result.delegated_creds
        if not result.more_steps:
            self._finish()
            self._require_accepted_name()
        return result.token or b""

    def _first_step(self, token: bytes) -> AcceptSecContextResult:
        """The first credential that the token was meant for takes it."""
        failures: list[GssError] = []
        for name, credentials in self._credentials:
            try:
                result = self._step(token, credentials)
            except GssError as error:
                failures.append(error)
            else:
                self._credentials = [(name, credentials)]
                return result
        # The one that it was meant for knows best what is wrong with it.
        raise next((failure for failure in failures if failure.minor != NOT_OURS), failures[0])

    def _step(self, token: bytes, credentials: raw.Creds | None) -> AcceptSecContextResult:
        return gss_call(raw.accept_sec_context, token, credentials or self._credentials[0][1], self._protection.present)

    def _require_accepted_name(self) -> None:
        for name, _ in self._credentials:
            if name.exported == self._acceptor.exported:
                self._acceptor = name  # one object for all contexts
                return
        raise GssError(GSS_S_BAD_NAME, 0, f"{self._acceptor.display!r} is not a service of this server")


class _GssapiProtection(MessageProtection):
    """A mechanism's message operations, and where the library's context is kept: `present`, as `prf` replaces it.

    Whoever has this keeps nothing of what the context was made with. Credentials take as much memory as all else.
    """

    __slots__ = ("present",)

    def __init__(self) -> None:
        self.present: raw.SecurityContext | None = None

    @property
    def context(self) -> raw.SecurityContext:
        """The library's context, while there is one."""
        if self.present is None:
            raise GssError(GSS_S_NO_CONTEXT, 0, "there is no security context")
        return self.present

    def mic(self, message: Buffer) -> bytes:
        try:
            return _get_mic(self.context, bytes(message))
        except raw.GSSError as error:
            raise translated(error) from error

    def verify_mic(self, message: Buffer, mic: Buffer) -> None:
        try:
            qop = _verify_mic(self.context, bytes(message), bytes(mic))
        except raw.GSSError as error:
            raise_if_expired(error)
            raise BadMic("the MIC does not belong to the message") from error
        if qop:
            raise BadMic("the MIC has a quality of protection that nobody asked for")

    def wrap(self, message: Buffer) -> bytes:
        try:
            result = _wrap(self.context, bytes(message), True)
        except raw.GSSError as error:
            raise translated(error) from error
        if not result.encrypted:
            raise ProtectionUnavailable("this context cannot encrypt")
        return result.message

    def unwrap(self, token: Buffer) -> bytes:
        try:
            result = _unwrap(self.context, bytes(token))
        except raw.GSSError as error:
            raise_if_expired(error)
            raise BadWrap("the wrap token cannot be opened") from error
        if not result.encrypted:
            raise BadWrap("the wrap token was not encrypted")
        if result.qop:
            raise BadWrap("the wrap token has a quality of protection that nobody asked for")
        return result.message


# The stubs ask for the high-level context class, of which these functions know nothing.
_get_mic: Final[Callable[[raw.SecurityContext, bytes], bytes]] = raw.get_mic  # type: ignore[assignment]
_verify_mic: Final[Callable[[raw.SecurityContext, bytes, bytes], int]] = raw.verify_mic  # type: ignore[assignment]
_wrap: Final[Callable[[raw.SecurityContext, bytes, bool], WrapResult]] = raw.wrap  # type: ignore[assignment]
_unwrap: Final[Callable[[raw.SecurityContext, bytes], UnwrapResult]] = raw.unwrap  # type: ignore[assignment]
_KNOWN_FLAGS: Final = GssFlag(0x1FF)


def _acquire_initiator(demands: Demands, mechanism: raw.OID) -> raw.Creds:
    wanted = demands.credentials
    if wanted.delegated is not None:
        if not isinstance(wanted.delegated, raw.Creds):
            raise GssError(GSS_S_NO_CRED, 0, "what was delegated are no credentials of this mechanism")
        return wanted.delegated
    store: dict[bytes | str, bytes | str] = {}
    if wanted.ccache is not None:
        store[b"ccache"] = os.fsencode(wanted.ccache)
    if wanted.client_keytab is not None:
        store[b"client_keytab"] = os.fsencode(wanted.client_keytab)
    name = None
    if wanted.principal is not None:
        name = gss_call(raw.import_name, wanted.principal.encode(), raw.NameType.kerberos_principal)
    return gss_call(raw.acquire_cred_from, store, name, None, [mechanism], "initiate").creds


def _acquire_acceptor(
    name: str, keytab: str | os.PathLike[str] | None, replay_cache: str | None
) -> tuple[GssName, raw.Creds]:
    described = "the default keytab" if keytab is None else f"keytab {os.fspath(keytab)}"
    store: dict[bytes | str, bytes | str] = {}
    if keytab is not None:
        _require_readable(Path(keytab))
        store[b"keytab"] = os.fsencode(keytab)
    if replay_cache is not None:
        store[b"rcache"] = os.fsencode(replay_cache)
    try:
        full = with_realm(gss_call(raw.canonicalize_name, imported_name(name), oid(KRB5)))
        acquired = gss_call(raw.acquire_cred_from, store, full, None, [oid(KRB5), oid(SPNEGO)], "accept")
        return mechanism_name(full, oid(KRB5)), acquired.creds
    except GssError as error:
        raise AcceptorUnusable(f"cannot accept as {name} with {described}: {error.text}; {KEYTAB_REMEDY}") from error


def _require_readable(keytab: Path) -> None:
    try:
        keytab.open("rb").close()
    except OSError as error:
        raise AcceptorUnusable(f"cannot read keytab {keytab}: {error.strerror}; {KEYTAB_REMEDY}") from error


@cache
def _library() -> PseudoRandomLibrary:
    return PseudoRandomLibrary(raw.sec_contexts.__file__)
