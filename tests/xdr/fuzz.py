"""Hostile octets for every generated type: ``python -m tests.xdr.fuzz [--seconds N] [--seed N]``.

Valid values are made once, then cut, glued, altered and lied to about their lengths. Whatever comes of it is decoded:
``DecodeError`` may escape and nothing else, memory stays within 64 times the octets and 64 KiB, and what is accepted
encodes to the same octets again. ``one_input`` is the whole target, for other engines too.
"""

import argparse
import time
import tracemalloc
from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

import xdr
from examples.nfs import mount3_xdr, nfs3_xdr
from rpcgss.gss import gss_xdr
from rpcgss.reauth import reauth_xdr
from rpcgss.rpc import rpc_xdr
from tests.xdr.everything import TEXT
from tests.xdr.strategies import anything, module

GENERATED = (module(TEXT, "fuzzed"), nfs3_xdr, mount3_xdr, rpc_xdr, gss_xdr, reauth_xdr)
CODECS: list[xdr.Codec[Any]] = [codec for each in GENERATED for codec in each.CODECS.values()]
WORDS = (0, 1, 2, 3, 4, 5, 0x7F, 0x100, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def one_input(data: bytes) -> None:
    """Decode ``data[2:]`` as the type that its first two octets choose."""
    attack(CODECS[int.from_bytes(data[:2]) % len(CODECS)], data[2:])


def attack(codec: xdr.Codec[Any], octets: bytes) -> bool:
    """Decode octets as a type; whether they were accepted."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        value = codec.decode(octets)
    except xdr.DecodeError:
        value = None
        accepted = False
    else:
        accepted = True
    _, peak = tracemalloc.get_traced_memory()
    # Not an assertion: python -O would take those out.
    if peak - before > 64 * len(octets) + 65536:
        raise MemoryError(f"{codec.name}: {peak - before} octets for {len(octets)}: {octets[:64].hex()}")
    if accepted:
        again = codec.encode(value)
        # NaN has many encodings, and C keeps no promise about which one comes back.
        if again != octets and value == codec.decode(again):
            raise ValueError(f"{codec.name}: {octets.hex()} comes back as {again.hex()}")
    return accepted


def seeds(codec: xdr.Codec[Any], number: int) -> list[bytes]:
    """Some valid encodings."""
    found: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=5,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(anything(codec))
    def collect(value: object) -> None:
        found.append(codec.encode(value))

    collect()
    return found


def altered(octets: bytes, other: bytes, random: Random) -> bytes:
    """One or more kinds of damage."""
    data = bytearray(octets)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(0, len(data) + 4, 4)
        match random.randrange(7):
            case 0:
                data[at : at + 4] = random.choice(WORDS).to_bytes(4)
            case 1 if data:
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            case 2:
                del data[at:]
            case 3:
                data[at:at] = other
            case 4:
                data[at:at] = random.choice(WORDS).to_bytes(4) * random.choice((1, 2, 200))
            case 5:
                del data[at : at + 4]
            case _:
                data += data[at:] * random.choice((1, 8))
    return bytes(data[:20000])


def rounds(random: Random) -> Iterator[int]:
    """One input for each type, for ever; yields how many were accepted each time round."""
    corpus = [seeds(codec, random.randrange(1 << 32)) for codec in CODECS]
    while True:
        accepted = 0
        for codec, known in zip(CODECS, corpus, strict=True):
            octets = altered(random.choice(known), random.choice(random.choice(corpus)), random)
            if attack(codec, octets):
                accepted += 1
                if len(known) < 50:
                    known.append(octets)
        yield accepted


def main() -> None:
    """Go on for a time; the first thing found ends it with its traceback and the seed to see it again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    asked = parser.parse_args()
    tracemalloc.start()
    end = time.monotonic() + asked.seconds
    turns = accepted = 0
    print(f"seed {asked.seed}, {len(CODECS)} types", flush=True)
    for count in rounds(Random(asked.seed)):
        turns, accepted = turns + 1, accepted + count
        if time.monotonic() >= end:
            break
    print(f"{turns * len(CODECS)} inputs, {accepted} accepted, nothing found")


if __name__ == "__main__":
    main()
