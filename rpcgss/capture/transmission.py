"""What is remembered of each RPCSEC_GSS call until its reply."""

from dataclasses import dataclass, field
from typing import Final

from rpcgss.capture.contexts import Creation, Renewing, SeenContext
from rpcgss.capture.layers import Endpoint
from rpcgss.gss.bodies import Credential
from rpcgss.gss.errors import BadMic
from rpcgss.rpc.rpc_xdr import auth_flavor, opaque_auth

SHOWN_OCTETS: Final = 8


@dataclass(slots=True)
class Transmission:
    """What is remembered of a call until its reply. `made` is what the call is about to make."""

    number: int
    time: float
    server: Endpoint
    client: str
    credential: Credential | None = None
    context: SeenContext | None = None
    made: Creation | Renewing | None = field(default=None, repr=False)


def mic(verifier: opaque_auth) -> bytes:
    """The body of a verifier that must be RPCSEC_GSS's. Raises `BadMic`."""
    if verifier.flavor != auth_flavor.RPCSEC_GSS:
        raise BadMic(f"the verifier is of flavor {verifier.flavor}")
    return verifier.body


def short(handle: bytes) -> str:
    """A handle for people: its first octets."""
    return handle.hex() if len(handle) <= SHOWN_OCTETS else f"{handle[:SHOWN_OCTETS].hex()}…"
