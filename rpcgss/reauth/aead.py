"""Message protection of re-authenticated contexts: AEAD with one key per direction.

Both suites have 32-octet keys, 12-octet nonces and 16-octet tags. The nonce is the kind of message (4 octets: 0 MIC,
1 wrap) and a counter (8 octets); a MIC is counter || tag over the message as associated data, a wrap token is
counter || ciphertext || tag. The kind in the nonce is what keeps a MIC from passing for a wrap token.

AEAD breaks when a nonce is used twice under a key. So counters come from an iterator that gives none of them to two
threads; an object can be neither copied nor pickled; a forked child, which has a copy all the same, refuses to use it.
The receiver does not order counters: RPCSEC_GSS has sequence numbers of its own (RFC 2203, 5.3.3.1).

Octets are counted without a lock. Where the interpreter has none either, threads may make each other lose some of the
2**40.
"""

import contextlib
import itertools
import mmap
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import ClassVar, Final, NoReturn, Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from rpcgss.gss.errors import BadMic, BadWrap, ProtectionUnavailable
from rpcgss.gss.protection import Buffer, MessageProtection
from rpcgss.reauth.keys import DerivedKeys
from rpcgss.reauth.reauth_xdr import AES_256_GCM, CHACHA20_POLY1305

MAX_OCTETS: Final = 1 << 40
"""After so many octets in one direction a context is used up."""

_RESERVE: Final = 64
"""One part in so many of them is kept for what is under way when `exhausted` becomes true: a call that has run must
not be refused for want of a reply."""

_NEARLY_ALL: Final = MAX_OCTETS - MAX_OCTETS // _RESERVE

_JOINED_UP_TO: Final = 4096
"""Octets up to which it is cheaper to copy a message behind its counter than to have it encrypted there."""

CIPHERS_KEPT: Final = 1024
"""Contexts of a process that have ciphers at once. The library's objects take 5 KiB for a context, its keys some
hundred octets; they are made in 2 µs, so that a context which was not used of late can do without."""

MIC_LENGTH: Final = 24

_COUNTER_LENGTH: Final = 8
_BLOCK: Final = 16
_LEAST_TOKEN: Final = _COUNTER_LENGTH + _BLOCK
_LARGEST_TOKEN: Final = _LEAST_TOKEN + (1 << 31) - 1
"""The library seals no more, and where it is to open more it panics, which is no `Exception`."""
_SEND, _RECEIVE = 0, 1
_NONCE_LENGTH: Final = 12
_MIC_KIND: Final = bytes(4)
_WRAP_KIND: Final = bytes((0, 0, 0, 1))
_WRAP_COUNTERS: Final = 1 << 64
"""What a counter is added to, to be a nonce of `_WRAP_KIND`."""


class Role(IntEnum):
    """Which end of the context this is: directions are the initiator's and the acceptor's, not call and reply."""

    INITIATOR = 0
    ACCEPTOR = 1


class Cipher(Protocol):
    """What both AEAD classes of the library can do."""

    def encrypt(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None) -> bytes: ...

    def encrypt_into(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer) -> int: ...

    def decrypt(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None) -> bytes: ...


_CIPHERS: Final[dict[int, Callable[[bytes], Cipher]]] = {AES_256_GCM: AESGCM, CHACHA20_POLY1305: ChaCha20Poly1305}


def _available(make: Callable[[bytes], Cipher]) -> bool:
    try:
        make(bytes(32))
    except UnsupportedAlgorithm:  # this build of OpenSSL is without it
        return False
    return True


SUITES: Final = tuple(suite for suite, make in _CIPHERS.items() if _available(make))
"""The suites that this machine has, preferred first."""


def require_suites(wanted: Sequence[int]) -> tuple[int, ...]:
    """Those of `wanted` that this machine has, in the same order. Raises ValueError if there are none."""
    suites = tuple(suite for suite in wanted if suite in SUITES)
    if not suites:
        raise ValueError("none of these suites is to be had on this machine")
    return suites


