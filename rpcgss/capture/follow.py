"""RPCSEC_GSS in a capture: what each call and reply means, and whether its MICs, bodies and proofs are right.

How it works: a call leaves a `Transmission` behind, with which its reply is understood. Establishments are followed
token by token; where the keytab opens them, or a ticket's chain began with one that it opens, messages are checked by
the code that checks our own (`rpcgss.gss.bodies`), else only taken apart.
"""

import contextlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import xdr
from rpcgss.capture.contexts import Contexts, Creation, Latest, Protections, Renewing, SeenContext, Ticket
from rpcgss.capture.errors import CaptureError
from rpcgss.capture.events import CallSeen, Check, Findings, GssHeader, ReplySeen, State
from rpcgss.capture.kerberos import Session
from rpcgss.capture.keytab import KeytabEntry
from rpcgss.capture.layers import Endpoint
from rpcgss.capture.messages import Difference, compared
from rpcgss.capture.tokens import read_token_untrusted
from rpcgss.gss.bodies import Credential, encode_credential, parse_credential_untrusted, unprotect, word
from rpcgss.gss.errors import BadBody, BadMic, SecurityError
from rpcgss.gss.gss_xdr import (
    GSS_S_COMPLETE,
    GSS_S_CONTINUE_NEEDED,
    RPCSEC_GSS_CONTINUE_INIT,
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_DESTROY,
    RPCSEC_GSS_INIT,
    RPCSEC_GSS_VERS_1,
    rpc_gss_init_arg,
    rpc_gss_init_res,
    rpc_gss_integ_data,
    rpc_gss_priv_data,
    rpc_gss_proc_t,
)
from rpcgss.gss.provider import GssService
from rpcgss.reauth.aead import SUITES, AeadProtection, Role
from rpcgss.reauth.grant import read_grant_untrusted
from rpcgss.reauth.keys import KEY_LENGTH, Buffer, authenticator, confirmation, derive, session_key
from rpcgss.reauth.reauth_xdr import FRA1, reauth_arg, reauth_grant, reauth_ok
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import MAX_AUTH_OCTETS, AcceptedReply, DeniedReply, ReceivedCall
from rpcgss.rpc.rpc_xdr import accept_stat, auth_flavor, auth_stat, opaque_auth

SHOWN_OCTETS: Final = 8
MAX_HANDLE: Final = MAX_AUTH_OCTETS - 20
"""Octets of a handle: a credential is that, behind five numbers, and no more than RFC 5531, 8.2, allows."""

_NO_CREATION: Final = "the context's creation is not in the capture"
NO_KEYS: Final = "its tokens are not Kerberos' own"
NO_TICKET: Final = "the ticket was granted before the capture begins"
NO_SESSION_KEY: Final = "the ticket's session key is not known (no keytab, or X25519 shares agreed on before)"
_LOSSES: Final = (auth_stat.RPCSEC_GSS_CREDPROBLEM, auth_stat.RPCSEC_GSS_CTXPROBLEM)


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


