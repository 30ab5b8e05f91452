"""docs/fast-reauth.md against the code: its XDR compiles to the same types, its vectors are what the code makes of the
same inputs, and its sizes are what its C structures have.

The document has fenced blocks of a kind (`xdr`, `c`, `vectors NAME`). A line of vectors is a name, two spaces or more,
and a value: octets in hexadecimal, a "text", or = and a number; lines that begin with a space go on with the value.
"""

import ctypes
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from rpcgss.gss.bodies import Credential, encode_credential, protect, unprotect, word
from rpcgss.gss.gss_xdr import RPCSEC_GSS_DATA, rpc_gss_init_res
from rpcgss.gss.provider import GssFlag, GssName, GssService
from rpcgss.gss.store import StoreLimits
from rpcgss.reauth import aead, client, keys, keyset, reauth_xdr, shares, target
from rpcgss.reauth import answer as answer_module
from rpcgss.reauth import attempt as attempt_module
from rpcgss.reauth import server as server_module
from rpcgss.reauth import ticket as ticket_module
from rpcgss.reauth.aead import AeadProtection, Role
from rpcgss.reauth.attempt import CREDENTIAL_BODY, Attempt
from rpcgss.reauth.grant import read_grant_untrusted
from rpcgss.reauth.keyset import FixedKeys, Key, KeySet
from rpcgss.reauth.reauth_xdr import reauth_arg, reauth_ok, reauth_state, reauth_ticket
from rpcgss.reauth.ticket import open_untrusted
from rpcgss.rpc.conversation import MAX_REFUSALS
from rpcgss.rpc.messages import CallHeader, encode_auth, encode_call_header, encode_success, parse_reply_untrusted
from rpcgss.rpc.rpc_xdr import opaque_auth
from xdr.compile import compile_text

from .harness import KRB5, Clocks, FakeSecurity, ServerEnd, accept, establishment, parse_xid

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/fast-reauth.md").read_text()
SHARED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"  # RFC 7748, 6.1