class AeadProtection(MessageProtection):
    """One end of one re-authenticated context. Any number of threads may be inside at once.

    `suite` must be one of `SUITES`. Sending methods raise ProtectionUnavailable, receiving ones BadMic or BadWrap, when
    the context is used up or was inherited through a fork; `exhausted` tells beforehand, in time for replies.
    """

    parallel: ClassVar[bool] = True
    inline_limit: ClassVar[int] = 4 << 20  # 0.5 ms, of ChaCha20-Poly1305 1.2; a thread takes longer in all

    __slots__ = (
        "__weakref__",
        "_born",
        "_ciphers",
        "_counters",
        "_keys",
        "_make",
        "_received",
        "_sent",
        "_used_of_late",
    )

    def __init__(self, suite: int, keys: DerivedKeys, role: Role) -> None:
        initiator = role is Role.INITIATOR
        ours, theirs = keys.client_to_server, keys.server_to_client
        self._keys: Final = (ours, theirs) if initiator else (theirs, ours)
        self._make: Final = _CIPHERS[suite]
        self._ciphers: tuple[Cipher, Cipher] | None = None  # see `_Ciphered`
        self._used_of_late = False
        self._counters: Final = _new_counters()
        if not _unforked[0]:
            _note_fork()  # by somebody who did not say so
        self._born: Final = _generation
        self._sent = 0
        self._received = 0

    @property
    def exhausted(self) -> bool:
        """True shortly before 2**40 octets in a direction, and in a forked child."""
        return self._sent >= _NEARLY_ALL or self._received >= _NEARLY_ALL or self._born != _generation

    def mic(self, message: Buffer) -> bytes:
        cipher, counter = self._to_send(len(message))
        nonce = counter.to_bytes(_NONCE_LENGTH)
        try:
            return nonce[4:] + cipher.encrypt(nonce, b"", message)
        except OverflowError:
            raise ProtectionUnavailable("the message is too long") from None

    def verify_mic(self, message: Buffer, mic: Buffer) -> None:
        if len(mic) != MIC_LENGTH:
            raise BadMic(f"a MIC has {MIC_LENGTH} octets, not {len(mic)}")
        cipher = self._to_receive()
        if cipher is None:
            raise BadMic("the context is used up")
        try:
            cipher.decrypt(_MIC_KIND + mic[:_COUNTER_LENGTH], mic[_COUNTER_LENGTH:], message)
        except (InvalidTag, OverflowError):
            raise BadMic("MIC and message do not belong together") from None
        octets = len(message) + _BLOCK  # before the sum is read: a call may let another thread run
        self._received += octets

    def wrap(self, message: Buffer) -> bytes | bytearray:
        cipher, counter = self._to_send(len(message))
        nonce = (_WRAP_COUNTERS + counter).to_bytes(_NONCE_LENGTH)
        try:
            if len(message) <= _JOINED_UP_TO:
                return nonce[4:] + cipher.encrypt(nonce, message, None)
            token = bytearray(_COUNTER_LENGTH + len(message) + _BLOCK)
            token[:_COUNTER_LENGTH] = nonce[4:]
            cipher.encrypt_into(nonce, message, None, memoryview(token)[_COUNTER_LENGTH:])
        except OverflowError:
            raise ProtectionUnavailable("the message is too long") from None
        return token

    def unwrap(self, token: Buffer) -> bytes:
        if not _LEAST_TOKEN <= len(token) <= _LARGEST_TOKEN:
            raise BadWrap(f"a wrap token has no {len(token)} octets")
        cipher = self._to_receive()
        if cipher is None:
            raise BadWrap("the context is used up")
        try:
            nonce = _WRAP_KIND + token[:_COUNTER_LENGTH]
            message = cipher.decrypt(nonce, memoryview(token)[_COUNTER_LENGTH:], None)
        except (InvalidTag, OverflowError):
            raise BadWrap("a wrap token that does not open") from None
        octets = len(message) + _BLOCK
        self._received += octets
        return message

    def _to_send(self, octets: int) -> tuple[Cipher, int]:
        """What to seal so many octets with, and a counter that nobody else gets. Raises `ProtectionUnavailable`."""
        if self._born != _generation or not _unforked[0]:
            raise ProtectionUnavailable("a context is not used after fork")
        if self._sent >= MAX_OCTETS or self._received >= MAX_OCTETS:
            raise ProtectionUnavailable("the context is used up")
        self._sent += octets + _BLOCK
        ciphers = self._ciphers
        if ciphers is None:
            ciphers = self._make_ciphers()
        else:
            self._used_of_late = True
        return ciphers[_SEND], next(self._counters)

    def _to_receive(self) -> Cipher | None:
        """What to open with; None: the context is used up."""
        if self._sent >= MAX_OCTETS or self._received >= MAX_OCTETS or self._born != _generation:
            return None
        ciphers = self._ciphers
        if ciphers is None:
            ciphers = self._make_ciphers()
        else:
            self._used_of_late = True
        return ciphers[_RECEIVE]

    def _make_ciphers(self) -> tuple[Cipher, Cipher]:
        """Only when they are used: of a storm's contexts, many never are. Two threads may make them twice, to no harm:
        they have no state, all that must not recur is in the counter."""
        ciphers = (self._make(self._keys[_SEND]), self._make(self._keys[_RECEIVE]))
        _ciphered.add(self, ciphers)
        return ciphers

    def __copy__(self) -> NoReturn:
        raise TypeError("a context cannot be copied: two copies would use the same nonces")

    def __deepcopy__(self, _memo: object) -> NoReturn:
        self.__copy__()

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a context cannot be stored: it holds keys and a counter that must never recur")

    def __repr__(self) -> str:
        return f"<AeadProtection, {self._sent} octets sent>"


