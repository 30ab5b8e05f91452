"""AEAD protection: vectors, directions, kinds, counters, and all the ways in which a nonce might come twice."""

import copy
import ctypes
import errno
import itertools
import mmap
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.gss.errors import BadMic, BadWrap, ProtectionUnavailable
from rpcgss.reauth import aead
from rpcgss.reauth.aead import SUITES, AeadProtection, Role
from rpcgss.reauth.keys import DerivedKeys
from rpcgss.reauth.reauth_xdr import AES_256_GCM, CHACHA20_POLY1305

KEYS = DerivedKeys(b"\1" * 32, b"\2" * 32, b"\3" * 32, b"\4" * 32)
suites = pytest.mark.parametrize("suite", SUITES)


def ends(suite: int = AES_256_GCM) -> tuple[AeadProtection, AeadProtection]:
    return AeadProtection(suite, KEYS, Role.INITIATOR), AeadProtection(suite, KEYS, Role.ACCEPTOR)


def test_vectors() -> None:
    end = AeadProtection(AES_256_GCM, DerivedKeys(bytes(32), bytes(32), b"", b""), Role.INITIATOR)
    assert end.mic(b"abc").hex() == "0000000000000000ddb82eac2f698dc1569bb9d6c92147fa"
    assert end.wrap(b"abc").hex() == "000000000000000107d3ed6911ec0b7ae72c042d462b2fc70a5252"


def test_both_suites_are_here() -> None:
    assert SUITES == (AES_256_GCM, CHACHA20_POLY1305)


@suites
@given(message=st.binary(max_size=100))
def test_both_directions(suite: int, message: bytes) -> None:
    initiator, acceptor = ends(suite)
    for sender, receiver in ((initiator, acceptor), (acceptor, initiator)):
        for form in (bytes, bytearray, memoryview):
            mic, token = sender.mic(form(message)), sender.wrap(form(message))
            assert (len(mic), len(token)) == (24, len(message) + 24)
            receiver.verify_mic(form(message), form(mic))
            assert receiver.unwrap(form(token)) == message


@suites
def test_the_receiver_does_not_order_counters(suite: int) -> None:
    initiator, acceptor = ends(suite)
    tokens = [initiator.wrap(bytes([number])) for number in range(5)]
    assert [acceptor.unwrap(token)[0] for token in reversed(tokens)] == [4, 3, 2, 1, 0]


@suites
def test_case_20_a_mic_as_wrap_and_a_wrap_as_mic(suite: int) -> None:
    initiator, acceptor = ends(suite)
    for message in (b"", b"abc"):
        with pytest.raises(BadWrap):
            acceptor.unwrap(initiator.mic(message))
        with pytest.raises(BadMic):
            acceptor.verify_mic(b"", initiator.wrap(message))


@suites
def test_case_20_reflection(suite: int) -> None:
    for sender in ends(suite):
        with pytest.raises(BadMic):
            sender.verify_mic(b"message", sender.mic(b"message"))
        with pytest.raises(BadWrap):
            sender.unwrap(sender.wrap(b"message"))


@suites
def test_the_suites_do_not_mix(suite: int) -> None:
    other = ends(CHACHA20_POLY1305 if suite == AES_256_GCM else AES_256_GCM)[1]
    with pytest.raises(BadMic):
        other.verify_mic(b"message", ends(suite)[0].mic(b"message"))


@suites
def test_every_bit_and_every_truncation(suite: int) -> None:
    initiator, acceptor = ends(suite)
    message = b"message"
    mic, token = initiator.mic(message), bytes(initiator.wrap(message))
    for position, bit in product(range(len(mic)), range(8)):
        with pytest.raises(BadMic):
            acceptor.verify_mic(message, _flipped(mic, position, bit))
    for position, bit in product(range(len(message)), range(8)):
        with pytest.raises(BadMic):
            acceptor.verify_mic(_flipped(message, position, bit), mic)
    for position, bit in product(range(len(token)), range(8)):
        with pytest.raises(BadWrap):
            acceptor.unwrap(_flipped(token, position, bit))
    for length in range(len(mic)):
        with pytest.raises(BadMic):
            acceptor.verify_mic(message, mic[:length])
    for length in range(len(token)):
        with pytest.raises(BadWrap):
            acceptor.unwrap(token[:length])
    for tail in (b"\0", b"\0\0\0\0"):
        with pytest.raises(BadMic):
            acceptor.verify_mic(message, mic + tail)
        with pytest.raises(BadWrap):
            acceptor.unwrap(token + tail)
    acceptor.verify_mic(message, mic)


