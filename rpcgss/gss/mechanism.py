"""Security contexts from the system's GSS library. The only file that imports gssapi.

It uses `gssapi.raw`, whose functions release the GIL, cost a seventh of the methods', and raise errors there and then.
python-gssapi has no GSS_Pseudo_random, so `prf` exports the context, has `pseudo_random` ask it, and imports it again.
Names, flags and delegated credentials have been read before; keys and sequence state survive, so MICs in flight still
verify.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from gssapi import raw
from gssapi.raw.named_tuples import AcceptSecContextResult, UnwrapResult, WrapResult

from rpcgss.gss.errors import AcceptorUnusable, BadMic, BadWrap, ContextExpired, GssError, ProtectionUnavailable
from rpcgss.gss.gss_xdr import (
    GSS_S_BAD_NAME,
    GSS_S_CONTEXT_EXPIRED,
    GSS_S_DEFECTIVE_TOKEN,
    GSS_S_FAILURE,
    GSS_S_NO_CONTEXT,
    GSS_S_NO_CRED,
    GSS_S_UNAVAILABLE,
)
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import (
    KRB5,
    SPNEGO,
    Acceptor,
    Demands,
    GssFlag,
    GssName,
    Provider,
    SecurityContext,
)
from rpcgss.gss.pseudo_random import PseudoRandomLibrary
from xdr import Buffer

ArgumentsP = ParamSpec("ArgumentsP")
ResultT = TypeVar("ResultT")


class GssapiProvider(Provider):
    """Initiators' contexts from the GSS library's credentials; krb5 unless the demands name another mechanism."""

    def initiate(self, demands: Demands) -> SecurityContext:
        try:
            return _GssapiInitiator(demands)
        except GssError as error:
            raise _explained(error, demands) from error

    def refusal(self, major: int, minor: int) -> str:
        return _COMPLAINTS.get(minor, "")


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
        self._context: raw.SecurityContext | None = None
        self._complete = False
        self._delegated: object | None = None
        self._flags = GssFlag(0)
        self._mechanism = ""
        self._initiator = self._acceptor = GssName("", b"")

    @property
    def context(self) -> raw.SecurityContext:
        """The library's context, while there is one."""
        if self._context is None:
            raise GssError(GSS_S_NO_CONTEXT, 0, "there is no security context")
        return self._context

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
        facts = _call(raw.inquire_context, self.context, initiator_name=False, target_name=False)
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
        token = _call(raw.export_sec_context, self.context)
        self._context = None
        try:
            return _library().pseudo_random(token, label, length)
        finally:
            self._context = _call(raw.import_sec_context, token)

    def protection(self) -> MessageProtection:
        return _GssapiProtection(self)

    def _finish(self) -> None:
        """Read everything about a context that has just become complete."""
        facts = _call(raw.inquire_context, self.context)
        if facts.mech is None or facts.flags is None or facts.initiator_name is None or facts.target_name is None:
            raise GssError(GSS_S_FAILURE, 0, "the mechanism does not tell who the two ends are")
        self._flags = GssFlag(int(facts.flags) & int(_KNOWN_FLAGS))
        self._mechanism = facts.mech.dotted_form
        self._initiator = _mechanism_name(facts.initiator_name, facts.mech)
        self._acceptor = _mechanism_name(facts.target_name, facts.mech)
        self._complete = True


class _GssapiInitiator(_GssapiContext):
    def __init__(self, demands: Demands) -> None:
        super().__init__()
        self._demands = demands
        self._wanted = _oid(demands.mechanism or KRB5)
        self._target = _imported_name(demands.target)
        self._credentials = _acquire_initiator(demands, self._wanted)
        self._asked = int(demands.required_flags)

    def step(self, token: Buffer | None) -> bytes:
        try:
            result = _call(
                raw.init_sec_context,
                self._target,
                self._credentials,
                self._context,
                self._wanted,
                self._asked,
                None,
                None,
                None if token is None else bytes(token),
            )
            self._context = result.context
            if not result.more_steps:
                self._finish()
        except GssError as error:
            raise _explained(error, self._demands) from error
        return result.token or b""


