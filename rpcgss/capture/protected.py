"""The bodies of messages in a capture: opened where there are keys, else taken apart as far as that goes."""

import contextlib
from dataclasses import dataclass
from typing import Final

import xdr
from rpcgss.capture.contexts import SeenContext
from rpcgss.capture.events import Findings
from rpcgss.capture.messages import Difference, compared
from rpcgss.gss.bodies import Credential, unprotect, word
from rpcgss.gss.errors import BadBody
from rpcgss.gss.gss_xdr import RPCSEC_GSS_DESTROY, rpc_gss_integ_data, rpc_gss_priv_data
from rpcgss.gss.provider import GssService
from rpcgss.reauth.keys import Buffer

_NO_CREATION: Final = "the context's creation is not in the capture"


@dataclass(frozen=True, slots=True)
class Body:
    """The body of one message, protected as its credential says."""

    findings: Findings
    credential: Credential
    context: SeenContext | None
    of_acceptor: bool

    def open(self, body: Buffer) -> Buffer | None:
        """What is in it, as far as it can be read."""
        credential, findings = self.credential, self.findings
        try:
            service = GssService(credential.service)
        except ValueError:
            findings.faults.append(f"credential: service {credential.service}")
            return None
        if service is GssService.NONE:
            return body
        if credential.gss_proc == RPCSEC_GSS_DESTROY and not len(body):
            return None  # the kernel protects nothing where there is nothing to protect
        findings.differences += self._encoded_again(service, body)
        protections = None if self.context is None else self.context.protections
        if protections is None:
            findings.unchecked("body", why(self.context))
            return self._unverified(service, body)
        checker = protections.acceptor if self.of_acceptor else protections.initiator
        content: Buffer | None = None
        with findings.check("body"):
            content = unprotect(checker, service, credential.seq_num, body)
        return content

    def _encoded_again(self, service: GssService, body: Buffer) -> list[Difference]:
        kind = rpc_gss_integ_data if service is GssService.INTEGRITY else rpc_gss_priv_data
        differences: list[Difference] = []
        with self.findings.parsing("protected body"):
            differences += compared("protected body", body, kind.from_bytes(body).to_bytes)
        return differences

    def _unverified(self, service: GssService, body: Buffer) -> Buffer | None:
        """Without keys a body that is only signed can be read, and its sequence number compared."""
        if service is GssService.PRIVACY:
            return None
        with contextlib.suppress(xdr.DecodeError):
            numbered = rpc_gss_integ_data.from_bytes(body).databody_integ
            with self.findings.check("sequence number in the body"):
                if numbered[:4] != word(self.credential.seq_num):
                    raise BadBody("the sequence number in the body is not the header's")
            return numbered[4:]
        return None


def why(context: SeenContext | None) -> str:
    """Why the messages of such a context cannot be checked."""
    return _NO_CREATION if context is None else context.locked
