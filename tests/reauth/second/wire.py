"""XDR, as much as the protocol needs (RFC 4506; sections 1.2 and 3 of the document)."""

import struct

FRA1 = 0x46524131
SIZE = 32  # of hashes, nonces, shares and keys


class Malformed(ValueError):
    """Octets that are not the XDR that was expected."""


def uint(value: int) -> bytes:
    return struct.pack(">I", value)


def hyper(value: int) -> bytes:
    return struct.pack(">Q", value)


def opaque(value: bytes) -> bytes:
    return uint(len(value)) + value + bytes(-len(value) % 4)


class Reader:
    """Takes one value after the other from the front of octets."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def uint(self) -> int:
        return int.from_bytes(self.fixed(4))

    def hyper(self) -> int:
        return int.from_bytes(self.fixed(8))

    def fixed(self, size: int) -> bytes:
        """`size` octets and their padding."""
        taken = self._take(size)
        if any(self._take(-size % 4)):
            raise Malformed("padding is not zero")
        return taken

    def opaque(self, limit: int) -> bytes:
        size = self.uint()
        if size > limit:
            raise Malformed(f"{size} octets, at most {limit} are allowed")
        return self.fixed(size)

    def rest(self) -> bytes:
        return self._take(len(self._data) - self.position)

    def end(self) -> None:
        if self.position != len(self._data):
            raise Malformed("octets are left over")

    def _take(self, size: int) -> bytes:
        begin, self.position = self.position, self.position + size
        if self.position > len(self._data):
            raise Malformed("too short")
        return self._data[begin : self.position]