class _GssapiAcceptorContext(_GssapiContext):
    def __init__(self, credentials: Sequence[tuple[GssName, raw.Creds]]) -> None:
        super().__init__()
        self._credentials = credentials

    def step(self, token: Buffer | None) -> bytes:
        if not token:
            # The library would take an empty first token for an invitation to speak SPNEGO backwards.
            raise GssError(GSS_S_DEFECTIVE_TOKEN, 0, "an empty token")
        result = self._first_step(bytes(token)) if self._context is None else self._step(bytes(token), None)
        self._context = result.context
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
        raise next((failure for failure in failures if failure.minor != _NOT_OURS), failures[0])

    def _step(self, token: bytes, credentials: raw.Creds | None) -> AcceptSecContextResult:
        return _call(raw.accept_sec_context, token, credentials or self._credentials[0][1], self._context)

    def _require_accepted_name(self) -> None:
        if all(name.exported != self._acceptor.exported for name, _ in self._credentials):
            raise GssError(GSS_S_BAD_NAME, 0, f"{self._acceptor.display!r} is not a service of this server")


class _GssapiProtection(MessageProtection):
    """A mechanism's message operations. The context is looked up each time: `prf` replaces it."""

    def __init__(self, owner: _GssapiContext) -> None:
        self._owner = owner

    def mic(self, message: Buffer) -> bytes:
        return _call(_get_mic, self._owner.context, bytes(message))

    def verify_mic(self, message: Buffer, mic: Buffer) -> None:
        try:
            qop = _verify_mic(self._owner.context, bytes(message), bytes(mic))
        except raw.GSSError as error:
            _raise_if_expired(error)
            raise BadMic("the MIC does not belong to the message") from error
        if qop:
            raise BadMic("the MIC has a quality of protection that nobody asked for")

    def wrap(self, message: Buffer) -> bytes:
        result = _call(_wrap, self._owner.context, bytes(message), True)
        if not result.encrypted:
            raise ProtectionUnavailable("this context cannot encrypt")
        return result.message

    def unwrap(self, token: Buffer) -> bytes:
        try:
            result = _unwrap(self._owner.context, bytes(token))
        except raw.GSSError as error:
            _raise_if_expired(error)
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


def _raise_if_expired(error: raw.GSSError) -> None:
    if error.maj_code & 0x00FF0000 == GSS_S_CONTEXT_EXPIRED:
        raise _translated(error) from error


def _call(function: Callable[ArgumentsP, ResultT], *args: ArgumentsP.args, **kwargs: ArgumentsP.kwargs) -> ResultT:
    try:
        return function(*args, **kwargs)
    except raw.GSSError as error:
        raise _translated(error) from error


def _translated(error: raw.GSSError) -> GssError:
    major, minor = int(error.maj_code) & 0xFFFFFFFF, int(error.min_code) & 0xFFFFFFFF
    texts = error.get_all_statuses(error.min_code, False) if minor else []
    if not any(texts) or texts == ["Success"] or texts == ["Unknown error"]:
        texts = error.get_all_statuses(error.maj_code, True)
    kind = ContextExpired if major & 0x00FF0000 == GSS_S_CONTEXT_EXPIRED else GssError
    return kind(major, minor, "; ".join(_printable(text) for text in texts if text))


