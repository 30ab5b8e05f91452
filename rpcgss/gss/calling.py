"""The system's GSS library: how it is called, its errors, and its names. Only this file and `mechanism` know gssapi."""

from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

from gssapi import raw

from rpcgss.gss.errors import ContextExpired, GssError
from rpcgss.gss.gss_xdr import GSS_S_BAD_NAME, GSS_S_CONTEXT_EXPIRED, GSS_S_FAILURE
from rpcgss.gss.provider import GssName

ArgumentsP = ParamSpec("ArgumentsP")
ResultT = TypeVar("ResultT")


def gss_call(function: Callable[ArgumentsP, ResultT], *args: ArgumentsP.args, **kwargs: ArgumentsP.kwargs) -> ResultT:
    """Call a function of the library. Raises `GssError` with the library's own text, `ContextExpired`."""
    try:
        return function(*args, **kwargs)
    except raw.GSSError as error:
        raise translated(error) from error


def raise_if_expired(error: raw.GSSError) -> None:
    if error.maj_code & 0x00FF0000 == GSS_S_CONTEXT_EXPIRED:
        raise translated(error) from error


def translated(error: raw.GSSError) -> GssError:
    """For calls of every message, which `gss_call` would make 0.3 µs slower."""
    major, minor = int(error.maj_code) & 0xFFFFFFFF, int(error.min_code) & 0xFFFFFFFF
    texts = error.get_all_statuses(error.min_code, False) if minor else []
    if not any(texts) or texts == ["Success"] or texts == ["Unknown error"]:
        texts = error.get_all_statuses(error.maj_code, True)
    kind = ContextExpired if major & 0x00FF0000 == GSS_S_CONTEXT_EXPIRED else GssError
    return kind(major, minor, "; ".join(_printable(text) for text in texts if text))


def _printable(text: str) -> str:
    """Some texts end in a NUL, and some have words of KDCs and servers in them."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


@cache
def oid(dotted: str) -> raw.OID:
    """Raises `GssError`."""
    try:
        return raw.OID.from_int_seq(dotted)
    except ValueError as error:
        raise GssError(GSS_S_FAILURE, 0, f"{dotted!r} is not an object identifier") from error


def imported_name(name: str) -> raw.Name:
    """ "service@host", or a Kerberos principal, which has a slash in it."""
    kind = raw.NameType.kerberos_principal if "/" in name else raw.NameType.hostbased_service
    return gss_call(raw.import_name, name.encode(), kind)


def mechanism_name(name: raw.Name, mechanism: raw.OID) -> GssName:
    """What this mechanism calls it."""
    canonical = gss_call(raw.canonicalize_name, name, mechanism)
    return GssName(_displayed(canonical), gss_call(raw.export_name, canonical))


def _displayed(name: raw.Name) -> str:
    """Policies compare display names, so octets that are not UTF-8 are refused rather than replaced."""
    try:
        return gss_call(raw.display_name, name, False).name.decode()
    except UnicodeDecodeError as error:
        raise GssError(GSS_S_BAD_NAME, 0, "a name that is not UTF-8") from error


def with_realm(name: raw.Name) -> raw.Name:
    """A host-based name has no realm until a key is looked up; ours must have one to be compared. The default it is."""
    displayed = _displayed(name)
    if not displayed.endswith("@"):
        return name
    return gss_call(raw.import_name, displayed.removesuffix("@").encode(), raw.NameType.kerberos_principal)
