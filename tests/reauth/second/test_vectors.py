"""The test vectors of docs/fast-reauth.md, section 17, out of the second implementation."""

import hmac
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from . import client, keys, rpc, server, tickets
from .keys import Protection, expand
from .structs import Arguments, Ok, State
from .wire import Reader, opaque, uint

TEXT = (Path(__file__).parents[3] / "docs/fast-reauth.md").read_text()
KRB5 = bytes.fromhex("06092a864886f712010202")


class Block(dict[str, bytes]):
    """One block of vectors. Numbers are their ASCII digits until they are asked for."""

    def number(self, name: str) -> int:
        return int(self[name])


def block(name: str) -> Block:
    found = re.search(rf"^```vectors {name}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found, name
    values = Block()
    for line in re.sub(r"\n +", "", found[1]).splitlines():
        key, value = re.split(r"  +", line, maxsplit=1)
        if value.startswith('"'):
            values[key] = value.strip('"').encode()
        else:
            values[key] = value[2:].encode() if value.startswith("= ") else bytes.fromhex(value)
    return values


def exported(name: bytes) -> bytes:
    return b"\x04\x01" + len(KRB5).to_bytes(2) + KRB5 + len(name).to_bytes(4) + name


def scripted(*octets: bytes) -> Callable[[int], bytes]:
    """Random octets that are known beforehand."""
    left = list(octets)

    def random(size: int) -> bytes:
        taken = left.pop(0)
        assert len(taken) == size
        return taken

    return random


INPUTS = block("inputs")
GRANT = block("grant")
TOKENS = (INPUTS["request token"], INPUTS["reply token"])
FLAGS = INPUTS.number("context flags")


def prf(message: bytes, size: int) -> bytes:
    return hmac.digest(INPUTS["PRF key"], message, "sha256")[:size]


def a_server(when: str, *random: bytes) -> server.Server:
    """The server of the example at that time, with these random octets."""
    ring = tickets.Keyring(
        INPUTS["scope"].decode(), [tickets.Key(INPUTS["keyring key"], 0)], INPUTS.number("longest life")
    )
    now = INPUTS.number(when)
    acceptors = [exported(INPUTS["acceptor"])]
    window = INPUTS.number("seq_window")
    return server.Server(ring, acceptors, lambda: now, lambda: 5.0, seq_window=window, random=scripted(*random))


def established() -> server.Established:
    return server.Established(
        exported(INPUTS["principal"]),
        INPUTS["principal"].decode(),
        "1.2.840.113554.1.2.2",
        exported(INPUTS["acceptor"]),
        FLAGS,
        INPUTS.number("context lifetime"),
        TOKENS,
        prf,
        INPUTS["first handle"],
        INPUTS["application blob"],
    )


def granted() -> client.ClientTicket:
    """The client's ticket from the grant of section 17.4."""
    results = Reader(GRANT["results of the reply"])
    handle, major, minor, seq_window, token = (
        results.opaque(64),
        results.uint(),
        results.uint(),
        results.uint(),
        results.opaque(100),
    )
    assert (handle, major, minor, token) == (INPUTS["first handle"], 0, 0, INPUTS["reply token"])
    now = INPUTS.number("now")
    ticket = client.read_grant(results.rest(), handle, seq_window, FLAGS, prf, TOKENS, now)
    assert ticket
    assert ticket.session_key == GRANT["SK"]
    assert ticket.expiry == now + INPUTS.number("context lifetime")
    return ticket


def test_the_key_schedule() -> None:
    vectors = block("key schedule")
    made = keys.schedule(vectors["SK"], bytes(32), keys.sha256(b""))

    assert expand(vectors["SK"], b"FRA1 grant") == vectors['Expand(SK, "FRA1 grant")']
    assert expand(vectors["SK"], b"FRA1 authenticator") == vectors['Expand(SK, "FRA1 authenticator")']
    assert keys.tokens_hash([b"req", b"rep"]) == vectors['H of "req" and "rep"']
    assert made.prk == vectors["PRK"]
    assert made.client_to_server == vectors["client to server"]
    assert made.server_to_client == vectors["server to client"]
    assert made.confirm == vectors["confirm"]
    assert made.next_session_key == vectors["next SK"]
    assert rpc.header(1, 100003, 4, 0, rpc.REQUEST.octets()) == vectors["header"]


@pytest.mark.parametrize(
    ("name", "suite"), [("AES-256-GCM", keys.AES_256_GCM), ("ChaCha20-Poly1305", keys.CHACHA20_POLY1305)]
)
def test_the_aead(name: str, suite: int) -> None:
    vectors = block("AEAD")
    sender, receiver = (Protection(suite, bytes(32), bytes(32)) for _ in range(2))

    assert sender.mic(b"abc") == vectors[f"{name}, MIC"]
    assert sender.wrap(b"abc") == vectors[f"{name}, wrap"]

    receiver.verify(b"abc", vectors[f"{name}, MIC"])
    assert receiver.unwrap(vectors[f"{name}, wrap"]) == b"abc"
    with pytest.raises(keys.Unprotected):
        receiver.verify(b"abd", vectors[f"{name}, MIC"])


def test_the_grant() -> None:
    end = a_server("now", INPUTS["chain id"], INPUTS["first salt"])
    key = end.keyring.keys[0]

    grant = end.grant(established())

    assert grant
    assert keys.tokens_hash(TOKENS) == GRANT["H"]
    assert keys.prf_input(TOKENS) == GRANT["PRF input"]
    assert uint(key.index) == GRANT["key_index"]
    assert expand(key.octets, tickets.LABEL + INPUTS["first salt"]) == GRANT["ticket key"]
    assert tickets.associated(key, end.keyring.scope) == GRANT["associated data"]
    assert grant.ticket.sealed == GRANT["sealed"]
    assert expand(GRANT["SK"], b"FRA1 grant") == GRANT["grant key"]
    assert grant.covered(INPUTS["first handle"], INPUTS.number("seq_window")) == GRANT["covered by mac"]
    assert grant.mac == GRANT["mac"]
    results = opaque(INPUTS["first handle"]) + uint(0) + uint(0) + uint(512) + opaque(INPUTS["reply token"])
    assert results + grant.octets() == GRANT["results of the reply"]


def test_a_ticket_opens_to_its_state() -> None:
    end = a_server("now")
    key = end.keyring.keys[0]
    state = State.read(Reader(GRANT["state and padding"]))

    assert tickets.padded(state) == GRANT["state and padding"]
    assert tickets.unseal(granted().ticket, key, end.keyring.scope) == state
    assert state.display == ""
    assert server.exported_text(state.principal) == INPUTS["principal"]


@pytest.mark.parametrize(
    ("suffix", "suites"),
    [("", [keys.AES_256_GCM, keys.CHACHA20_POLY1305]), (" without a share", [keys.CHACHA20_POLY1305])],
)
def test_a_request_and_its_reply(suffix: str, suites: list[int]) -> None:
    share = not suffix
    request, reply = make_request(suffix, suites), block(f"reply{suffix}")
    assert request.call == block(f"request{suffix}")["call"]

    end = answering(share)
    assert end.receive(request.call, no_handler) == reply["reply"]

    context, ticket = request.accept(reply["reply"], INPUTS.number("later"))
    assert ticket.ticket.octets() == reply["new ticket"]
    assert ticket.session_key == reply["next SK"]
    assert ticket.expiry == granted().expiry
    assert context.handle == INPUTS["second handle"]


@pytest.mark.parametrize("suffix", ["", " without a share"])
def test_what_lies_between_request_and_reply(suffix: str) -> None:
    request, reply = block(f"request{suffix}"), block(f"reply{suffix}")
    call = rpc.Call.read(request["call"])
    arguments = Arguments.read(call.arguments)
    verifier, results = rpc.read_success(reply["reply"], call.xid)
    ok = Ok.read(results)
    transcript = keys.sha256(call.header + call.arguments + ok.accept.octets())
    made = keys.schedule(GRANT["SK"], reply["input of Extract"], transcript)

    assert expand(GRANT["SK"], b"FRA1 authenticator") == request["authenticator key"]
    assert arguments.authenticator == request["authenticator"]
    assert (arguments.octets(), ok.octets()) == (call.arguments, results)
    assert transcript == reply["T"]
    assert expand(GRANT["SK"], b"FRA1 derive") == reply["salt of Extract"]
    if not suffix:
        private = INPUTS["server X25519 private"]
        assert keys.agree(private, arguments.client_share) == reply["input of Extract"]
    assert made.prk == reply["PRK"]
    assert made.client_to_server == reply["client to server"]
    assert made.server_to_client == reply["server to client"]
    assert made.confirm == reply["confirm"]
    assert made.next_session_key == reply["next SK"]
    assert verifier == keys.mac(made.confirm, results) == reply["verifier body"]


def test_the_first_call() -> None:
    vectors = block("first call")
    request = make_request("", [keys.AES_256_GCM, keys.CHACHA20_POLY1305])
    end = answering(share=True)
    answer = end.receive(request.call, no_handler)
    assert answer
    context, _ = request.accept(answer, INPUTS.number("later"))

    call, results = context.call(3, 100003, 4, 1, b"args", rpc.PRIVACY)
    assert call == vectors["call"]
    assert rpc.Call.read(call).verifier[1] == vectors["MIC of the header"]

    reply = end.receive(
        call, lambda procedure, arguments: b"outcome." if (procedure, arguments) == (1, b"args") else b""
    )
    assert reply == vectors["reply"]
    assert rpc.read_success(reply, 3)[0] == vectors["MIC of seq_num"]
    assert results(reply) == b"outcome."


def make_request(suffix: str, suites: list[int]) -> client.Request:
    random = scripted(INPUTS["client_nonce"], INPUTS["client X25519 private"])
    program, version = INPUTS.number("program"), INPUTS.number("version")
    return client.make_request(granted(), 2 if suffix else 1, program, version, suites, not suffix, random)


def answering(share: bool) -> server.Server:
    private = [INPUTS["server X25519 private"]] if share else []
    return a_server("later", INPUTS["second handle"], INPUTS["server_nonce"], *private, INPUTS["second salt"])


def no_handler(procedure: int, arguments: bytes) -> bytes:
    raise AssertionError("called")