def _printable(text: str) -> str:
    """Some texts end in a NUL, and some have words of KDCs and servers in them."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


# Names.


@cache
def _oid(dotted: str) -> raw.OID:
    try:
        return raw.OID.from_int_seq(dotted)
    except ValueError as error:
        raise GssError(GSS_S_FAILURE, 0, f"{dotted!r} is not an object identifier") from error


def _imported_name(name: str) -> raw.Name:
    """ "service@host", or a Kerberos principal, which has a slash in it."""
    kind = raw.NameType.kerberos_principal if "/" in name else raw.NameType.hostbased_service
    return _call(raw.import_name, name.encode(), kind)


def _mechanism_name(name: raw.Name, mechanism: raw.OID) -> GssName:
    canonical = _call(raw.canonicalize_name, name, mechanism)
    return GssName(_displayed(canonical), _call(raw.export_name, canonical))


def _displayed(name: raw.Name) -> str:
    """Policies compare display names, so octets that are not UTF-8 are refused rather than replaced."""
    try:
        return _call(raw.display_name, name, False).name.decode()
    except UnicodeDecodeError as error:
        raise GssError(GSS_S_BAD_NAME, 0, "a name that is not UTF-8") from error


# Credentials.


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
        name = _call(raw.import_name, wanted.principal.encode(), raw.NameType.kerberos_principal)
    return _call(raw.acquire_cred_from, store, name, None, [mechanism], "initiate").creds


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
        full = _with_realm(_call(raw.canonicalize_name, _imported_name(name), _oid(KRB5)))
        acquired = _call(raw.acquire_cred_from, store, full, None, [_oid(KRB5), _oid(SPNEGO)], "accept")
        return _mechanism_name(full, _oid(KRB5)), acquired.creds
    except GssError as error:
        raise AcceptorUnusable(f"cannot accept as {name} with {described}: {error.text}; {_KEYTAB_REMEDY}") from error


def _with_realm(name: raw.Name) -> raw.Name:
    """A host-based name has no realm until a key is looked up; ours must have one to be compared. The default it is."""
    displayed = _displayed(name)
    if not displayed.endswith("@"):
        return name
    return _call(raw.import_name, displayed.removesuffix("@").encode(), raw.NameType.kerberos_principal)


def _require_readable(keytab: Path) -> None:
    try:
        keytab.open("rb").close()
    except OSError as error:
        raise AcceptorUnusable(f"cannot read keytab {keytab}: {error.strerror}; {_KEYTAB_REMEDY}") from error


# What a user can do about it. The numbers are krb5's (com_err table krb5, as unsigned 32-bit); under SPNEGO they are
# not to be had, and the library's own text stands alone.

_KRB5_ERRORS: Final = 2529638912
_NOT_OURS: Final = _KRB5_ERRORS + 35
_KEYTAB_REMEDY: Final = "put the service's key there (kadmin: ktadd), or name another keytab (KRB5_KTNAME)"
_HINTS: Final = {
    _KRB5_ERRORS + 7: "the KDC does not know the service {target!r}: check the name, or make the principal",
    _KRB5_ERRORS + 32: "the Kerberos ticket has expired: run kinit",
    _KRB5_ERRORS + 33: "the clocks of this host and the KDC differ too much",
    _KRB5_ERRORS + 37: "the clocks of this host and the KDC or server differ too much",
    _KRB5_ERRORS + 154: "the realm is not known: check krb5.conf",
    _KRB5_ERRORS + 156: "no KDC can be reached: check the network and krb5.conf",
    _KRB5_ERRORS + 140: "that kind of credential cache is not known",
}

# What an acceptor of krb5 may say, read as an initiator.
_OLD_KEYTAB: Final = "its keytab does not have the KDC's key of that service: write the keytab anew there"
_COMPLAINTS: Final = {
    _KRB5_ERRORS + 31: _OLD_KEYTAB,
    _KRB5_ERRORS + 32: "the Kerberos ticket has expired: run kinit",
    _KRB5_ERRORS + 33: "the clocks of this host and the server differ too much",
    _KRB5_ERRORS + 34: "it takes us for a replay: try again",
    _NOT_OURS: "it does not answer for that service: check the name",
    _KRB5_ERRORS + 37: "the clocks of this host and the server differ too much",
    _KRB5_ERRORS + 44: _OLD_KEYTAB,
    _KRB5_ERRORS + 181: _OLD_KEYTAB,
}


def _explained(error: GssError, demands: Demands) -> GssError:
    hint = _HINTS.get(error.minor, "").format(target=demands.target)
    if not hint and error.major & 0x00FF0000 == GSS_S_NO_CRED:
        hint = "no credentials: run kinit, or name a credential cache or a client keytab"
    text = f"{hint} ({error.text})" if hint else error.text
    return type(error)(error.major, error.minor, text)


@cache
def _library() -> PseudoRandomLibrary:
    return PseudoRandomLibrary(raw.sec_contexts.__file__)
