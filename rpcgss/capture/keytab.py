"""Keytab files (MIT krb5's documentation, "Keytab file format"), versions 1 and 2."""

import sys
from dataclasses import dataclass, field
from typing import Final, Literal

from rpcgss.capture.errors import CaptureError

MAX_ENTRIES: Final = 100_000
_WORD_OF_TIME: Final = 4
_KVNO_OCTETS: Final = 4


@dataclass(frozen=True, slots=True)
class Key:
    """A Kerberos key. `enctype` is its number (RFC 3961, 8)."""

    enctype: int
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeytabEntry:
    """Whose key it is, and which."""

    principal: str
    version: int
    key: Key


def read_keytab(data: bytes) -> list[KeytabEntry]:
    """The keys in a keytab file. Raises `CaptureError`."""
    if len(data) < 2 or data[0] != 5 or data[1] not in (1, 2):
        raise CaptureError("this is no keytab: it does not begin like one")
    native: Literal["little", "big"] = "big" if data[1] == 2 else sys.byteorder  # version 1: as its machine has numbers
    reader = _Reader(data, native, 2)
    entries: list[KeytabEntry] = []
    while reader.position < len(data) and len(entries) < MAX_ENTRIES:
        at, length = reader.position, reader.number(4, signed=True)
        if not length:  # nothing follows the last entry but zeros
            break
        octets = reader.take(abs(length))
        if length > 0:
            try:
                entries.append(_entry(_Reader(octets, native), data[1]))
            except CaptureError as error:
                raise CaptureError(f"the keytab's entry at octet {at} is damaged: {error}") from None
    return entries


class _Reader:
    def __init__(self, data: bytes, order: Literal["little", "big"], position: int = 0) -> None:
        self.data = data
        self.position = position
        self._order: Literal["little", "big"] = order

    def take(self, octets: int) -> bytes:
        if octets > len(self.data) - self.position:
            raise CaptureError(f"the keytab ends too early, at octet {len(self.data)}")
        self.position += octets
        return self.data[self.position - octets : self.position]

    def number(self, octets: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(octets), self._order, signed=signed)

    def counted(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return self.counted().decode("utf-8", "backslashreplace")


def _entry(reader: _Reader, version: int) -> KeytabEntry:
    components = reader.number(2) - (1 if version == 1 else 0)  # version 1 counts the realm
    realm = reader.text()
    name = "/".join(reader.text() for _ in range(components))
    if version == 2:
        reader.take(4)  # the name's type
    reader.take(_WORD_OF_TIME)
    kvno = reader.number(1)
    key = Key(reader.number(2), reader.counted())
    if len(reader.data) - reader.position >= _KVNO_OCTETS:
        kvno = reader.number(_KVNO_OCTETS) or kvno
    return KeytabEntry(f"{name}@{realm}", kvno, key)
