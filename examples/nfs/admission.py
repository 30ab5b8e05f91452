"""Who is let in, and as whom: from the flavor of a call to a `Caller`.

NULL and all of MOUNT are open to every flavor: clients mount before they have credentials, and handles give no rights.
A call of NFS proper must come with a security that was asked for; with a weaker one, what a client needs to finish
mounting is open, for the root of the export alone (RFC 2623, 2.3.2).
"""

import enum
from collections.abc import Sequence
from typing import Final

from examples.nfs.exports import Access, Rules
from examples.nfs.identity import Credential
from examples.nfs.nfs3_xdr import NFS_V3
from examples.nfs.operation import Caller
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.provider import GssService
from rpcgss.rpc import AuthRefused, Call, Identity, UnixIdentity
from rpcgss.rpc.rpc_xdr import auth_stat


class Security(enum.IntEnum):
    """What calls may be secured by, with the numbers that MOUNT tells clients (RFC 2623, 2.2; RFC 5531, 8.2)."""

    SYS = 1
    KRB5 = 390003
    KRB5I = 390004
    KRB5P = 390005


SERVICES: Final = {
    Security.KRB5: GssService.NONE,
    Security.KRB5I: GssService.INTEGRITY,
    Security.KRB5P: GssService.PRIVACY,
}

_FOR_MOUNTING: Final = (NFS_V3.NFSPROC3_GETATTR, NFS_V3.NFSPROC3_FSINFO)


class Admission:
    """The rules of one server: securities that are enough, access by principal, and users by principal.

    Without `users` everybody acts as the server itself; with them, who is not among them has no access.
    """

    def __init__(
        self, securities: Sequence[Security], exports: Rules[Access], users: Rules[Credential] | None = None
    ) -> None:
        self.securities: Final = tuple(securities)
        self._services: Final = frozenset(SERVICES[one] for one in securities if one in SERVICES)
        self._exports: Final = exports
        self._users: Final = users

    def policy(self, call: Call) -> None:
        """For the RPC server: raises AuthRefused (AUTH_TOOWEAK) for a call that needs a better security."""
        procedure = call.procedure
        if procedure.program != NFS_V3.PROGRAM or procedure.number == 0 or procedure in _FOR_MOUNTING:
            return
        if not self.is_enough(call.identity):
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, f"{procedure.name} needs {self._wanted}")

    @property
    def _wanted(self) -> str:
        return ", ".join(one.name.lower() for one in self.securities)

    def is_enough(self, identity: Identity) -> bool:
        """Whether a call with this identity is secured as was asked for."""
        match identity:
            case GssIdentity(service=service):
                return service in self._services
            case UnixIdentity():
                return Security.SYS in self.securities
            case _:
                return False

    def caller(self, identity: Identity) -> Caller:
        """Who that is to the file system."""
        if not self.is_enough(identity):
            return Caller("", Access.READ, root_only=True)
        principal = _principal(identity)
        access = self._exports.match(principal) or Access.NONE
        if self._users is None:
            return Caller(principal, access)
        credential = self._users.match(principal)
        if credential is None:
            return Caller(principal, Access.NONE)
        return Caller(principal, access, credential)


def _principal(identity: Identity) -> str:
    match identity:
        case GssIdentity(principal=principal):
            return principal
        case UnixIdentity(uid=uid):
            return f"sys:{uid}"
        case _:
            return ""
