"""RPCSEC_GSS in a capture: what each call and reply means, and whether its MICs, bodies and proofs are right.

How it works: a call leaves a `Transmission` behind, with which its reply is understood. Establishments are followed
token by token by `making`; where the keytab opens them, or a ticket's chain began with one that it opens, messages are
checked by the code that checks our own (`rpcgss.gss.bodies`), else only taken apart. Of versions 2 and 3 only the
credentials are.
"""

from collections.abc import Sequence
from typing import Final

from rpcgss.capture.contexts import Contexts, Creation, Latest, Renewing
from rpcgss.capture.events import CallSeen, Check, GssHeader, ReplySeen, State
from rpcgss.capture.keytab import KeytabEntry
from rpcgss.capture.layers import Endpoint
from rpcgss.capture.making import Making
from rpcgss.capture.messages import compared
from rpcgss.capture.protected import Body, why
from rpcgss.capture.transmission import Transmission, mic, short
from rpcgss.gss.bodies import Credential, encode_credential, parse_credential_untrusted, word
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.gss_xdr import (
    RPCSEC_GSS_CONTINUE_INIT,
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_DESTROY,
    RPCSEC_GSS_INIT,
    RPCSEC_GSS_VERS_1,
    RPCSEC_GSS_VERS_2,
    RPCSEC_GSS_VERS_3,
    rpc_gss_proc_t,
    rpc_gss_service_t,
)
from rpcgss.reauth.keys import Buffer
from rpcgss.reauth.reauth_xdr import FRA1
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import AcceptedReply, DeniedReply, ReceivedCall
from rpcgss.rpc.rpc_xdr import accept_stat, auth_stat

_LOSSES: Final = (auth_stat.RPCSEC_GSS_CREDPROBLEM, auth_stat.RPCSEC_GSS_CTXPROBLEM)


