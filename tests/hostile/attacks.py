"""Messages and what a hostile peer makes of them: each field wrong, each truncation, flipped bits, tails.

A message is taken apart by a layout, which names each field in order: a word ("xid"), an opaque with its length
("handle*", "token*"), or an opaque whose content has fields of its own ("(credential", …, ")").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rpcgss.gss.provider import GssService

CALL = ("xid", "type", "rpcvers", "program", "version", "procedure", "credential flavor")
CREDENTIAL = ("(credential", "gss version", "gss_proc", "seq_num", "service", "handle*", ")")
VERIFIER = ("verifier flavor", "verifier*")
HEADER = (*CALL, *CREDENTIAL, *VERIFIER)
ACCEPTED = ("xid", "type", "reply_stat", *VERIFIER, "accept_stat")
CREATION_RESULT = ("handle*", "gss_major", "gss_minor", "seq_window", "token*")
INTEGRITY_BODY = ("(databody", "seq_num inside", "content length", "content", ")", "checksum*")
PRIVACY_BODY = ("databody*",)
BODIES = {
    GssService.NONE: ("content length", "content"),
    GssService.INTEGRITY: INTEGRITY_BODY,
    GssService.PRIVACY: PRIVACY_BODY,
}
EMPTY_BODIES = {
    GssService.NONE: (),
    GssService.INTEGRITY: ("(databody", "seq_num inside", ")", "checksum*"),
    GssService.PRIVACY: PRIVACY_BODY,
}

WORDS = (0, 1, 2, 3, 4, 5, 6, 7, 9, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Field:
    """The octets from `start` to `end`; `is_word`: they are a number."""

    name: str
    start: int
    end: int
    is_word: bool


@dataclass(frozen=True, slots=True)
class Attack:
    """`bend` makes it of any message of the same layout; octets before `at` stay as they are."""

    name: str
    at: int
    bend: Callable[[bytes], bytes]


def fields(message: bytes, layout: Sequence[str]) -> list[Field]:
    """The message taken apart, to its last octet."""
    found, position = [], 0

    def word(name: str) -> int:
        nonlocal position
        found.append(Field(name, position, position + 4, True))
        position += 4
        return int.from_bytes(message[position - 4 : position], "big")

    for name in layout:
        if name == ")":
            continue
        if name.startswith("("):
            word(f"length of {name[1:]}")
        elif name.endswith("*"):
            length = word(f"length of {name[:-1]}")
            if length:
                found.append(Field(name[:-1], position, position + length, False))
            position += length + -length % 4
        else:
            word(name)
    assert position == len(message), f"the layout ends at {position} of {len(message)} octets"
    return found


def attacks(message: bytes, layout: Sequence[str], *, bits: int = 1) -> Iterator[Attack]:
    """All of them, for messages laid out as this one; so many `bits` of each octet are flipped, one at a time."""
    for field in fields(message, layout):
        yield from _word(field) if field.is_word else _opaque(field)
    for length in range(len(message)):
        yield Attack(f"cut to {length} octets", length, lambda whole, length=length: whole[:length])  # type: ignore[misc]
    for at in range(len(message)):
        for bit in range(bits):
            mask = 1 << (3 * at + bit) % 8
            yield _splice(f"octet {at} xor {mask:#x}", at, 1, lambda octet, mask=mask: bytes([octet[0] ^ mask]))  # type: ignore[misc]
    for tail in (b"\0", bytes(4), b"tail", message):
        yield Attack(f"{len(tail)} more octets", len(message), lambda whole, tail=tail: whole + tail)  # type: ignore[misc]


def _word(field: Field) -> Iterator[Attack]:
    for value in WORDS:
        yield _splice(f"{field.name} {value:#x}", field.start, 4, lambda _, value=value: value.to_bytes(4, "big"))  # type: ignore[misc]
    for change in (1, -1, 4, -4, 0x01000000):
        yield _splice(f"{field.name} {change:+#x}", field.start, 4, lambda octets, change=change: _sum(octets, change))  # type: ignore[misc]


def _opaque(field: Field) -> Iterator[Attack]:
    length = field.end - field.start
    yield _splice(f"{field.name} of zeros", field.start, length, lambda octets: bytes(len(octets)))
    yield _splice(f"{field.name} of ones", field.start, length, lambda octets: b"\xff" * len(octets))
    yield _splice(f"{field.name} turned round", field.start, length, lambda octets: octets[::-1])


def _splice(name: str, at: int, length: int, change: Callable[[bytes], bytes]) -> Attack:
    return Attack(name, at, lambda whole: whole[:at] + change(whole[at : at + length]) + whole[at + length :])


def _sum(octets: bytes, change: int) -> bytes:
    return (int.from_bytes(octets, "big") + change & 0xFFFFFFFF).to_bytes(4, "big")