class GssFollower:
    """All RPCSEC_GSS of a capture. `keytab` may be empty."""

    def __init__(self, keytab: Sequence[KeytabEntry]) -> None:
        self._keytab: Final = keytab
        self._contexts: Final = Contexts()
        self._refused: Final[Latest[tuple[str, Endpoint, str, str], tuple[int, bytes]]] = Latest()
        self.made_by_exchange = 0
        self.made_by_ticket = 0
        self.lost = 0

    def call(self, call: ReceivedCall, seen: CallSeen, sent: Transmission) -> Buffer | None:
        """Follow a call. The answer is its arguments, if it has any that can be read."""
        findings = seen.findings
        try:
            credential = parse_credential_untrusted(call.credential.body)
        except AuthRefused as refusal:
            findings.faults.append(f"credential: {refusal.reason}")
            return None
        sent.credential = credential
        findings.differences += compared("credential", call.credential.body, lambda: encode_credential(credential))
        seen.gss = _header(credential)
        if credential.gss_proc in (RPCSEC_GSS_INIT, RPCSEC_GSS_CONTINUE_INIT):
            self._create(call, credential, findings, sent)
            return None
        if credential.gss_proc == FRA1:
            self._renew(call, seen, sent)
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
            findings.unchecked("header MIC", _why(context))
        else:
            with findings.check("header MIC"):
                checker.verify_mic(call.header, _mic(call.verifier))
        return _Body(findings, credential, context, of_acceptor=False).open(call.body)

    def reply(self, reply: AcceptedReply | DeniedReply, seen: ReplySeen, sent: Sequence[Transmission]) -> Buffer | None:
        """Follow a reply to one of these transmissions of a call (not none). The answer is its results."""
        if isinstance(reply, DeniedReply):
            self._denied(reply, seen, sent[-1])
            return None
        last = sent[-1]
        if last.credential is None:
            return None
        if isinstance(last.made, Creation):
            self._created(reply, seen, last, last.made)
            return None
        if isinstance(last.made, Renewing):
            self._renewed(reply, seen, last, last.made)
            return None
        answered = self._verify_reply(reply, seen, sent)
        if reply.stat is not accept_stat.SUCCESS or answered.credential is None:
            return None
        if answered.credential.gss_proc == RPCSEC_GSS_DESTROY:
            seen.findings.notes.append(f"context {short(answered.credential.handle)} destroyed")
        return _Body(seen.findings, answered.credential, answered.context, of_acceptor=True).open(reply.body)

    def _create(self, call: ReceivedCall, credential: Credential, findings: Findings, sent: Transmission) -> None:
        first = credential.gss_proc == RPCSEC_GSS_INIT
        creation = sent.made = Creation() if first else self._contexts.resume(sent.server, credential.handle)
        creation.offered = credential.seq_num == FRA1
        if creation.offered:
            findings.notes.append("offers to take a ticket")
        with findings.parsing("creation arguments"):
            argument = rpc_gss_init_arg.from_bytes(call.body)
            findings.differences += compared("creation arguments", call.body, argument.to_bytes)
            creation.add(argument.gss_token)
            token = read_token_untrusted(argument.gss_token)
            findings.notes.append(" ".join(filter(None, (token.mechanism, token.kind))))
            if token.kind == "AP-REQ":
                creation.session.ap_req_untrusted(token.message, self._keytab)
                findings.notes.append(f"for {creation.session.service}")

    def _created(self, reply: AcceptedReply, seen: ReplySeen, sent: Transmission, creation: Creation) -> None:
        findings, session = seen.findings, creation.session
        if reply.stat is not accept_stat.SUCCESS:
            return
        with findings.parsing("creation results"):
            cursor = xdr.Cursor(reply.body)
            result = rpc_gss_init_res.decode(cursor)
            trailing = reply.body[cursor.position :]
            findings.differences += compared("creation results", reply.body[: cursor.position], result.to_bytes)
            if len(result.handle) > MAX_HANDLE:
                raise CaptureError(f"a handle of {len(result.handle)} octets, which fits into no credential")
            creation.add(result.gss_token)
            if result.gss_token:
                token = read_token_untrusted(result.gss_token)
                findings.notes.append(" ".join(filter(None, (token.mechanism, token.kind))))
                if token.kind == "AP-REP":
                    session.ap_rep_untrusted(token.message)
            if result.gss_major == GSS_S_CONTINUE_NEEDED:
                self._contexts.begin(sent.server, result.handle, creation)
            elif result.gss_major != GSS_S_COMPLETE:
                findings.notes.append(f"refused: GSS major status {result.gss_major:#010x}, minor {result.gss_minor}")
            else:
                context = self._complete(result, findings, sent, session)
                self._verify_window(reply, result, findings, context)
                if trailing:
                    self._granted(trailing, result, findings, creation)

    def _complete(
        self, result: rpc_gss_init_res, findings: Findings, sent: Transmission, session: Session
    ) -> SeenContext:
        pair = session.protections()
        context = SeenContext(
            handle=result.handle,
            server=sent.server,
            client=sent.client,
            principal=session.client,
            locked=session.locked or NO_KEYS,
            protections=None if pair is None else Protections(*pair),
        )
        self.made_by_exchange += 1
        of = f" of {session.client}, {session.enctype}" if pair is not None else ""
        findings.notes.append(f"context {short(result.handle)}{of}, window {result.seq_window}")
        self._took_over(context, findings, "a full exchange")
        return context

    def _took_over(self, context: SeenContext, findings: Findings, how: str) -> None:
        lost = self._contexts.add(context)
        if lost is not None:
            findings.notes.append(f"recovers from the loss of {short(lost.handle)} by {how}")

    def _verify_window(
        self, reply: AcceptedReply, result: rpc_gss_init_res, findings: Findings, context: SeenContext
    ) -> None:
        """RFC 2203, 5.2.3.1."""
        if context.protections is None:
            findings.unchecked("window MIC", context.locked)
        else:
            with findings.check("window MIC"):
                context.protections.acceptor.verify_mic(word(result.seq_window), _mic(reply.verifier))

    def _granted(self, trailing: Buffer, result: rpc_gss_init_res, findings: Findings, creation: Creation) -> None:
        """The ticket behind the results (docs/fast-reauth.md, 5)."""
        with findings.parsing("octets behind the creation results"):
            grant = reauth_grant.from_bytes(trailing)
            findings.differences += compared("grant", trailing, grant.to_bytes)
            findings.notes.append(f"grants a ticket for {grant.lifetime} s")
            session = creation.session
            ticket = Ticket(session.client, None)
            if session.protections() is None:
                findings.unchecked("grant mac", session.locked or NO_KEYS)
            else:
                with findings.check("grant mac"):
                    key = session_key(session.pseudo_random, creation.tokens)
                    read_grant_untrusted(key, result.handle, result.seq_window, trailing)
                    ticket.session_key = key
            self._contexts.keep_ticket(grant.ticket.sealed, ticket)

    def _renew(self, call: ReceivedCall, seen: CallSeen, sent: Transmission) -> None:
        """A re-authentication (docs/fast-reauth.md, 7)."""
        findings = seen.findings
        findings.notes.append("re-authenticates by ticket")
        with findings.parsing("re-authentication arguments"):
            argument = reauth_arg.from_bytes(call.body)
            findings.differences += compared("re-authentication arguments", call.body, argument.to_bytes)
            ticket = self._contexts.ticket(argument.ticket.sealed)
            sent.made = Renewing(ticket, bytes(call.header) + bytes(call.body), bool(argument.client_share))
            if ticket is None or ticket.session_key is None:
                findings.unchecked("authenticator", NO_TICKET if ticket is None else NO_SESSION_KEY)
                return
            if seen.gss is not None:
                seen.gss.principal = ticket.principal
            with findings.check("authenticator"):
                proof = authenticator(ticket.session_key, call.header, call.body[:-KEY_LENGTH])
                if not hmac.compare_digest(proof, argument.authenticator):
                    raise BadMic("the authenticator is not by the ticket's session key")

    def _renewed(self, reply: AcceptedReply, seen: ReplySeen, sent: Transmission, renewing: Renewing) -> None:
        """An accepted re-authentication (docs/fast-reauth.md, 8)."""
        findings = seen.findings
        if reply.stat is not accept_stat.SUCCESS:
            return
        with findings.parsing("re-authentication results"):
            answer = reauth_ok.from_bytes(reply.body)
            findings.differences += compared("re-authentication results", reply.body, answer.to_bytes)
            accept, ticket = answer.accept, renewing.ticket
            principal = "" if ticket is None else ticket.principal
            context = SeenContext(accept.handle, sent.server, sent.client, principal, NO_TICKET)
            following = Ticket(principal, None)
            if ticket is None or ticket.session_key is None or renewing.with_share or accept.suite not in SUITES:
                context.locked = NO_TICKET if ticket is None else NO_SESSION_KEY
                if renewing.with_share and ticket is not None and ticket.session_key is not None:
                    context.locked = "its keys were agreed by X25519, which no keytab opens"
                findings.unchecked("confirmation", context.locked)
            else:
                octets = reply.body[: len(accept.to_bytes())]
                keys = derive(ticket.session_key, sha256(renewing.request + octets).digest())
                with findings.check("confirmation"):
                    if not hmac.compare_digest(confirmation(keys, reply.body), _mic(reply.verifier)):
                        raise BadMic("the verifier is not by the keys of this re-authentication")
                    both = (AeadProtection(accept.suite, keys, role) for role in (Role.ACCEPTOR, Role.INITIATOR))
                    context.protections = Protections(*both)
                    following.session_key = keys.session_key
            self.made_by_ticket += 1
            self._contexts.keep_ticket(answer.ticket.sealed, following)
            findings.notes.append(f"context {short(accept.handle)}, window {accept.seq_window}, and a new ticket")
            self._took_over(context, findings, "ticket")

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
            seen.findings.unchecked("reply verifier", _why(last.context))
            return last
        wrong = ""
        for each in reversed(sent):
            if each.context is None or each.context.protections is None or each.credential is None:
                continue
            try:
                each.context.protections.acceptor.verify_mic(word(each.credential.seq_num), _mic(reply.verifier))
            except SecurityError as error:
                wrong = wrong or str(error)
            else:
                seen.findings.checks.append(Check("reply verifier", State.RIGHT))
                return each
        seen.findings.checks.append(Check("reply verifier", State.WRONG, wrong))
        return last


