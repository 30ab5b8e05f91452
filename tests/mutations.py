"""Checks of RFC 2203, RFC 5403 and RFC 7861 switched off one at a time: for each, the tests that docs/conformance.md
names must fail.

``python -m tests.mutations [NAME...]`` (``make mutations``) says for each whether they do, and ends with 1 if some do
not. A mutation is a change of one module's text, made when a child process imports it; no file is touched.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "conformance.md"
AT_ONCE = 2
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Mutation:
    """In `module`, each old text (which is there once) becomes the new one."""

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]

    @property
    def path(self) -> Path:
        return ROOT.joinpath(*self.module.split(".")).with_suffix(".py")

    def mutated(self) -> str:
        """The module's text. Raises `ValueError` if the text to change is not there once."""
        text = self.path.read_text()
        for old, new in self.changes:
            if text.count(old) != 1:
                raise ValueError(f"mutation {self.name}: {text.count(old)} times in {self.module}: {old!r}")
            text = text.replace(old, new)
        return text


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: `tests` are node ids, `checks` names of mutations; `reason`: why there are none."""

    section: str
    demand: str
    tests: tuple[str, ...]
    checks: tuple[str, ...]
    reason: str


def rows() -> list[Row]:
    """The table of docs/conformance.md."""
    found = []
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("| ") or len(cells) != 5 or cells[0] in ("Section", "---"):
            continue
        section, demand, _, shown, checks = cells
        tests = tuple(f"tests/{test}" for test in re.findall(r"`([^`]+::[^`]+)`", shown))
        names = tuple(re.findall(r"`([^`]+)`", checks))
        found.append(Row(section, demand, tests, names, "" if names else checks))
    return found


def tests_of(mutation: str) -> list[str]:
    """The tests of all rows that name it."""
    return list(dict.fromkeys(test for row in rows() if mutation in row.checks for test in row.tests))


class _Mutant(SourceFileLoader):
    def __init__(self, mutation: Mutation) -> None:
        super().__init__(mutation.module, str(mutation.path))
        self._mutation = mutation

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutation.mutated(), str(self._mutation.path), "exec")


class _Finder:
    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name != self._mutation.module:
            return None
        return spec_from_file_location(name, str(self._mutation.path), loader=_Mutant(self._mutation))


def outcome(status: int) -> str:
    """What a run of tests under a mutation shows; "" if it is what it should be: a test failed."""
    code = os.waitstatus_to_exitcode(status)
    return {1: "", 0: "all tests pass", -14: ""}.get(code, f"the tests could not be run (exit {code})")


def run(mutations: Iterable[Mutation]) -> dict[str, str]:
    """Run the tests of each; what is wrong with some of them, by name."""
    _import_others()
    waiting = list(mutations)
    running: dict[int, tuple[Mutation, IO[str]]] = {}
    complaints: dict[str, str] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            mutation = waiting.pop(0)
            log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the child
            running[_begin(mutation, log.fileno())] = mutation, log
        child, status = os.wait()
        mutation, log = running.pop(child)
        with log:
            complaint = outcome(status)
            if complaint:
                log.seek(0)
                complaints[mutation.name] = (
                    f"{complaint}\n{log.read()[-2000:] if os.waitstatus_to_exitcode(status) else ''}"
                )
        print(f"{mutation.name:40} {complaint or 'noticed'}", flush=True)
    return complaints


def _import_others() -> None:
    """What is the same under every mutation is imported once, and children are forked. Nothing that mutates is."""
    import gssapi.raw  # noqa: F401
    import hypothesis.strategies  # noqa: F401
    import k5test  # noqa: F401
    import pytest  # noqa: F401
    import trio.testing  # noqa: F401

    import transport  # noqa: F401
    import xdr.codecs  # noqa: F401

    assert "rpcgss" not in sys.modules


def _begin(mutation: Mutation, log: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        import signal

        import pytest

        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(ROOT)
        signal.alarm(SECONDS)  # a test that hangs has noticed something
        sys.meta_path.insert(0, _Finder(mutation))
        quiet = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            f"--timeout={SECONDS}",
        ]
        code = int(pytest.main([*quiet, *tests_of(mutation.name)]))
    except BaseException as error:
        print(repr(error), flush=True)
        code = 9
    sys.stdout.flush()
    os._exit(code)


def main(names: Sequence[str]) -> int:
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    complaints = run(chosen)
    for name, complaint in complaints.items():
        print(f"\n{name}: {complaint}")
    print(f"{len(chosen) - len(complaints)} of {len(chosen)} mutations are noticed")
    return 1 if complaints else 0


def _one(name: str, module: str, *changes: tuple[str, str]) -> Mutation:
    return Mutation(name, f"rpcgss.{module}", changes)


MUTATIONS = (
    # Numbers and layout
    _one("another-flavor-number", "gss.context", ("RPCSEC_GSS: Final = 6", "RPCSEC_GSS: Final = 7")),
    _one("another-auth-stat", "rpc.rpc_xdr", ("RPCSEC_GSS_CREDPROBLEM = 13", "RPCSEC_GSS_CREDPROBLEM = 15")),
    _one("another-maxseq", "gss.gss_xdr", ("MAXSEQ: Final[int] = 2147483648", "MAXSEQ: Final[int] = 2147483647")),
    _one("one-xid-for-all", "rpc.pending", ("return self._xid\n", "return 7\n")),
    _one(
        "another-credential-layout",
        "gss.bodies",
        (
            "credential.gss_proc, credential.seq_num, credential.service, len(handle)",
            "credential.gss_proc, credential.service, credential.seq_num, len(handle)",
        ),
        ("gss_proc, seq_num, service, length) + handle", "gss_proc, service, seq_num, length) + handle"),
    ),
    # Version selection
    _one(
        "any-version",
        "gss.bodies",
        ("if version not in versions:\n", "if False:\n"),
        ("if version not in versions:  #", "if False:  #"),
    ),
    _one(
        "one-stat-for-wrong-versions",
        "gss.bodies",
        ("auth_stat.AUTH_REJECTEDCRED if creating else auth_stat.AUTH_BADCRED", "auth_stat.AUTH_BADCRED"),
    ),
    # Context creation
    _one(
        "any-mechanism-will-do",
        "gss.initiation",
        ("if demands.mechanism not in (None,", "if False and ((None,"),
        (" mechanism):\n        raise", " mechanism)):\n        raise"),
    ),
    _one(
        "flags-not-demanded",
        "gss.initiation",
        ("missing = demands.required_flags & ~flags", "missing = flags & ~flags"),
    ),
    _one("weak-services-taken", "gss.server", ("if service not in self._services:", "if False:")),
    _one("requirements-ignored", "gss.policy", ("if Strength.of(identity) < required.strength:", "if False:")),
    _one("mechanism-policy-ignored", "gss.policy", ("identity.mechanism not in required.mechanisms", "False")),
    _one(
        "never-continue-init",
        "gss.initiation",
        ("RPCSEC_GSS_CONTINUE_INIT if self._handle else", "RPCSEC_GSS_INIT if self._handle else"),
    ),
    _one(
        "seq-num-of-init-looked-at",
        "gss.creation",
        ("if credential.handle:\n", "if credential.handle or credential.seq_num > 9:\n"),
    ),
    _one("init-with-a-handle", "gss.creation", ("if credential.handle:\n", "if False:\n")),
    _one(
        "continue-with-any-handle",
        "gss.creation",
        ("self._making.get(credential.handle)", "next(iter(self._making.values()), None)"),
    ),
    _one("handle-may-change", "gss.initiation", ('if self._handle not in (b"", handle):', "if False:")),
    _one(
        "init-with-a-verifier",
        "gss.creation",
        ("if call.verifier.flavor != NULL_AUTH.flavor or call.verifier.body:", "if False:"),
    ),
    _one("init-in-any-procedure", "gss.creation", ("if call.procedure != 0:", "if False:")),
    _one(
        "sequence-flags-asked",
        "gss.provider",
        ("flags = GssFlag.INTEG\n", "flags = GssFlag.INTEG | GssFlag.SEQUENCE | GssFlag.REPLAY\n"),
    ),
    _one(
        "empty-handle-taken",
        "gss.initiation",
        ("if not handle or len(handle) > MAX_HANDLE:", "if len(handle) > MAX_HANDLE:"),
    ),
    _one(
        "handle-in-failure",
        "gss.creation",
        ('rpc_gss_init_res(b"", error.major', "rpc_gss_init_res(making.handle, error.major"),
    ),
    _one("another-major-in-failure", "gss.creation", ("error.major, error.minor, 0", "GSS_S_FAILURE, error.minor, 0")),
    _one(
        "any-major-is-success",
        "gss.initiation",
        ("if result.gss_major not in (GSS_S_COMPLETE, GSS_S_CONTINUE_NEEDED):", "if False:"),
    ),
    _one("reply-token-ignored", "gss.initiation", ("security.step, result.gss_token)", 'security.step, b"")')),
    _one(
        "window-not-signed",
        "gss.creation",
        ("context.protection.mic(word(host.seq_window))", 'context.protection.mic(b"")'),
    ),
    _one(
        "init-verifier-not-checked",
        "gss.initiation",
        ("        protection.verify_mic(word(seq_window), reply.verifier.body)\n", ""),
    ),
    _one("init-verifier-of-any-flavor", "gss.initiation", ("if reply.verifier.flavor != RPCSEC_GSS:", "if False:")),
    _one(
        "verifier-when-more-is-needed",
        "gss.creation",
        (
            "return Answer(NULL_AUTH, result.to_bytes())",
            'return Answer(opaque_auth(RPCSEC_GSS, b"x"), result.to_bytes())',
        ),
    ),
    _one(
        "credproblem-in-creation",
        "gss.creation",
        ('auth_stat.AUTH_REJECTEDCRED, "CONTINUE', 'auth_stat.RPCSEC_GSS_CREDPROBLEM, "CONTINUE'),
    ),
    _one("creation-refusals-ignored", "gss.succession", ("and failure.stat in _ELSEWHERE", "and True")),
    _one("stored-after-the-reply", "gss.creation", ("        host.store.add(context, now)\n", "")),
    _one(
        "recurring-handles",
        "gss.store",
        ("return secrets.token_bytes(HANDLE_OCTETS)", "return len(self._established).to_bytes(16)"),
    ),
    # Calls
    _one(
        "service-of-init",
        "gss.session",
        ("_NONE if in_channel else service", "GssService.PRIVACY"),
    ),
    _one("numbers-not-incremented", "gss.window", ("self._next = seq_num + 1", "self._next = seq_num")),
    _one(
        "numbers-without-end",
        "gss.window",
        ("return self._next > self._last", "return False"),
        ("if seq_num > self._last:", "if False:"),
    ),
    _one(
        "send-window-ignored",
        "gss.window",
        ("return self._next - oldest < self.size", "return True"),
        ("if seq_num - oldest >= self.size:", "if False:"),
    ),
    _one("mic-of-half-the-header", "gss.transmission", ("protection.mic(header)", "protection.mic(header[4:])")),
    _one(
        "header-mic-not-verified",
        "gss.verification",
        ("            self.verify(context, call.header, call.verifier.body)\n", "            pass\n"),
    ),
    _one("call-verifier-of-any-flavor", "gss.verification", ("if call.verifier.flavor != RPCSEC_GSS:", "if False:")),
    _one("another-qop-in-mics", "gss.mechanism", ("if qop:", "if False:")),
    _one("another-qop-in-wraps", "gss.mechanism", ("if result.qop:", "if False:")),
    _one(
        "body-mic-not-verified",
        "gss.bodies",
        ("        protection.verify_mic(numbered, mic)\n", ""),
    ),
    _one("seq-num-inside-not-compared", "gss.bodies", ("if numbered[:4] != _WORD.pack(seq_num):", "if False:")),
    _one(
        "wrapped-in-the-clear",
        "gss.mechanism",
        (
            "_wrap(self.context, bytes(message), True)",
            "_wrap(self.context, bytes(message), False)",
        ),
        ("if not result.encrypted:\n            raise ProtectionUnavailable", "if False:\n            raise BadWrap"),
    ),
    _one(
        "signed-taken-for-encrypted",
        "gss.mechanism",
        ("if not result.encrypted:\n            raise BadWrap", "if False:\n            raise BadWrap"),
    ),
    _one("any-service", "gss.verification", ("if service not in SERVICES and not in_channel:", "if False:")),
    _one(
        "any-gss-proc",
        "gss.server",
        ("if credential.gss_proc != _DATA:", "if 1 <= credential.gss_proc <= 3:"),
    ),
    _one(
        "any-handle",
        "gss.verification",
        ("self._store.find(credential.handle)", "next(iter(self._store.contexts()), None)"),
    ),
    _one("beyond-maxseq", "gss.verification", ("if credential.seq_num > MAXSEQ:", "if False:")),
    _one(
        "window-before-mic",
        "gss.verification",
        ("if not context.window.accept(number):", "if False:"),
        ("if not context.window.fresh(number):", "if not context.window.accept(number):"),
    ),
    _one("window-off-by-one", "gss.window", ("(age < self.size and", "(age <= self.size and")),
    _one("repeats-not-seen", "gss.window", ("and not self.seen >> age & 1)", ")")),
    _one(
        "window-not-looked-at-twice",
        "gss.verification",
        ("if not context.window.accept(number):", "context.window.accept(number)\n        if False:"),
    ),
    _one(
        "repeats-refused-aloud",
        "gss.verification",
        (
            "if not context.window.fresh(number):\n            self._counters.replayed += 1\n            return None",
            'if not context.window.fresh(number):\n            raise AuthRefused(CTXPROBLEM, "again")',
        ),
    ),
    _one(
        "mic-of-repeats",
        "gss.verification",
        (
            "if not context.window.fresh(number):\n            self._counters.replayed += 1\n            return None",
            "pass",
        ),
    ),
    _one("small-window", "gss.server", ("SEQ_WINDOW: Final = 512", "SEQ_WINDOW: Final = 128")),
    _one("no-larger-window-inside", "gss.server", ("receive_window=2 * seq_window", "receive_window=seq_window")),
    _one(
        "late-replies-not-understood",
        "rpc.conversation",
        ("in reversed(self._transmissions):", "in self._transmissions[-1:]:"),
    ),
    # Replies
    _one(
        "another-number-in-the-verifier",
        "gss.session",
        ("(context.version, self._seq_num,", "(context.version, 1 + self._seq_num,"),
    ),
    _one(
        "reply-verifier-not-checked",
        "gss.transmission",
        ("            self._verify(verifier.body, self._header)\n", "            pass\n"),
    ),
    _one("null-verifier-of-a-success", "gss.transmission", ("elif success or verifier", "elif verifier")),
    _one(
        "null-verifier-of-a-refusal",
        "rpc.dispatch",
        ("refusal, await session.verifier(), connection", "refusal, NULL_AUTH, connection"),
    ),
    _one(
        "results-not-protected",
        "gss.session",
        (
            "protect, protection, self._service, self._seq_num, results",
            "protect, protection, GssService.NONE, self._seq_num, results",
        ),
    ),
    _one(
        "results-not-verified",
        "gss.transmission",
        ("unprotect(protection, self._service, self.number", "unprotect(protection, GssService.NONE, self.number"),
    ),
    # Denials
    _one(
        "ctxproblem-for-unknown-handles",
        "gss.verification",
        ('AuthRefused(CREDPROBLEM, "no context', 'AuthRefused(CTXPROBLEM, "no context'),
    ),
    _one(
        "badverf-for-wrong-mics",
        "gss.verification",
        ('AuthRefused(CREDPROBLEM, "the MIC of', 'AuthRefused(auth_stat.AUTH_BADVERF, "the MIC of'),
    ),
    _one(
        "expired-contexts-live-on",
        "gss.verification",
        ("if context.expired(now) or context.protection.exhausted:", "if context.protection.exhausted:"),
    ),
    _one(
        "badcred-for-stale-credentials",
        "gss.verification",
        ("raise AuthRefused(CTXPROBLEM, error.text)", "raise AuthRefused(auth_stat.AUTH_BADCRED, error.text)"),
    ),
    _one("no-refresh", "gss.client", ("if refusal.stat not in REFRESH:", "if True:")),
    _one("refresh-for-everything", "gss.client", ("if refusal.stat not in REFRESH:", "if False:")),
    _one(
        "denials-without-end",
        "rpc.conversation",
        ("if self._refusals > MAX_REFUSALS:", "if self._refusals > 100 * MAX_REFUSALS:"),
    ),
    _one(
        "credentials-with-a-tail",
        "gss.bodies",
        ("if len(body) != end + (-length & 3) or any(body[end:]):", "if len(body) < end:"),
    ),
    _one(
        "garbage-for-no-verifier",
        "gss.session",
        (
            "raise AuthRefused(CTXPROBLEM, str(error)) from error\n        return opaque_auth",
            "raise GarbageArguments(str(error)) from error\n        return opaque_auth",
        ),
    ),
    _one(
        "unprotected-results-sent",
        "rpc.dispatch",
        ('no reply: %s"', 'a reply: %s"'),
        (
            "return None\n\n    async def _authenticate",
            "return [encode_success(message_xid(record) or 0, NULL_AUTH)]\n\n    async def _authenticate",
        ),
    ),
    _one(
        "denied-for-wrong-bodies",
        "gss.session",
        (
            "raise GarbageArguments(str(error)) from error\n\n    async def verifier",
            "raise AuthRefused(CREDPROBLEM, str(error)) from error\n\n    async def verifier",
        ),
    ),
    # Destruction, and the life of a context
    _one(
        "no-destroy",
        "gss.client",
        ("await controls.destroy(context, self.demands.service)", "pass"),
    ),
    _one("destroy-in-any-procedure", "gss.server", ("if call.procedure != 0:", "if False:")),
    _one(
        "destroy-without-proof",
        "gss.server",
        (
            "context = await self._verification.verified(call, credential, connection)\n        if context is None:\n"
            "            return None\n        session",
            "context = self._verification.find(credential, connection, self._clock())\n        session",
        ),
    ),
    _one(
        "destroyed-contexts-live-on",
        "gss.server",
        ("            self.store.destroy(context, self._clock())\n", "            pass\n"),
    ),
    _one(
        "destroyed-contexts-live-on-here",
        "gss.succession",
        ("self.current = None\n        self.carrier = 0\n", "self.carrier = 0\n"),
    ),
    _one("insistent-farewells", "gss.client", ("with trio.move_on_after(FAREWELL):", "with trio.move_on_after(1e9):")),
    _one(
        "contexts-without-end",
        "gss.store",
        ("if len(self._established) >= self.limits.established:", "if False:"),
    ),
    _one("one-principal-takes-all", "gss.store", ("if len(own) >= self.limits.per_principal:", "if False:")),
    _one("oldest-though-used", "gss.store", ("            self._established.move_to_end(context.handle)\n", "")),
    _one("unfinished-contexts-live-on", "gss.creation", ("if making.until <= now]", "if False]")),
    _one(
        "contexts-outlive-tickets",
        "gss.creation",
        ("expiry=None if lifetime is None else now + lifetime", "expiry=None"),
    ),
    _one(
        "no-limit-on-lifetimes",
        "gss.creation",
        ("None if self._max_lifetime is None else int(self._max_lifetime)", "None"),
    ),
    _one(
        "retired-late",
        "gss.establishing",
        (
            "return not context.expired(now) and not context.spent",
            "return not context.spent",
        ),
    ),
    _one(
        "map-ignored",
        "gss.admission",
        ("except PrincipalRefused as refusal:", "except PrincipalRefused as refusal:\n                return\n"),
    ),
    # Version 2 (RFC 5403)
    _one(
        "version-1-in-every-credential",
        "gss.bodies",
        ("_FIXED.pack(credential.version,", "_FIXED.pack(RPCSEC_GSS_VERS_1,"),
        ("_RPCSEC_GSS, size, version,", "_RPCSEC_GSS, size, RPCSEC_GSS_VERS_1,"),
    ),
    _one("bound-to-nothing", "gss.control", ("ours = bindings(tls)\n", 'ours = bindings(tls) or b"nothing"\n')),
    _one("binding-with-any-service", "gss.server", ("if credential.service != GssService.NONE:", "if False:")),
    _one(
        "bindings-again-and-again",
        "gss.server",
        ("if not context.window.fresh(credential.seq_num):", "if False:"),
        (
            "            if not self._verification.take(context, credential.seq_num, now):\n"
            "                return None\n",
            "",
        ),
    ),
    _one(
        "binding-mic-not-verified",
        "gss.server",
        (
            "self._verification.verify(context, signed, binding.mic)",
            "pass",
        ),
    ),
    _one(
        "header-not-in-the-binding",
        "gss.channel",
        ('return b"".join((header, rgss2', 'return b"".join((b"", rgss2'),
    ),
    _one("bindings-without-prefix", "gss.channel", ('return PREFIX + b":" + tls', "return tls")),
    _one(
        "unverified-bindings-move-the-window",
        "gss.server",
        (
            "        if binding.supported:\n",
            "        self._verification.take(context, credential.seq_num, now)\n        if binding.supported:\n",
        ),
    ),
    _one("numbers-signed-for-strangers", "gss.window", (" and seq_num not in self._given_away", "")),
    _one("strangers-take-all-numbers", "gss.window", ("len(self._given_away) >= MAX_GIVEN_AWAY or ", "")),
    _one("the-windows-number-signed", "gss.server", ("credential.seq_num == self._seq_window or ", "")),
    _one(
        "bound-reply-not-verified",
        "gss.children",
        (
            "            await self._run(context, len(signed), context.protection.verify_mic, signed, answer.rbcvr_mic)"
            "\n",
            "",
        ),
    ),
    _one(
        "channel-not-required",
        "gss.verification",
        ("if in_channel and (connection.tls is None or", "if False and (connection.tls is None or"),
    ),
    _one(
        "any-connection-is-bound", "gss.context", ("return connection in self._channels", "return bool(self._channels)")
    ),
    _one("any-verifier-in-the-channel", "gss.verification", ("if call.verifier != NULL_AUTH:", "if False:")),
    _one("any-reply-verifier-in-the-channel", "gss.transmission", ("if verifier != NULL_AUTH:", "if False:")),
    _one("silent-downgrade", "gss.establishing", ("(least if negotiate_down else version)", "least")),
    _one(
        "downgrade-below-demands",
        "gss.establishing",
        ("(least if negotiate_down else version)", "(1 if negotiate_down else version)"),
    ),
    _one("contexts-of-any-version", "gss.verification", ("if credential.version != context.version:", "if False:")),
    _one("creations-of-any-version", "gss.creation", (" or making.version != credential.version", "")),
    _one(
        "channel-counts-as-nothing",
        "gss.session",
        ("| {CHANNEL_PROT: GssService.PRIVACY}", "| {CHANNEL_PROT: GssService.NONE}"),
    ),
    _one(
        "tickets-of-any-version",
        "gss.creation",
        (" if making.version == RPCSEC_GSS_VERS_1 else Grant()", ""),
    ),
    # Version 3 (RFC 7861)
    _one("old-reply-verifier", "gss.bodies", ("if version < RPCSEC_GSS_VERS_3:", "if True:")),
    _one("call-in-the-reply-verifier", "gss.bodies", ("_WORD.pack(msg_type.REPLY)", "_WORD.pack(msg_type.CALL)")),
    _one("generations-without-end", "gss.control", ("if _generation(parent) >= MAX_GENERATIONS:", "if False:")),
    _one("children-share-numbers", "gss.children", ("parent.births += 1", "parent.births += 0")),
    _one(
        "bind-channel-in-version-3",
        "gss.server",
        (
            "RPCSEC_GSS_BIND_CHANNEL if credential.version == RPCSEC_GSS_VERS_2:",
            "RPCSEC_GSS_BIND_CHANNEL if credential.version > 1:",
        ),
    ),
    _one(
        "another-new-auth-stat",
        "rpc.rpc_xdr",
        ("RPCSEC_GSS_LABEL_PROBLEM = 16", "RPCSEC_GSS_LABEL_PROBLEM = 20"),
    ),
    _one(
        "unprotected-control",
        "gss.server",
        ("if service is GssService.NONE:\n            raise", "if False:\n            raise"),
    ),
    _one("less-will-do", "gss.children", ("if created.rcr_assertions != [", "if False and [")),
    _one(
        "orphans-live-on",
        "gss.store",
        ("for child in list(context.children.values()):", "for child in ():"),
    ),
    _one(
        "inner-mic-not-verified",
        "gss.control",
        (
            "            await inner.guard.run(self._host.worker, len(call.header), verify, call.header,"
            " proof.rgmp_rpcheader_mic)\n",
            "",
        ),
    ),
    _one("children-as-inner-contexts", "gss.control", (" or inner.elders:", ":")),
    _one(
        "anybody-vouches",
        "gss.control",
        ("            await self._policy.vouch(parent.identity(service), inner.identity(service))\n", ""),
    ),
    _one("public-compounds", "gss.control", ("if service is not GssService.PRIVACY:", "if False:")),
    _one(
        "inner-proof-not-verified",
        "gss.children",
        (
            "await self._run(user, len(signed), user.protection.verify_mic, signed, proof.rgmp_rpcheader_mic)",
            "pass",
        ),
    ),
    _one("the-host-calls", "gss.control", ("speaker = inner or parent", "speaker = parent")),
    _one(
        "child-binding-not-verified",
        "gss.control",
        (
            "await parent.guard.run(self._host.worker, len(ours), parent.protection.verify_mic, ours, mic)",
            "pass",
        ),
    ),
    _one(
        "child-without-binding-will-do",
        "gss.children",
        (
            "            mic = created.rcr_chan_bind_mic\n            if mic is None:",
            "            mic = created.rcr_chan_bind_mic\n            if mic is None:\n                return\n"
            "            if False:",
        ),
    ),
    _one(
        "any-label",
        "gss.control",
        ("case Label() if (assertion.lfs_id, assertion.policy_id) not in formats:", "case Label() if False:"),
        ("await _ask(auth_stat.RPCSEC_GSS_LABEL_PROBLEM, self._policy.label, identity, assertion)", "pass"),
    ),
    _one(
        "any-privilege",
        "gss.control",
        ("case Privilege() if assertion.name not in names:", "case Privilege() if False:"),
    ),
    _one(
        "list-of-everything", "gss.control", ("for kind in dict.fromkeys(asked) if kind in known", "for kind in known")
    ),
    _one("children-without-end", "gss.store", ("if len(parent.children) >= self.limits.per_parent:", "if False:")),
    _one(
        "assertions-without-end",
        "gss.control",
        ("if len(arguments) > MAX_ARGUMENTS or len(asked.rca_assertions) > MAX_ASSERTIONS:", "if False:"),
    ),
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