class GssFollower:
    """All RPCSEC_GSS of a capture. `keytab` may be empty."""

    def __init__(self, keytab: Sequence[KeytabEntry]) -> None:
        self._contexts: Final = Contexts()
        self._making: Final = Making(keytab, self._contexts)
        self._refused: Final[Latest[tuple[str, Endpoint, str, str], tuple[int, bytes]]] = Latest()
        self.lost = 0

    @property
    def made_by_exchange(self) -> int:
        """Contexts that a GSS exchange made while the capture lasted."""
        return self._making.by_exchange

    @property
    def made_by_ticket(self) -> int:
        """Contexts that a ticket made."""
        return self._making.by_ticket

    def call(self, call: ReceivedCall, seen: CallSeen, sent: Transmission) -> Buffer | None:
        """Follow a call. The answer is its arguments, if it has any that can be read."""
        findings = seen.findings
        try:
            credential = parse_credential_untrusted(call.credential.body, _VERSIONS)
        except AuthRefused as refusal:
            findings.faults.append(f"credential: {refusal.reason}")
            return None
        sent.credential = credential
        findings.differences += compared("credential", call.credential.body, lambda: encode_credential(credential))
        seen.gss = _header(credential)
        if credential.version != RPCSEC_GSS_VERS_1:
            findings.unchecked("message", f"RPCSEC_GSS version {credential.version} is not followed here")
            return None
        if credential.gss_proc in (RPCSEC_GSS_INIT, RPCSEC_GSS_CONTINUE_INIT):
            self._making.create(call, credential, findings, sent)
            return None
        if credential.gss_proc == FRA1:
            self._making.renew(call, seen, sent)
            return None
        context = sent.context = self._contexts.find(sent.server, credential.handle)
        seen.gss.principal = "" if context is None else context.principal
        refused, handle = self._refused.get(_purpose(sent, seen.name), (0, credential.handle))
        if handle != credential.handle and credential.gss_proc == RPCSEC_GSS_DATA:
            del self._refused[_purpose(sent, seen.name)]
            findings.notes.append(f"sends {refused} again")
        protections = None if context is None else context.protections
        checker = None if protections is None else protections.initiator
        if checker is None:
            findings.unchecked("header MIC", why(context))
        else:
            with findings.check("header MIC"):
                checker.verify_mic(call.header, mic(call.verifier))
        return Body(findings, credential, context, of_acceptor=False).open(call.body)

    def reply(self, reply: AcceptedReply | DeniedReply, seen: ReplySeen, sent: Sequence[Transmission]) -> Buffer | None:
        """Follow a reply to one of these transmissions of a call (not none). The answer is its results."""
        if isinstance(reply, DeniedReply):
            self._denied(reply, seen, sent[-1])
            return None
        last = sent[-1]
        if last.credential is None or last.credential.version != RPCSEC_GSS_VERS_1:
            return None
        if isinstance(last.made, Creation):
            self._making.created(reply, seen, last, last.made)
            return None
        if isinstance(last.made, Renewing):
            self._making.renewed(reply, seen, last, last.made)
            return None
        answered = self._verify_reply(reply, seen, sent)
        if reply.stat is not accept_stat.SUCCESS or answered.credential is None:
            return None
        if answered.credential.gss_proc == RPCSEC_GSS_DESTROY:
            seen.findings.notes.append(f"context {short(answered.credential.handle)} destroyed")
        return Body(seen.findings, answered.credential, answered.context, of_acceptor=True).open(reply.body)

    def _denied(self, reply: DeniedReply, seen: ReplySeen, sent: Transmission) -> None:
        lost = isinstance(reply.refusal, AuthRefused) and reply.refusal.stat in _LOSSES
        if not lost or sent.credential is None or sent.made is not None:
            return
        self.lost += 1
        seen.findings.notes.append(f"context {short(sent.credential.handle)} is lost")
        if sent.credential.gss_proc == RPCSEC_GSS_DATA:
            self._refused[_purpose(sent, seen.name)] = sent.number, sent.credential.handle
        if sent.context is not None:
            self._contexts.lose(sent.context)

    def _verify_reply(self, reply: AcceptedReply, seen: ReplySeen, sent: Sequence[Transmission]) -> Transmission:
        """Check the verifier, which tells the transmission that this is the reply to (RFC 2203, 5.3.3.2)."""
        last = sent[-1]
        if last.context is None or last.context.protections is None:
            seen.findings.unchecked("reply verifier", why(last.context))
            return last
        wrong = ""
        for each in reversed(sent):
            if each.context is None or each.context.protections is None or each.credential is None:
                continue
            try:
                each.context.protections.acceptor.verify_mic(word(each.credential.seq_num), mic(reply.verifier))
            except SecurityError as error:
                wrong = wrong or str(error)
            else:
                seen.findings.checks.append(Check("reply verifier", State.RIGHT))
                return each
        seen.findings.checks.append(Check("reply verifier", State.WRONG, wrong))
        return last


def _purpose(sent: Transmission, name: str) -> tuple[str, Endpoint, str, str]:
    """What a refused call and the one that is sent in its stead have in common."""
    return sent.client, sent.server, name, "" if sent.context is None else sent.context.principal


def _header(credential: Credential) -> GssHeader:
    return GssHeader(
        credential.version,
        _PROCS.get(credential.gss_proc, str(credential.gss_proc)),
        credential.seq_num,
        _SERVICES.get(credential.service, str(credential.service)),
        credential.handle,
    )


_VERSIONS: Final = (RPCSEC_GSS_VERS_1, RPCSEC_GSS_VERS_2, RPCSEC_GSS_VERS_3)
_PROCS: Final = {int(each): each.name.removeprefix("RPCSEC_GSS_") for each in rpc_gss_proc_t} | {FRA1: "REAUTH"}
_SERVICES: Final = {int(each): each.name.removeprefix("rpc_gss_svc_") for each in rpc_gss_service_t}