Value = bytes | int | str
Vectors = dict[str, Value]


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    """Name and content of each fenced block of that kind."""
    yield from re.findall(rf"^```{kind} *([^\n]*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def vectors(name: str) -> Vectors:
    (content,) = (content for found, content in blocks("vectors") if found == name)
    joined = re.sub(r"\n +", "  ", content)
    pairs = (line.split("  ", 1) for line in joined.splitlines() if line)
    return {key: _value(value) for key, value in pairs}


def _value(shown: str) -> Value:
    match shown.strip():
        case text if text.startswith('"'):
            return text.strip('"')
        case number if number.startswith("="):
            return int(number[1:])
        case octets:
            return bytes.fromhex(octets)


# The exchange of the document, made by the code


class Worked:
    """The document's exchange with the document's inputs; `made` is what comes out, block by block."""

    def __init__(self, given: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given = given
        self.patch = monkeypatch
        self.clocks = Clocks()
        self.clocks.wall = float(self.number("now"))
        exported = b"\x04\x01\0\x0b" + bytes.fromhex("06092a864886f712010202")
        names = [self.text("principal"), self.text("acceptor")]
        client, service = (GssName(name, exported + len(name).to_bytes(4) + name.encode()) for name in names)
        self.security = FakeSecurity(
            key=self.octets("PRF key"),
            initiator=client,
            acceptor=service,
            flags=GssFlag(self.number("context flags")),
            lifetime=self.number("context lifetime"),
        )
        self.key = Key(self.octets("keyring key"), 0)
        self.ring = FixedKeys(KeySet(self.text("scope"), (self.key,), self.number("longest life")))
        self.server = ServerEnd(
            self.clocks, self.ring, names=(service,), application=lambda _: self.text("application blob").encode()
        )

    def octets(self, name: str) -> bytes:
        return octets(self.given, name)

    def number(self, name: str) -> int:
        value = self.given[name]
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        value = self.given[name]
        assert isinstance(value, str)
        return value

    def random(self, name: str) -> Callable[..., bytes]:
        """What stands in for a generator of random octets."""
        octets = self.octets(name)

        def given(length: int = len(octets)) -> bytes:
            assert length == len(octets)
            return octets

        return given

    async def grant(self) -> Vectors:
        self.patch.setattr(server_module, "secrets", SimpleNamespace(token_bytes=self.random("chain id")))
        self.patch.setattr(server_module, "seal", partial(ticket_module.seal, random=self.random("first salt")))
        self.tokens = [self.octets("request token"), self.octets("reply token")]
        made = establishment(
            self.clocks,
            security=self.security,
            tokens=self.tokens,
            handle=self.octets("first handle"),
            seq_window=self.number("seq_window"),
        )
        octets = (await self.server.tickets.grant(made, self.server.connection)).octets
        asked: list[bytes] = []

        def prf(label: bytes, length: int) -> bytes:
            asked.append(label)
            return self.security.prf(label, length)

        self.session_key = keys.session_key(prf, self.tokens)
        grant = read_grant_untrusted(self.session_key, made.handle, made.seq_window, octets)
        result = rpc_gss_init_res(made.handle, 0, 0, made.seq_window, self.tokens[-1])
        self.ticket = grant.ticket
        state = b"".join(self.state_of(grant.ticket))
        return {
            "H": keys.transcript_hash(self.tokens),
            "PRF input": asked[0],
            "SK": self.session_key,
            "key_index": self.key.index.to_bytes(4),
            "ticket key": keys.ticket_key(self.key.expansion, self.octets("first salt")),
            "associated data": ticket_module._bound(self.key.index, self.text("scope")),
            "state and padding": state,
            "sealed": grant.ticket.sealed,
            "grant key": keys.expand(self.session_key, b"FRA1 grant"),
            "covered by mac": octets_of(made.handle)
            + word(made.seq_window)
            + grant.ticket.to_bytes()
            + word(grant.lifetime),
            "mac": grant.mac,
            "results of the reply": result.to_bytes() + octets,
        }

    def state_of(self, ticket: reauth_ticket) -> tuple[bytes, bytes, bytes]:
        plain, _ = open_untrusted(ticket, self.ring.keys(), self.clocks.wall)
        return plain.head, plain.session_key, plain.tail

    async def reauthenticate(self, *, share: bool, suites: list[int], xid: int) -> tuple[Vectors, Vectors]:
        """Request and reply, and the keys; leaves both ends of the context in `ends`."""
        privates = iter([self.octets("client X25519 private"), self.octets("server X25519 private")])
        generate = lambda: X25519PrivateKey.from_private_bytes(next(privates))  # noqa: E731
        self.patch.setattr(shares, "X25519PrivateKey", SimpleNamespace(generate=generate))
        self.patch.setattr(attempt_module, "secrets", SimpleNamespace(token_bytes=self.random("client_nonce")))
        self.patch.setattr(answer_module, "token_bytes", self.random("server_nonce"))
        self.patch.setattr(answer_module, "seal", partial(ticket_module.seal, random=self.random("second salt")))
        self.server.store.new_handle = self.random("second handle")  # type: ignore[method-assign]
        self.clocks.wall = float(self.number("later"))

        attempt = Attempt(self.ticket, self.session_key, suites=suites, share=share)
        program, version = self.number("program"), self.number("version")
        header = encode_call_header(CallHeader(xid, program, version, 0), opaque_auth(6, CREDENTIAL_BODY))
        body = attempt.argument(header)
        record = header + encode_auth(opaque_auth(0, b"")) + body
        answer = await self.server.answer(record)
        assert answer is not None
        reply = parse_reply_untrusted(answer)
        results = bytes(reply.body)  # type: ignore[union-attr]
        ok = reauth_ok.from_bytes(results)
        renewal = accept(attempt, answer)
        transcript = hashlib.sha256(header + body + ok.accept.to_bytes()).digest()
        shared = bytes.fromhex(SHARED) if share else bytes(32)
        derived = keys.derive(self.session_key, transcript, shared)
        assert derived.session_key == renewal.session_key
        context = self.server.store.find(renewal.handle)
        assert context is not None
        assert isinstance(context.protection, AeadProtection)
        self.ends = renewal.protection, context.protection
        self.handle = renewal.handle
        derive_key = keys.expand(self.session_key, b"FRA1 derive")
        return {
            "authenticator key": keys.expand(self.session_key, b"FRA1 authenticator"),
            "authenticator": reauth_arg.from_bytes(body).authenticator,
            "call": record,
        }, {
            "T": transcript,
            "salt of Extract": derive_key,
            "input of Extract": shared,
            "PRK": keys.extract(derive_key, shared),
            "client to server": derived.client_to_server,
            "server to client": derived.server_to_client,
            "confirm": derived.confirm,
            "next SK": derived.session_key,
            "new ticket": ok.ticket.to_bytes(),
            "verifier body": bytes(reply.verifier.body),  # type: ignore[union-attr]
            "reply": answer,
        }

    def first_call(self) -> Vectors:
        """A call of the new context with privacy, and its reply."""
        client, server = self.ends
        number, arguments, results = 1, b"args", b"outcome."
        credential = encode_credential(Credential(RPCSEC_GSS_DATA, number, GssService.PRIVACY, self.handle))
        program, version = self.number("program"), self.number("version")
        header = encode_call_header(CallHeader(3, program, version, 1), opaque_auth(6, credential))
        mic = client.mic(header)
        body = b"".join(protect(client, GssService.PRIVACY, number, (arguments,)))
        server.verify_mic(header, mic)
        assert unprotect(server, GssService.PRIVACY, number, body) == arguments
        verifier = server.mic(word(number))
        answered = b"".join(protect(server, GssService.PRIVACY, number, (results,)))
        client.verify_mic(word(number), verifier)
        assert unprotect(client, GssService.PRIVACY, number, answered) == results
        return {
            "MIC of the header": mic,
            "call": header + encode_auth(opaque_auth(6, mic)) + body,
            "MIC of seq_num": verifier,
            "reply": encode_success(3, opaque_auth(6, verifier)) + answered,
        }


async def worked_exchange(monkeypatch: pytest.MonkeyPatch) -> dict[str, Vectors]:
    """All blocks of the worked exchange."""
    worked = Worked(vectors("inputs"), monkeypatch)
    made = {"grant": await worked.grant()}
    made["request"], made["reply"] = await worked.reauthenticate(share=True, suites=[1, 2], xid=1)
    made["first call"] = worked.first_call()
    made["request without a share"], made["reply without a share"] = await worked.reauthenticate(
        share=False, suites=[2], xid=2
    )
    return made


def octets_of(octets: bytes) -> bytes:
    """XDR opaque<>."""
    return len(octets).to_bytes(4) + octets + bytes(-len(octets) % 4)


NAMES = ["grant", "request", "reply", "first call", "request without a share", "reply without a share"]


@pytest.mark.parametrize("name", NAMES)
async def test_the_worked_exchange(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await worked_exchange(monkeypatch))[name] == vectors(name)


async def test_no_other_vectors_are_in_the_document() -> None:
    assert [name for name, _ in blocks("vectors")] == ["key schedule", "AEAD", "inputs", *NAMES]


# The short vectors


def test_key_schedule() -> None:
    found = vectors("key schedule")
    sk = bytes(range(32))
    prk = keys.extract(keys.expand(sk, b"FRA1 derive"), keys.NO_SHARED_SECRET)
    derived = keys.derive(sk, hashlib.sha256(b"").digest())
    header = encode_call_header(CallHeader(1, 100003, 4, 0), opaque_auth(6, CREDENTIAL_BODY))
    assert found == {
        "SK": sk,
        'Expand(SK, "FRA1 grant")': keys.expand(sk, b"FRA1 grant"),
        'Expand(SK, "FRA1 authenticator")': keys.expand(sk, b"FRA1 authenticator"),
        'H of "req" and "rep"': keys.transcript_hash([b"req", b"rep"]),
        "PRK": prk,
        "client to server": derived.client_to_server,
        "server to client": derived.server_to_client,
        "confirm": derived.confirm,
        "next SK": derived.session_key,
        "header": header,
    }


def test_aead() -> None:
    made: Vectors = {}
    for suite, name in ((1, "AES-256-GCM"), (2, "ChaCha20-Poly1305")):
        end = AeadProtection(suite, keys.DerivedKeys(bytes(32), bytes(32), b"", b""), Role.INITIATOR)
        made[f"{name}, MIC"], made[f"{name}, wrap"] = end.mic(b"abc"), bytes(end.wrap(b"abc"))
    assert vectors("AEAD") == made


def test_the_vectors_with_nothing_but_hmac() -> None:
    """The key schedule as the document writes it, without the code's own functions."""

    def expand(key: bytes, info: bytes) -> bytes:
        return hmac.digest(key, info + b"\1", "sha256")

    given, grant, request, reply = (vectors(name) for name in ("inputs", "grant", "request", "reply"))
    assert (
        grant["H"]
        == hashlib.sha256(octets_of(octets(given, "request token")) + octets_of(octets(given, "reply token"))).digest()
    )
    assert grant["SK"] == hmac.digest(octets(given, "PRF key"), octets(grant, "PRF input"), "sha256")
    sk, call = octets(grant, "SK"), octets(request, "call")
    header, body = call[:68], call[76:]
    assert call[-32:] == hmac.digest(expand(sk, b"FRA1 authenticator"), header + body[:-32], "sha256")
    answer = octets(reply, "reply")
    results = answer[4 * 6 + 32 :]
    accepted = reauth_ok.from_bytes(results).accept.to_bytes()
    transcript = hashlib.sha256(header + body + accepted).digest()
    assert reply["T"] == transcript
    prk = hmac.digest(expand(sk, b"FRA1 derive"), bytes.fromhex(SHARED), "sha256")
    assert reply["verifier body"] == hmac.digest(expand(prk, b"FRA1 confirm" + transcript), results, "sha256")
    assert reply["next SK"] == expand(prk, b"FRA1 session key" + transcript)


def octets(of: Vectors, name: str) -> bytes:
    value = of[name]
    assert not isinstance(value, int)
    return value.encode() if isinstance(value, str) else value


# XDR, and sizes


def test_the_xdr_is_that_of_the_code() -> None:
    ((_, description),) = blocks("xdr")
    assert _compiled(description) == _compiled((ROOT / "rpcgss/reauth/reauth.x").read_text())


def _compiled(text: str) -> str:
    """What the compiler makes of a description, but for the line numbers in docstrings."""
    return re.sub(r"\(reauth\.x:\d+\)", "", compile_text(text, "reauth.x"))


_C_TYPES = {"u8": ctypes.c_uint8, "u32": ctypes.c_uint32, "u64": ctypes.c_uint64}


def test_the_sizes_in_the_kernel_notes() -> None:
    """Computed by the rules of C for the machine that runs this."""
    ((_, declarations),) = blocks("c")
    found = re.findall(r"^struct (\w+) \{ */\* (\d+) octets.*?\*/\n(.*?)^\};", declarations, re.MULTILINE | re.DOTALL)
    assert len(found) == declarations.count("struct ")
    for name, size, fields in found:
        members = re.findall(r"^ +(u8|u32|u64) +(\w+)(?:\[(\d+)\])?;", fields, re.MULTILINE)
        assert len(members) == fields.count(";"), name
        laid_out = [
            (field, _C_TYPES[kind] * int(length) if length else _C_TYPES[kind]) for kind, field, length in members
        ]
        structure = type(name, (ctypes.Structure,), {"_fields_": laid_out})
        assert ctypes.sizeof(structure) == int(size), name


def test_the_sizes_of_messages_in_the_document() -> None:
    grant, request, reply = (vectors(name) for name in ("grant", "request", "reply"))
    bare = vectors("request without a share"), vectors("reply without a share")
    sealed = len(octets(grant, "sealed"))
    assert f"sealed state of {sealed} octets" in TEXT
    sizes = [len(octets(one, name)) for one, name in ((request, "call"), (reply, "reply"))]
    bare_sizes = [len(octets(one, name)) for one, name in zip(bare, ("call", "reply"), strict=True)]
    assert f"a call of {sizes[0]} octets and a reply of {sizes[1]}" in TEXT
    assert f"{bare_sizes[0]} and {bare_sizes[1]} without a share" in TEXT
    assert f"a grant is {44 + sealed} octets" in TEXT
    assert reauth_state.from_bytes(_unpadded(octets(grant, "state and padding"))).mechanism == KRB5
    assert parse_xid(octets(request, "call")) == 1


def _unpadded(state: bytes) -> bytes:
    """A state without its padding: the application's octets are the last, and their number comes before them."""
    return state.rstrip(b"\0") + bytes(-len(state.rstrip(b"\0")) % 4)


def test_the_limits_in_the_document() -> None:
    """Its table against the code's constants, so that neither changes alone."""
    store = StoreLimits()
    (table,) = re.findall(r"^\| limit \| value \| where \|\n\|[ -|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()]
    assert {name: float(value) for name, value, _ in rows} == {
        "sealed octets": reauth_xdr.REAUTH_MAX_SEALED,
        "handle octets": reauth_xdr.REAUTH_MAX_HANDLE,
        "suites": reauth_xdr.REAUTH_MAX_SUITES,
        "name octets": reauth_xdr.REAUTH_MAX_NAME,
        "mechanism octets": reauth_xdr.REAUTH_MAX_OID,
        "application octets": reauth_xdr.REAUTH_MAX_BLOB,
        "padding": ticket_module.PADDING,
        "data limit": aead.MAX_OCTETS,
        "reserve": aead.MAX_OCTETS // aead._RESERVE,
        "unused contexts": store.unconfirmed,
        "unused contexts of a chain": store.per_chain,
        "life of an unused context": store.unconfirmed_life,
        "remembered digests": server_module.MAX_REMEMBERED,
        "notice of a revocation": server_module.LOOK_INTERVAL,
        "clock difference": keyset.CLOCK_SKEW,
        "keys in a keyring": keyset.MAX_KEYS,
        "scope octets": keyset.MAX_SCOPE,
        "longest life": keyset.DEFAULT_LIFE,
        "silence": target.SILENCE,
        "outstanding requests": target.MAX_OUTSTANDING,
        "first back-off": target.FIRST_BACK_OFF,
        "longest back-off": target.LONGEST_BACK_OFF,
        "broken connections": client.MAX_CUTS,
        "resends of a call": MAX_REFUSALS,
    }
