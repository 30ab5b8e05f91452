"""The books of a run: both sides must tell the same story, and only a kill may leave a gap."""

from collections.abc import Sequence

import pytest

from examples.demo.accounting import Books, agreement, keep_books, median_and_worst
from examples.demo.events import Event, Kind

KILLED = 10.0


def told(source: str, at: float, kind: Kind, handle: str = "", number: int = 0, text: str = "") -> Event:
    return Event(source, at, kind, handle, number, text)


COUNTERS = '{"established_by_exchange": 1, "unconfirmed": 1, "established_by_ticket": 1, "dropped": 1, "expired": 0}'


def clean_run() -> list[Event]:
    """One client: an exchange, a loss and its recovery, two calls."""
    return [
        told("server 1", 1.0, Kind.ESTABLISHED, "aa"),
        told("client", 1.1, Kind.EXCHANGED, "aa"),
        told("server 1", 1.2, Kind.EXECUTED, number=1, text="alice"),
        told("server 1", 2.0, Kind.DROPPED, "aa"),
        told("client", 2.1, Kind.REFUSED, "aa"),
        told("client", 2.2, Kind.ASKING),
        told("server 1", 2.3, Kind.UNCONFIRMED, "bb"),
        told("client", 2.4, Kind.RECOVERED, "bb"),
        told("server 1", 2.5, Kind.REAUTHENTICATED, "bb"),
        told("server 1", 2.6, Kind.EXECUTED, number=2, text="alice"),
        told("client", 19.0, Kind.COUNTED, text='{"by_exchange": 1, "by_ticket": 1, "lost": 1, "renewed": 0}'),
        told("client", 20.0, Kind.CALLED, number=2),
        told("client", 20.1, Kind.UNKNOWN, number=0),
        told("server 1", 20.2, Kind.DESTROYED, "bb"),
        told("server 1", 20.3, Kind.COUNTED, text=COUNTERS),
        told("server 1", 21.0, Kind.FINISHED),
    ]


def killed_run() -> list[Event]:
    """As above, and then: dropped, asking, answered by a server that dies before the answer arrives; two calls in
    flight, both executed, of which one has no known outcome."""
    return [
        *(event for event in clean_run() if event.at < 3),
        told("server 1", 9.0, Kind.EXECUTED, number=3, text="alice"),
        told("server 1", 9.1, Kind.EXECUTED, number=4, text="alice"),
        told("server 1", 9.2, Kind.DROPPED, "bb"),
        told("client", 9.3, Kind.REFUSED, "bb"),
        told("client", 9.4, Kind.ASKING),
        told("server 1", 9.5, Kind.UNCONFIRMED, "cc"),
        told("client", 10.5, Kind.CUT),
        told("client", 12.0, Kind.ASKING),
        told("server 2", 12.1, Kind.UNCONFIRMED, "dd"),
        told("client", 12.2, Kind.RECOVERED, "dd"),
        told("server 2", 12.3, Kind.REAUTHENTICATED, "dd"),
        told("server 2", 12.4, Kind.EXECUTED, number=3, text="alice"),
        told("server 2", 12.5, Kind.EXECUTED, number=5, text="alice"),
        told("client", 20.0, Kind.CALLED, number=4),
        told("client", 20.1, Kind.UNKNOWN, number=1),
        told("server 2", 20.2, Kind.DESTROYED, "dd"),
        told("server 2", 21.0, Kind.FINISHED),
    ]


def broken(books: Books) -> list[str]:
    return [check.claim for check in agreement(books) if not check.held]


def without(events: Sequence[Event], kind: Kind, handle: str = "") -> list[Event]:
    return [event for event in events if not (event.kind is kind and event.handle == handle)]


def test_a_clean_run_agrees() -> None:
    books = keep_books(clean_run(), ["client"], None)
    assert not broken(books)
    assert (books.calls, books.executed, books.run_twice, books.in_flight) == (2, 2, 0, 0)
    (recovery,) = books.by_ticket
    assert recovery.seconds == pytest.approx(0.3)
    assert not books.by_exchange
    assert median_and_worst(books.by_ticket) == pytest.approx((0.3, 0.3))
    assert median_and_worst(books.by_exchange) is None