@given(st.binary(max_size=80))
def test_hostile_octets_raise_nothing_else(octets: bytes) -> None:
    acceptor = ends()[1]
    with pytest.raises(BadMic):
        acceptor.verify_mic(octets, octets)
    with pytest.raises(BadWrap):
        acceptor.unwrap(octets)


def test_case_19_counters_are_unique_under_threads() -> None:
    end = ends()[0]
    counters: list[bytes] = []

    def work() -> None:
        counters.extend(bytes((end.mic if number % 2 else end.wrap)(b"")[:8]) for number in range(500))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counters) == [number.to_bytes(8) for number in range(4000)]


def have_ciphers(ends: list[AeadProtection]) -> list[int]:
    return [number for number, end in enumerate(ends) if end._ciphers is not None]


def test_few_contexts_have_ciphers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aead, "_ciphered", aead._Ciphered(10))
    pairs = [ends() for _ in range(100)]
    for number, (initiator, acceptor) in enumerate(pairs * 3):
        assert acceptor.unwrap(initiator.wrap(b"message")) == b"message"
        assert initiator.unwrap(acceptor.wrap(b"message")) == b"message"
        assert len(aead._ciphered) == len(have_ciphers([end for pair in pairs for end in pair])) <= 10, number
    assert len(aead._ciphered) == 10


def test_who_is_used_of_late_keeps_its_ciphers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aead, "_ciphered", aead._Ciphered(4))
    busy, *others = [ends()[0] for _ in range(40)]
    busy.mic(b"")
    kept = busy._ciphers
    for other in others:
        other.mic(b"")
        busy.mic(b"")
        assert busy._ciphers is kept
    assert have_ciphers([busy, *others])[0] == 0


def test_contexts_that_are_gone_leave_no_ciphers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aead, "_ciphered", aead._Ciphered(4))
    for _ in range(20):
        ends()[0].mic(b"")
    assert len(aead._ciphered) == 0
    stays = ends()[0]
    stays.mic(b"")
    assert have_ciphers([stays]) == [0]


@suites
def test_case_19_counters_go_on_when_ciphers_are_made_anew(suite: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aead, "_ciphered", aead._Ciphered(1))
    pairs = [ends(suite) for _ in range(3)]
    for count in range(5):
        for initiator, acceptor in pairs:
            mic, token = initiator.mic(b"message"), initiator.wrap(b"message")
            assert [int.from_bytes(octets[:8]) for octets in (mic, token)] == [2 * count, 2 * count + 1]
            acceptor.verify_mic(b"message", mic)
            assert acceptor.unwrap(token) == b"message"


def test_case_19_threads_that_take_each_other_s_ciphers_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aead, "_ciphered", aead._Ciphered(2))
    pairs = [ends() for _ in range(8)]
    opened: list[tuple[int, bytes]] = []

    def work() -> None:
        for number in range(400):
            initiator, acceptor = pairs[number % 8]
            token = bytes(initiator.wrap(b"message"))
            opened.append((number % 8, token[:8] + acceptor.unwrap(token)))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [(pair, count.to_bytes(8) + b"message") for pair in range(8) for count in range(300)]
    assert sorted(opened) == expected
    assert len(aead._ciphered) <= 2


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_makes_contexts_of_its_own_though_the_lock_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = aead._Ciphered(2)
    monkeypatch.setattr(aead, "_ciphered", cache)
    with cache._lock:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                initiator, acceptor = ends()
                status = 0 if acceptor.unwrap(initiator.wrap(b"message")) == b"message" else 1
            finally:
                os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_case_19_a_forked_child_refuses() -> None:
    end, peer = ends()
    mic, token = peer.mic(b"message"), bytes(peer.wrap(b"message"))
    assert not end.exhausted
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if _refuses_everything(end, mic, token) else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    end.verify_mic(b"message", mic)


