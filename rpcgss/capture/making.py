"""How the contexts of a capture come to be: by exchanges of tokens, and by tickets (docs/fast-reauth.md)."""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import xdr
from rpcgss.capture.contexts import Contexts, Creation, Protections, Renewing, SeenContext, Ticket
from rpcgss.capture.errors import CaptureError
from rpcgss.capture.events import CallSeen, Findings, ReplySeen
from rpcgss.capture.kerberos import Session
from rpcgss.capture.keytab import KeytabEntry
from rpcgss.capture.messages import compared
from rpcgss.capture.tokens import read_token_untrusted
from rpcgss.capture.transmission import Transmission, mic, short
from rpcgss.gss.bodies import Credential, word
from rpcgss.gss.errors import BadMic
from rpcgss.gss.gss_xdr import (
    GSS_S_COMPLETE,
    GSS_S_CONTINUE_NEEDED,
    RPCSEC_GSS_INIT,
    rpc_gss_init_arg,
    rpc_gss_init_res,
)
from rpcgss.reauth.aead import SUITES, AeadProtection, Role
from rpcgss.reauth.grant import read_grant_untrusted
from rpcgss.reauth.keys import KEY_LENGTH, Buffer, authenticator, confirmation, derive, session_key
from rpcgss.reauth.reauth_xdr import FRA1, reauth_arg, reauth_grant, reauth_ok
from rpcgss.rpc.messages import MAX_AUTH_OCTETS, AcceptedReply, ReceivedCall
from rpcgss.rpc.rpc_xdr import accept_stat

MAX_HANDLE: Final = MAX_AUTH_OCTETS - 20
"""Octets of a handle: a credential is that, behind five numbers, and no more than RFC 5531, 8.2, allows."""

NO_KEYS: Final = "its tokens are not Kerberos' own"
NO_TICKET: Final = "the ticket was granted before the capture begins"
NO_SESSION_KEY: Final = "the ticket's session key is not known (no keytab, or X25519 shares agreed on before)"


class Making:
    """All contexts of a capture that are made while it lasts, and the tickets for others. `keytab` may be empty.

    by_exchange, by_ticket -- how many were made either way
    """

    def __init__(self, keytab: Sequence[KeytabEntry], contexts: Contexts) -> None:
        self.by_exchange = 0
        self.by_ticket = 0
        self._keytab: Final = keytab
        self._contexts: Final = contexts

    def create(self, call: ReceivedCall, credential: Credential, findings: Findings, sent: Transmission) -> None:
        """A call with a token."""
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

    def created(self, reply: AcceptedReply, seen: ReplySeen, sent: Transmission, creation: Creation) -> None:
        """A reply to one, with the acceptor's token or the new context."""
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

    def renew(self, call: ReceivedCall, seen: CallSeen, sent: Transmission) -> None:
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

    def renewed(self, reply: AcceptedReply, seen: ReplySeen, sent: Transmission, renewing: Renewing) -> None:
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
                    if not hmac.compare_digest(confirmation(keys, reply.body), mic(reply.verifier)):
                        raise BadMic("the verifier is not by the keys of this re-authentication")
                    both = (AeadProtection(accept.suite, keys, role) for role in (Role.ACCEPTOR, Role.INITIATOR))
                    context.protections = Protections(*both)
                    following.session_key = keys.session_key
            self.by_ticket += 1
            self._contexts.keep_ticket(answer.ticket.sealed, following)
            findings.notes.append(f"context {short(accept.handle)}, window {accept.seq_window}, and a new ticket")
            self._took_over(context, findings, "ticket")

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
        self.by_exchange += 1
        of = f" of {session.client}, {session.enctype}" if pair is not None else ""
        findings.notes.append(f"context {short(result.handle)}{of}, window {result.seq_window}")
        self._took_over(context, findings, "a full exchange")
        return context

    def _verify_window(
        self, reply: AcceptedReply, result: rpc_gss_init_res, findings: Findings, context: SeenContext
    ) -> None:
        """RFC 2203, 5.2.3.1."""
        if context.protections is None:
            findings.unchecked("window MIC", context.locked)
        else:
            with findings.check("window MIC"):
                context.protections.acceptor.verify_mic(word(result.seq_window), mic(reply.verifier))

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

    def _took_over(self, context: SeenContext, findings: Findings, how: str) -> None:
        lost = self._contexts.add(context)
        if lost is not None:
            findings.notes.append(f"recovers from the loss of {short(lost.handle)} by {how}")
