"""``rpcgss capture``: what is in a capture of RPC traffic."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import click
from rich.console import Console
from rich.text import Text

from rpcgss.capture.container import read_frames
from rpcgss.capture.errors import CaptureError
from rpcgss.capture.events import CallSeen, Event, Findings, GssHeader, Passage, ReplySeen, State, Trouble
from rpcgss.capture.keytab import read_keytab
from rpcgss.capture.programs import Programs
from rpcgss.capture.report import Summary, to_json
from rpcgss.capture.timeline import Timeline
from rpcgss.capture.transmission import short

UNREADABLE: Final = 2
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("-k", "--keytab", type=_FILE, help="The service's keys: verify MICs and open what is encrypted.")
@click.option("--xdr", multiple=True, type=_FILE, help="Show arguments and results of the programs in this .x file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object to a line (docs/capture.md).")
@click.option("--summary", "only_summary", is_flag=True, help="Only the summary.")
@click.option("--problems", is_flag=True, help="Only messages of which something is wrong, and the summary.")
def command(
    file: BinaryIO, keytab: Path | None, xdr: tuple[Path, ...], as_json: bool, only_summary: bool, problems: bool
) -> None:
    """Look at the RPC calls and replies in FILE, a pcap or pcapng (also compressed by gzip).

    Every message is taken apart, encoded again and compared; with the service's keytab, everything that Kerberos signed
    or encrypted is checked. Ends with status 1 if anything is wrong in the traffic, 2 if FILE cannot be read (further).

    \b
    Examples:
      rpcgss capture nfs.pcapng --keytab /etc/krb5.keytab --xdr nfs3.x --xdr mount3.x
      rpcgss capture nfs.pcapng --problems
      rpcgss capture nfs.pcapng --json | jq -c 'select(.refused) | [.name, .status]'
      tcpdump -U -w - port 2049 | rpcgss capture -
    """
    teller: Teller = Lines() if as_json else Timetable()
    try:
        keys = read_keytab(keytab.read_bytes()) if keytab else ()
    except CaptureError as error:
        raise click.UsageError(f"{keytab}: {error}") from error
    except OSError as error:
        raise click.UsageError(f"{keytab}: {error.strerror}") from error
    try:
        timeline = Timeline(keys, Programs.load(xdr))
    except CaptureError as error:
        raise click.UsageError(str(error)) from error
    summary, failure = Summary(), None
    try:
        for event in _events(file, timeline):
            summary.add(event)
            if not only_summary and (not problems or _is_problem(event)):
                teller.tell(event)
    except CaptureError as error:
        failure = error
    teller.sum_up(summary, timeline)
    if failure is not None:
        click.echo(f"Error: {file.name}: {failure}", err=True)
        sys.exit(UNREADABLE)
    sys.exit(0 if summary.is_clean else 1)


def _events(file: BinaryIO, timeline: Timeline) -> Iterator[Event]:
    """All events; where the file is damaged, all before that, and then `CaptureError`."""
    failure = None
    try:
        for frame in read_frames(file):
            yield from timeline.receive(frame)
    except CaptureError as error:
        failure = error
    yield from timeline.finish()
    if failure is not None:
        raise failure


def _is_problem(event: Event) -> bool:
    if isinstance(event, Trouble):
        return True
    refused = isinstance(event, ReplySeen) and event.refused
    findings = event.findings
    wrong = any(check.state is State.WRONG for check in findings.checks)
    return refused or wrong or bool(findings.faults or findings.differences)


class Teller(Protocol):
    """How events reach the user."""

    def tell(self, event: Event) -> None:
        """One event."""

    def sum_up(self, summary: Summary, timeline: Timeline) -> None:
        """The end."""


class Lines(Teller):
    """JSON, one object to a line."""

    def tell(self, event: Event) -> None:
        click.echo(json.dumps(to_json(event)))

    def sum_up(self, summary: Summary, timeline: Timeline) -> None:
        click.echo(json.dumps(summary.to_json(timeline.frames, timeline.gss)))


class Timetable(Teller):
    """Lines for people: an arrow to the right is from whoever spoke first on the connection."""

    def __init__(self) -> None:
        self._console: Final = Console(highlight=False, soft_wrap=True)
        self._start: float | None = None
        self._shown: tuple[Passage, int | None] | None = None

    def tell(self, event: Event) -> None:
        passage = event.passage
        self._start = passage.time if self._start is None else self._start
        line = Text()
        line.append(f"{event.number:6} {passage.time - self._start:10.6f} ", "dim")
        line.append(f"{_transport(passage)} {passage.source} → {passage.destination} ", "dim")
        match event:
            case CallSeen():
                _call(line, event)
            case ReplySeen():
                _reply(line, event)
            case Trouble(text=text):
                line.append(_shown(text), "red")
        self._console.print(line)
        if not isinstance(event, Trouble):
            for text, style in _remarks(event.findings):
                self._console.print(Text(f"{'':18}{_shown(text)}", style))

    def sum_up(self, summary: Summary, timeline: Timeline) -> None:
        for text in _sums(summary, timeline):
            self._console.print(Text(_shown(text), "bold"))
        if timeline.strange_links:
            links = ", ".join(map(str, sorted(timeline.strange_links)[:10]))
            self._console.print(Text(f"Link types that are not known here: {links}", "red"))


def _transport(passage: Passage) -> str:
    return "udp" if passage.connection is None else f"tcp {passage.connection}"


def _call(line: Text, call: CallSeen) -> None:
    line.append(f"{call.name} ", "bold")
    line.append(f"xid {call.xid:08x} {call.flavor} ")
    line.append(_shown(call.user or _gss(call.gss)), "cyan")
    line.append(_words(call))
    if call.repeats is not None:
        line.append(f" repeats {call.repeats}", "yellow")
    line.append(*_verdict(call.findings))


def _gss(header: GssHeader | None) -> str:
    if header is None:
        return ""
    principal = f" {header.principal}" if header.principal else ""
    of = f" context {short(header.handle)}" if header.handle else ""
    return f"{header.gss_proc} {header.service} seq {header.seq_num}{of}{principal}"


def _reply(line: Text, reply: ReplySeen) -> None:
    line.append(f"{reply.name or 'reply'} ", "bold")
    line.append(f"xid {reply.xid:08x} ")
    line.append(reply.status, "red" if reply.refused else "green")
    if reply.call is None or reply.latency is None:
        line.append(" to a call that was not captured", "yellow")
    else:
        line.append(f" to {reply.call} after {reply.latency * 1000:.3f} ms")
    if reply.repeats:
        line.append(" again", "yellow")
    line.append(_words(reply))
    line.append(*_verdict(reply.findings))


def _words(event: CallSeen | ReplySeen) -> str:
    return "" if event.contents is None else _shown("".join(f" {word}" for word in event.contents.words))


def _verdict(findings: Findings) -> tuple[str, str]:
    """Ticks for what was verified; what is wrong has a line of its own."""
    right = sum(check.state is State.RIGHT for check in findings.checks)
    return (" " + "✓" * right if right else "", "green")


def _remarks(findings: Findings) -> Iterator[tuple[str, str]]:
    for note in findings.notes:
        yield note, "blue"
    for check in findings.checks:
        if check.state is not State.RIGHT:
            yield f"{check.what} {check.state}: {check.why}", "red" if check.state is State.WRONG else "yellow"
    for fault in findings.faults:
        yield f"ill-formed {fault}", "red"
    for each in findings.differences:
        captured, encoded = each.captured.hex() or "nothing", each.encoded.hex() or "nothing"
        yield f"{each.part} differs at octet {each.offset}: captured {captured}, encoded {encoded}", "red"


def _sums(summary: Summary, timeline: Timeline) -> Iterator[str]:
    gss, checks = timeline.gss, summary.checks
    yield (
        f"{summary.calls.total()} calls, {summary.replies} replies, {summary.unanswered} unanswered, "
        f"{summary.repeated} repeated, slowest {summary.slowest * 1000:.3f} ms"
    )
    for name, counter in (("Flavors", summary.flavors), ("Calls", summary.calls), ("Refusals", summary.refusals)):
        if counter:
            yield f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in counter.most_common())
    if gss.made_by_exchange or gss.made_by_ticket or gss.lost:
        made = f"{gss.made_by_exchange} by exchange, {gss.made_by_ticket} by ticket"
        yield f"Contexts: {made}, {gss.lost} refusals of lost ones"
    if checks:
        yield "Verified: " + ", ".join(f"{checks[state]} {state}" for state in State)
    yield f"{summary.differences} differences, {summary.faults} ill-formed parts, {summary.troubles} troubles"


def _shown(text: str) -> str:
    """Text of strangers, without what would command a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