@pytest.mark.parametrize("sign", [aead._unforked, aead._ProcessNumber()], ids=["page", "number"])
def test_case_19_a_child_refuses_to_send_that_was_forked_behind_our_back(
    sign: mmap.mmap | aead._ProcessNumber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a library, say: then nobody calls what is registered with Python."""
    monkeypatch.setattr(aead, "_unforked", sign)
    end, _ = ends()
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        status = 1
        try:
            for send in (end.mic, end.wrap):
                with pytest.raises(ProtectionUnavailable, match="fork"):
                    send(b"message")
            initiator, acceptor = ends()  # of its own
            status = 0 if acceptor.unwrap(initiator.wrap(b"message")) == b"message" else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    end.mic(b"message")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("first", ["os", "libc"])
@pytest.mark.parametrize("second", ["os", "libc"])
def test_case_19_the_children_of_children_refuse_too(first: str, second: str) -> None:
    """What its parent made, and what its parent's parent made."""
    fork: dict[str, Callable[[], int]] = {"os": os.fork, "libc": ctypes.PyDLL(None).fork}

    def refuse(inherited: list[AeadProtection]) -> None:
        for end in inherited:
            for send in (end.mic, end.wrap):
                with pytest.raises(ProtectionUnavailable, match="fork"):
                    send(b"message")

    def in_child(fork: Callable[[], int], work: Callable[[], None]) -> None:
        child = fork()
        if child == 0:
            status = 1
            try:
                work()
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    oldest = ends()[0]

    def in_turn(made: list[AeadProtection]) -> None:
        in_child(fork[second], lambda: refuse([oldest, *made]))
        for end in made:
            end.mic(b"message")
        refuse([oldest])

    in_child(fork[first], lambda: in_turn([]))
    in_child(fork[first], lambda: in_turn([ends()[0]]))
    oldest.mic(b"message")


def test_case_19_no_thread_of_a_child_takes_what_was_inherited_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not while another one finds out that they are in a child."""
    end, refused = ends()[0], []

    class Sign:
        octet = 0

        def __getitem__(self, _index: int) -> int:
            return self.octet

        def __setitem__(self, _index: int, octet: int) -> None:
            self.octet = octet
            with pytest.raises(ProtectionUnavailable):
                end.mic(b"message")
            refused.append(end.exhausted)

    monkeypatch.setattr(aead, "_generation", aead._generation)
    monkeypatch.setattr(aead, "_ciphered", aead._ciphered)
    monkeypatch.setattr(aead, "_unforked", Sign())
    ends()[0].mic(b"message")
    assert refused == [True]


class Emulated(mmap.mmap):
    """Memory of a system that takes only such advice as is `heeded`, and does nothing about it."""

    heeded: ClassVar[Sequence[int]] = ()

    def madvise(self, option: int, *_: int) -> None:
        if option not in self.heeded:
            raise OSError(errno.EINVAL, "Invalid argument")


class Heedless(Emulated):
    heeded = range(-1, 100)


def refused_memory(*_: int, **__: int) -> mmap.mmap:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("memory", [Emulated, Heedless, refused_memory])
def test_case_19_where_the_kernel_wipes_nothing_the_process_number_tells(
    memory: Callable[..., mmap.mmap], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mmap, "mmap", memory)
    assert isinstance(aead._zeroed_by_forks(), aead._ProcessNumber)


@pytest.mark.parametrize("counters", [itertools.count, aead._LockedCounters])
def test_no_counter_is_given_to_two_threads(counters: Callable[[], Iterator[int]]) -> None:
    numbers, taken = counters(), []

    def take() -> None:
        taken.append([next(numbers) for _ in range(5000)])

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(itertools.chain(*taken)) == list(range(30_000))


def test_case_19_a_forked_child_with_the_same_process_number_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    end, peer = ends()
    mic, token = peer.mic(b"message"), bytes(peer.wrap(b"message"))
    monkeypatch.setattr(aead, "_generation", 1)
    assert _refuses_everything(end, mic, token)


def set_limit(monkeypatch: pytest.MonkeyPatch, octets: int) -> None:
    monkeypatch.setattr(aead, "MAX_OCTETS", octets)
    monkeypatch.setattr(aead, "_NEARLY_ALL", octets - octets // aead._RESERVE)


def test_case_19_the_data_limit_counts_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limit(monkeypatch, 1000)
    initiator, acceptor = ends()
    last = b""
    while not initiator.exhausted:
        last = bytes(initiator.wrap(b"x" * 84))
        assert acceptor.unwrap(last)
    assert int.from_bytes(last[:8]) == 9
    assert acceptor.exhausted
    for refused in (initiator.mic, initiator.wrap, acceptor.mic, acceptor.wrap):
        with pytest.raises(ProtectionUnavailable):
            refused(b"")
    with pytest.raises(BadWrap):
        acceptor.unwrap(last)


def test_case_19_what_is_in_flight_when_a_context_is_used_up_still_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limit(monkeypatch, 6400)
    initiator, acceptor = ends()
    while not acceptor.exhausted:
        initiator.unwrap(acceptor.wrap(b"x" * 84))
    assert initiator.exhausted
    initiator.verify_mic(b"the last reply", acceptor.mic(b"the last reply"))


@suites
def test_messages_that_are_too_long_for_the_library(suite: int) -> None:
    initiator, acceptor = ends(suite)
    # Never touched, so it takes no memory.
    message = memoryview(mmap.mmap(-1, 2**31 + 64, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ))
    with pytest.raises(ProtectionUnavailable, match="too long"):
        initiator.mic(message)
    with pytest.raises(BadMic):
        acceptor.verify_mic(message, bytes(24))
    with pytest.raises(BadWrap):
        acceptor.unwrap(message)
    acceptor.verify_mic(b"message", initiator.mic(b"message"))


def test_empty_messages_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limit(monkeypatch, 160)
    end = ends()[0]
    for _ in range(10):
        end.mic(b"")
    assert end.exhausted


def test_no_received_octets_are_lost_to_another_thread() -> None:
    """One that has its turn while the length of a message is asked for."""
    initiator, acceptor = ends()
    others = [initiator.mic(b"another message")]

    class Message(bytes):
        def __len__(self) -> int:
            if others:
                acceptor.verify_mic(b"another message", others.pop())
            return 7

    acceptor.verify_mic(Message(b"message"), initiator.mic(b"message"))
    assert not others
    assert acceptor._received == initiator._sent


def test_what_does_not_verify_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limit(monkeypatch, 100)
    acceptor = ends()[1]
    for _ in range(20):
        with pytest.raises(BadMic):
            acceptor.verify_mic(b"message", bytes(24))
    assert not acceptor.exhausted


def test_case_19_never_copied_or_stored() -> None:
    end = ends()[0]
    for spread in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="a context cannot be"):
            spread(end)


def test_case_25_no_key_octets_in_repr_or_errors() -> None:
    initiator, acceptor = ends()
    assert repr(initiator) == "<AeadProtection, 0 octets sent>"
    with pytest.raises(BadWrap) as caught:
        acceptor.unwrap(bytes(40))
    assert repr(KEYS.client_to_server)[2:-1] not in repr(caught.value)


def _flipped(octets: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(octets)
    changed[position] ^= 1 << bit
    return bytes(changed)


def _refuses_everything(end: AeadProtection, mic: bytes, token: bytes) -> bool:
    for send in (end.mic, end.wrap):
        with pytest.raises(ProtectionUnavailable):
            send(b"")
    with pytest.raises(BadMic):
        end.verify_mic(b"message", mic)
    with pytest.raises(BadWrap):
        end.unwrap(token)
    return end.exhausted
