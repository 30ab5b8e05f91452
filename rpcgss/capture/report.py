"""What is found, as JSON (docs/capture.md has the fields) and summed up."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from rpcgss.capture.events import CallSeen, Event, Findings, Passage, ReplySeen, State, Trouble
from rpcgss.capture.follow import GssFollower
from rpcgss.capture.messages import Difference
from xdr.plain import Plain

MAX_KINDS: Final = 200
"""Programs, flavors and refusals that are counted one by one."""

Fields = dict[str, Plain]


def to_json(event: Event) -> Fields:
    """One event. Octets are hexadecimal, times seconds."""
    match event:
        case CallSeen():
            return {
                **_start("call", event),
                **_call(event),
                **_contents("arguments", event),
                **_findings(event.findings),
            }
        case ReplySeen():
            return {
                **_start("reply", event),
                **_reply(event),
                **_contents("results", event),
                **_findings(event.findings),
            }
        case Trouble():
            return {**_start("trouble", event), "text": event.text}


def _start(kind: str, event: Event) -> Fields:
    return {"event": kind, "number": event.number, **_passage(event.passage)}


def _passage(passage: Passage) -> Fields:
    return {
        "time": passage.time,
        "transport": "udp" if passage.connection is None else "tcp",
        "connection": passage.connection,
        "source": str(passage.source),
        "destination": str(passage.destination),
    }


def _call(call: CallSeen) -> Fields:
    program, version, procedure = call.procedure
    fields: Fields = {
        "xid": f"{call.xid:08x}",
        "name": call.name,
        "program": program,
        "version": version,
        "procedure": procedure,
        "flavor": call.flavor,
    }
    if call.user:
        fields["user"] = call.user
    if (gss := call.gss) is not None:
        fields["gss"] = {
            "version": gss.version,
            "gss_proc": gss.gss_proc,
            "seq_num": gss.seq_num,
            "service": gss.service,
            "handle": gss.handle.hex(),
            "principal": gss.principal or None,
        }
    if call.repeats is not None:
        fields["repeats"] = call.repeats
    return fields


def _reply(reply: ReplySeen) -> Fields:
    return {
        "xid": f"{reply.xid:08x}",
        "name": reply.name or None,
        "call": reply.call,
        "latency": reply.latency,
        "status": reply.status,
        "refused": reply.refused,
        "repeats": reply.repeats,
    }


def _contents(name: str, event: CallSeen | ReplySeen) -> Fields:
    if event.contents is None:
        return {}
    words: list[Plain] = list(event.contents.words)
    return {name: event.contents.plain, "words": words}


def _findings(findings: Findings) -> Fields:
    fields: Fields = {}
    if findings.checks:
        fields["checks"] = [
            {"what": check.what, "state": check.state.value, **({"why": check.why} if check.why else {})}
            for check in findings.checks
        ]
    if findings.differences:
        fields["differences"] = [_difference(each) for each in findings.differences]
    if findings.faults:
        fields["faults"] = list(findings.faults)
    if findings.notes:
        fields["notes"] = list(findings.notes)
    return fields


def _difference(difference: Difference) -> Fields:
    return {
        "part": difference.part,
        "offset": difference.offset,
        "captured": difference.captured.hex(),
        "encoded": difference.encoded.hex(),
    }


@dataclass(slots=True)
class Summary:
    """Counts of all that `add` was told."""

    calls: Counter[str] = field(default_factory=Counter)
    flavors: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    checks: Counter[State] = field(default_factory=Counter)
    replies: int = 0
    answered: int = 0
    unmatched: int = 0
    repeated: int = 0
    faults: int = 0
    differences: int = 0
    troubles: int = 0
    first: float | None = None
    last: float = 0.0
    slowest: float = 0.0

    def add(self, event: Event) -> None:
        """Count an event."""
        self.first = event.passage.time if self.first is None else min(self.first, event.passage.time)
        self.last = max(self.last, event.passage.time)
        match event:
            case CallSeen():
                _count(self.calls, event.name)
                _count(self.flavors, event.flavor)
                self.repeated += event.repeats is not None
                self._add_findings(event.findings)
            case ReplySeen():
                self.replies += 1
                self._add_reply(event)
                self._add_findings(event.findings)
            case Trouble():
                self.troubles += 1

    def _add_reply(self, reply: ReplySeen) -> None:
        if reply.refused:
            _count(self.refusals, reply.status)
        self.unmatched += reply.call is None
        self.answered += reply.call is not None and not reply.repeats
        self.slowest = max(self.slowest, reply.latency or 0.0)

    def _add_findings(self, findings: Findings) -> None:
        self.checks.update(check.state for check in findings.checks)
        self.faults += len(findings.faults)
        self.differences += len(findings.differences)

    @property
    def unanswered(self) -> int:
        """Calls, all transmissions of one together, that no reply was seen to."""
        return self.calls.total() - self.repeated - self.answered

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong, ill-formed, different or missing."""
        return not (self.checks[State.WRONG] or self.faults or self.differences or self.troubles)

    def to_json(self, frames: int, gss: GssFollower) -> Fields:
        """The summary as the last event."""
        return {
            "event": "summary",
            "frames": frames,
            "seconds": self.last - (self.first or self.last),
            "calls": self.calls.total(),
            "replies": self.replies,
            "unanswered": self.unanswered,
            "replies_without_call": self.unmatched,
            "repeated": self.repeated,
            "slowest": self.slowest,
            "by_procedure": {name: count for name, count in self.calls.most_common()},
            "by_flavor": {name: count for name, count in self.flavors.most_common()},
            "refusals": {name: count for name, count in self.refusals.most_common()},
            "contexts": {"by_exchange": gss.made_by_exchange, "by_ticket": gss.made_by_ticket, "lost": gss.lost},
            "checks": {state.value: self.checks[state] for state in State},
            "differences": self.differences,
            "faults": self.faults,
            "troubles": self.troubles,
        }


def _count(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < MAX_KINDS else "others"] += 1