@dataclass(frozen=True, slots=True)
class _Body:
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
            findings.unchecked("body", _why(self.context))
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


def _purpose(sent: Transmission, name: str) -> tuple[str, Endpoint, str, str]:
    """What a refused call and the one that is sent in its stead have in common."""
    return sent.client, sent.server, name, "" if sent.context is None else sent.context.principal


def _mic(verifier: opaque_auth) -> bytes:
    """The body of a verifier that must be RPCSEC_GSS's. Raises `BadMic`."""
    if verifier.flavor != auth_flavor.RPCSEC_GSS:
        raise BadMic(f"the verifier is of flavor {verifier.flavor}")
    return verifier.body


def short(handle: bytes) -> str:
    """A handle for people: its first octets."""
    return handle.hex() if len(handle) <= SHOWN_OCTETS else f"{handle[:SHOWN_OCTETS].hex()}…"


def _header(credential: Credential) -> GssHeader:
    return GssHeader(
        RPCSEC_GSS_VERS_1,
        _PROCS.get(credential.gss_proc, str(credential.gss_proc)),
        credential.seq_num,
        _SERVICES.get(credential.service, str(credential.service)),
        credential.handle,
    )


def _why(context: SeenContext | None) -> str:
    return _NO_CREATION if context is None else context.locked


_PROCS: Final = {int(each): each.name.removeprefix("RPCSEC_GSS_") for each in rpc_gss_proc_t} | {FRA1: "REAUTH"}
_SERVICES: Final = {int(each): each.name.lower() for each in GssService}
