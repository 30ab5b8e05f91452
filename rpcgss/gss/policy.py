"""How calls must be protected, program by program and procedure by procedure (RFC 2203, 5.2.1 and 6).

A `Requirements` object is a server's policy: rules of the most general kind first, the most particular one counts.

    Requirements(Strength.INTEGRITY, {Accounts: Strength.PRIVACY, Accounts.NULL: Strength.ANYBODY})
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Protocol, TypeAlias

import xdr
from rpcgss.gss.context import GssIdentity
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.flavors import Identity
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat


class Strength(IntEnum):
    """What is known of a call, weakest first. The last three are RPCSEC_GSS's services (`GssService`)."""

    ANYBODY = 0
    CLAIMED = 1
    AUTHENTICATED = 2
    INTEGRITY = 3
    PRIVACY = 4

    @classmethod
    def of(cls, identity: Identity) -> "Strength":
        """How strong a call of `identity` is. Flavors that nobody knows here prove nothing. What the channel protects
        to which the context is bound counts as PRIVACY."""
        if isinstance(identity, GssIdentity):
            return cls(identity.service + 1)
        return cls.ANYBODY if identity.flavor == auth_flavor.AUTH_NONE else cls.CLAIMED


@dataclass(frozen=True, slots=True)
class Requirement:
    """The least that a call must have; `mechanisms` (object identifiers, dotted) are those of RPCSEC_GSS calls that
    will do, None: any."""

    strength: Strength
    mechanisms: Collection[str] | None = None


class ProgramVersion(Protocol):
    """A generated class of a program's version: the constants, or the service."""

    @property
    def PROGRAM(self) -> int: ...
    @property
    def VERSION(self) -> int: ...


class VerifiedCall(Protocol):
    """A call as a policy sees it (`rpcgss.rpc.Call`)."""

    procedure: xdr.Procedure[Any, Any]
    identity: Identity


Subject: TypeAlias = "ProgramVersion | xdr.Procedure[Any, Any]"


class Requirements:
    """A server's policy. Refuses with AUTH_TOOWEAK; what was asked for is told to the log alone.

    default -- for what no rule names
    rules   -- for a version of a program (its generated class), or one procedure of it, which goes before
    """

    def __init__(
        self, default: Requirement | Strength, rules: Mapping[Subject, Requirement | Strength] | None = None
    ) -> None:
        self._default: Final = _requirement(default)
        self._rules: Final = {_numbers(subject): _requirement(least) for subject, least in (rules or {}).items()}

    def __call__(self, call: VerifiedCall) -> None:
        """Raises `AuthRefused`."""
        procedure = call.procedure
        rules = self._rules
        required = (
            rules.get((procedure.program, procedure.version, procedure.number))
            or rules.get((procedure.program, procedure.version))
            or self._default
        )
        identity = call.identity
        if Strength.of(identity) < required.strength:
            needed = required.strength.name.lower()
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, f"{procedure.name} of {str(identity)!r} needs {needed}")
        if required.mechanisms is not None and (
            isinstance(identity, GssIdentity) and identity.mechanism not in required.mechanisms
        ):
            wrong = f"{procedure.name} of {str(identity)!r} does not take mechanism {identity.mechanism}"
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, wrong)


def _requirement(least: Requirement | Strength) -> Requirement:
    return least if isinstance(least, Requirement) else Requirement(Strength(least))


def _numbers(subject: Subject) -> tuple[int, ...]:
    if isinstance(subject, xdr.Procedure):
        return subject.program, subject.version, subject.number
    return subject.PROGRAM, subject.VERSION
