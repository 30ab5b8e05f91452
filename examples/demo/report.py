"""What the demo says at its end: the table, the checks, and whether all held."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from examples.demo.accounting import Books, Check, Recovery, agreement, median_and_worst
from examples.demo.acts import Act, Settings

NONE: Final = "-"


def checks_with_tickets(act: Act, settings: Settings) -> list[Check]:
    """What the act with tickets must show."""
    books = act.books
    exchanges = [len(client.exchanged) for client in books.clients]
    noes = sum(client.noes for client in books.clients)
    return [
        Check("no call failed", not books.failures, "; ".join(books.failures) or f"0 of {books.calls}"),
        Check(
            "every file is equal on both sides (SHA-256)",
            not act.unequal,
            ", ".join(act.unequal[:5]) or f"{act.files} files, three copies of each",
        ),
        Check(
            "exactly one full exchange per client and target",
            all(count == 1 for count in exchanges),
            ", ".join(map(str, exchanges)),
        ),
        Check(
            "every other context came by ticket, and no ticket was refused",
            not books.by_exchange and not noes,
            f"{len(books.by_ticket)} by ticket, {noes} refused",
        ),
        Check(
            f"at least {settings.losses} contexts were lost in mid-call",
            len(books.server.dropped) >= settings.losses,
            str(len(books.server.dropped)),
        ),
        Check(
            "a re-authentication was in flight when the server was killed",
            books.in_flight >= 1,
            f"{books.in_flight} sent and not answered",
        ),
        Check(
            "copying went on after the KDC was stopped, the credentials destroyed and the server killed",
            _went_on(act, books),
            _how_it_went_on(act, books),
        ),
        *agreement(books),
    ]


def _went_on(act: Act, books: Books) -> bool:
    if act.kdc_stopped is None or act.killed is None:
        return False
    after = {recovery.client for recovery in books.by_ticket if recovery.at > act.killed}
    return act.kdc_stopped < act.killed and len(after) == len(act.clients)


def _how_it_went_on(act: Act, books: Books) -> str:
    if act.kdc_stopped is None:
        return "the KDC was not stopped"
    count = sum(recovery.at > act.kdc_stopped for recovery in books.by_ticket)
    return f"{count} recoveries since, {act.ended - act.kdc_stopped:.0f} s"


def checks_without(act: Act) -> list[Check]:
    """What the act without tickets must show."""
    books = act.books
    clear = [text for text in books.failures if "AuthenticationFailed" in text]
    return [
        Check(
            "without tickets every loss cost a full exchange",
            bool(books.by_exchange) and not books.by_ticket,
            f"{len(books.by_exchange)} exchanges more",
        ),
        Check(
            "without tickets the calls fail once the KDC is gone, with a clear error",
            len(clear) == len(act.clients),
            f"{len(clear)} of {len(act.clients)} clients",
        ),
    ]


def table(act: Act, plain: Act | None) -> Table:
    """The figures of both acts side by side; of the first, as the server counts and as the clients do."""
    result = Table(title="What happened", title_justify="left")
    result.add_column("", no_wrap=True)
    result.add_column("server's count", justify="right")
    result.add_column("clients' count", justify="right")
    if plain is not None:
        result.add_column("without tickets", justify="right", style="dim")
    rows = _rows(act)
    others = _rows(plain) if plain is not None else rows
    for (label, server, clients), (_, _, other) in zip(rows, others, strict=True):
        result.add_row(label, server, clients, *([other] if plain is not None else []))
    return result


def _rows(act: Act) -> list[tuple[str, str, str]]:
    books = act.books
    server = books.server
    refused = sum(len(client.refused) for client in books.clients)
    tickets = sum(len(client.recovered) for client in books.clients)
    return [
        ("files, each in and out", "", str(act.files)),
        ("octets copied", "", f"{sum(_moved(act).values()):,}"),
        ("seconds", "", f"{act.ended - act.began:.1f}"),
        ("calls", f"{books.executed:,}", f"{books.calls:,}"),
        ("  whose reply died with the server", f"{books.run_twice} ran again", f"{books.unknown} outcomes unknown"),
        ("contexts lost", str(len(server.dropped) + len(server.killed)), str(refused)),
        ("  dropped in mid-call", str(len(server.dropped)), ""),
        ("  died with the server", str(len(server.killed)), ""),
        ("contexts by full exchange", str(len(server.established)), str(sum(len(c.exchanged) for c in books.clients))),
        ("contexts by ticket", str(len(server.granted)), str(tickets)),
        (
            "  answers that died with the server",
            str(len(server.granted) - tickets),
            str(books.in_flight) + " in flight",
        ),
        ("recoveries by ticket", str(len(server.granted)), str(len(books.by_ticket))),
        ("  median, worst", "", _times(books.by_ticket)),
        ("  after the kill, restart included", "", _times(books.by_ticket, of_kill=True)),
        ("recoveries by full exchange", _more(server.established, act), str(len(books.by_exchange))),
        ("  median, worst", "", _times(books.by_exchange)),
        ("failed calls", "", str(len(books.failures))),
    ]


def _more(established: set[str], act: Act) -> str:
    return str(len(established) - len(act.clients))


def _moved(act: Act) -> dict[str, int]:
    return {event.source: event.number for event in act.events if event.kind == "moved"}


def _times(recoveries: Sequence[Recovery], *, of_kill: bool = False) -> str:
    times = median_and_worst(recoveries, of_kill=of_kill)
    return NONE if times is None else f"{times[0] * 1000:.1f} ms, {times[1] * 1000:.1f} ms"


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    for check in checks:
        mark = "[green]held  [/]" if check.held else "[red bold]BROKEN[/]"
        console.print(f"  {mark} {check.claim}: [dim]{escape(check.found)}[/]", highlight=False, soft_wrap=True)


def print_failures(console: Console, act: Act) -> None:
    """What an application sees without tickets."""
    for failure in act.books.failures:
        console.print(f"  {failure}", markup=False, highlight=False, soft_wrap=True, style="dim")