class _Ciphered:
    """The protections that have ciphers now, `maximum` at most: for one more, one not used of late goes without.

    How it works: they stand in a line. Whoever is in front and was used since he was last looked at goes to the end of
    it; the first who was not gives way. So a use costs no more than setting a flag.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum: Final = maximum
        self._line: Final[deque[weakref.ref[AeadProtection]]] = deque()
        self._lock: Final = threading.Lock()

    def __len__(self) -> int:
        return sum(1 for protection in self._line if protection() is not None)

    def add(self, protection: AeadProtection, ciphers: tuple[Cipher, Cipher]) -> None:
        with self._lock:
            if protection._ciphers is not None:
                return  # another thread's are kept already
            if len(self._line) >= self._maximum:
                self._make_room()
            self._line.append(weakref.ref(protection))
            protection._used_of_late = False
            protection._ciphers = ciphers

    def _make_room(self) -> None:
        """Once round at most, even if other threads use them as fast as we look."""
        for _ in range(self._maximum):
            first = self._line[0]()
            if first is None or not first._used_of_late:
                break
            first._used_of_late = False
            self._line.rotate(-1)
        last = self._line.popleft()()
        if last is not None:
            last._ciphers = None  # a message that is being sealed or opened just now has its cipher in hand


class _LockedCounters:
    """`itertools.count`, whose `next` is one step only where the interpreter has a lock."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._next = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._lock:
            counter = self._next
            self._next = counter + 1
        return counter


_has_lock: bool = getattr(sys, "_is_gil_enabled", lambda: True)()  # since 3.13
_new_counters: Final[Callable[[], Iterator[int]]] = itertools.count if _has_lock else _LockedCounters


class _ProcessNumber:
    """Its one octet is 1 in the process that made it or wrote to it."""

    def __init__(self) -> None:
        self[0] = 1

    def __getitem__(self, _index: int) -> int:
        return self._number == os.getpid()

    def __setitem__(self, _index: int, _octet: int) -> None:
        self._number = os.getpid()


def _zeroed_by_forks() -> mmap.mmap | _ProcessNumber:
    """An octet that is 1 here and 0 in whatever is forked off, also by those who tell Python nothing of it. The kernel
    does that, since Linux 4.14; to look there costs 0.03 µs, to ask for the process's number, which may come again,
    0.25."""
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
    except OSError:
        return _ProcessNumber()
    with contextlib.suppress(OSError):
        page.madvise(_NO_ADVICE)
        return _ProcessNumber()  # some emulators take any advice, and heed none
    page[0] = 1
    return page


_MADV_WIPEONFORK: Final = 18
_NO_ADVICE: Final = -1
_unforked: Final = _zeroed_by_forks()
_generation = 0
"""Forks between the process that began and this one."""

_ciphered = _Ciphered(CIPHERS_KEPT)


def _note_fork() -> None:
    global _generation, _ciphered
    _generation += 1
    _ciphered = _Ciphered(CIPHERS_KEPT)  # the old one's lock may have been copied in a thread's hand
    _unforked[0] = 1  # at last: to another thread, it says that all contexts of this generation are ours


os.register_at_fork(after_in_child=_note_fork)