def test_a_killed_run_agrees_and_names_what_died() -> None:
    books = keep_books(killed_run(), ["client"], KILLED)
    assert not broken(books)
    assert books.in_flight == 1
    assert books.server.killed == {"cc"}
    assert books.server.granted - {"bb", "dd"} == {"cc"}
    assert books.run_twice == 1
    assert books.executed == books.calls + 1  # call 4 had run, and nobody knew
    of_kill = [recovery for recovery in books.by_ticket if recovery.of_kill]
    assert [recovery.lost for recovery in of_kill] == [9.3]
    assert median_and_worst(books.by_ticket, of_kill=True) == pytest.approx((2.9, 2.9))


def test_a_client_that_had_a_context_at_the_kill() -> None:
    events = [
        *(event for event in clean_run() if event.at < 3),
        told("client", 11.0, Kind.REFUSED, "bb"),
        told("client", 11.1, Kind.ASKING),
        told("server 2", 11.2, Kind.UNCONFIRMED, "cc"),
        told("client", 11.3, Kind.RECOVERED, "cc"),
        told("server 2", 11.4, Kind.REAUTHENTICATED, "cc"),
        told("client", 20.0, Kind.CALLED, number=2),
        told("server 2", 21.0, Kind.FINISHED),
    ]
    books = keep_books(events, ["client"], KILLED)
    assert not broken(books)
    assert books.in_flight == 0
    assert books.server.killed == {"bb"}
    assert [recovery.seconds for recovery in books.by_ticket if recovery.of_kill] == pytest.approx([1.3])


@pytest.mark.parametrize(
    ("kind", "handle"),
    [
        (Kind.ESTABLISHED, "aa"),
        (Kind.EXCHANGED, "aa"),
        (Kind.DROPPED, "aa"),
        (Kind.REFUSED, "aa"),
        (Kind.UNCONFIRMED, "bb"),
        (Kind.RECOVERED, "bb"),
        (Kind.REAUTHENTICATED, "bb"),
        (Kind.EXECUTED, ""),
        (Kind.CALLED, ""),
    ],
)
def test_whatever_one_side_does_not_know_is_noticed(kind: Kind, handle: str) -> None:
    assert broken(keep_books(without(clean_run(), kind, handle), ["client"], None))


def test_a_call_that_ran_twice_without_a_kill_is_noticed() -> None:
    events = [*clean_run(), told("server 1", 3.0, Kind.EXECUTED, number=2, text="alice")]
    assert broken(keep_books(events, ["client"], None))


def test_a_call_that_ran_twice_on_one_server_is_noticed_in_spite_of_a_kill() -> None:
    events = [*killed_run(), told("server 2", 13.0, Kind.EXECUTED, number=3, text="alice")]
    assert broken(keep_books(events, ["client"], KILLED))


def test_an_answer_cannot_be_lost_by_more_than_were_in_flight() -> None:
    events = [*killed_run(), told("server 1", 9.6, Kind.UNCONFIRMED, "ee")]
    assert broken(keep_books(events, ["client"], KILLED))


def test_evictions_and_expiries_are_no_part_of_the_plan() -> None:
    events = [*clean_run(), told("server 1", 3.0, Kind.EVICTED, "ff")]
    assert broken(keep_books(events, ["client"], None))


@pytest.mark.parametrize("source", ["client", "server 1"])
def test_counters_that_differ_from_the_events_are_noticed(source: str) -> None:
    events = [event for event in clean_run() if event.kind is not Kind.COUNTED]
    text = COUNTERS.replace('"dropped": 1', '"dropped": 2') if source != "client" else '{"by_exchange": 1, "lost": 1}'
    events.append(told(source, 20.5, Kind.COUNTED, text=text))
    assert broken(keep_books(events, ["client"], None))


def test_failures_and_refused_tickets_are_kept() -> None:
    events = [*clean_run(), told("client", 3.0, Kind.ANSWERED_NO), told("client", 4.0, Kind.FAILED, text="out of luck")]
    books = keep_books(events, ["client"], None)
    assert books.failures == ["client: out of luck"]
    assert books.clients[0].noes == 1


def test_events_travel_as_lines() -> None:
    for event in killed_run():
        line = event.to_line()
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert Event.from_line(line) == event


def test_lines_are_short_enough_for_a_pipe() -> None:
    assert len(told("client", 1.0, Kind.FAILED, text="\0" * 100_000).to_line()) < 4096
