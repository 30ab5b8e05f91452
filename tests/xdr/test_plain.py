"""Values as JSON and back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xdr
from tests.xdr.everything import TEXT
from tests.xdr.strategies import anything, module
from xdr.plain import from_plain, to_plain

ROOT = Path(__file__).resolve().parents[2]
M = module(TEXT, "plain")
CODECS: dict[str, xdr.Codec[Any]] = M.CODECS


@pytest.mark.parametrize("codec", [pytest.param(codec, id=name) for name, codec in CODECS.items()])
@settings(max_examples=max(10, settings().max_examples // 8))
@given(data=st.data())
def test_there_and_back(codec: xdr.Codec[Any], data: st.DataObject) -> None:
    value = data.draw(anything(codec))
    assert from_plain(codec, json.loads(json.dumps(to_plain(codec, value)))) == value


REFUSED = [
    ("numbers", [], "numbers: [] is not numbers"),
    ("word_box", {}, "word_box.box: not given"),
    ("word_box", {"box": "x", "more": 1}, "word_box.more: word_box has no such field here"),
    ("word_box", {"box": 7}, "word_box.box: 7 is not str"),
    ("by_colour", {"which": "PINK"}, "by_colour.which: 'PINK' is not colour"),
    ("by_one", {"which": 2}, "by_one.which: 2 selects no arm"),
    ("by_colour", 3, "by_colour: 3 is not by_colour"),
    ("some", "xyz", "some: 'xyz' is not hexadecimal"),
    ("words", "x", "words: 'x' is not a list"),
]


@pytest.mark.parametrize(("name", "plain", "message"), REFUSED)
def test_refused(name: str, plain: object, message: str) -> None:
    with pytest.raises(xdr.EncodeError) as caught:
        from_plain(CODECS[name], plain)
    assert str(caught.value) == message


def run(*arguments: str, octets: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "xdr", *arguments]
    return subprocess.run(command, input=octets, capture_output=True, cwd=ROOT, check=False)


def test_command_line() -> None:
    octets = bytes.fromhex("00000006 00000003 61626300")
    decoded = run("decode", "opaque_auth", "--file", "rpcgss/rpc/rpc.x", octets=octets)
    assert json.loads(decoded.stdout) == {"flavor": 6, "body": "616263"}
    encoded = run("encode", "opaque_auth", "--module", "rpcgss.rpc.rpc_xdr", octets=decoded.stdout)
    assert encoded.stdout == octets
    for bad, message in (
        (b"\0", b"truncated (at octet 1)\n"),
        (octets + b"tail", b"4 octets left over (at octet 12)\n"),
    ):
        refused = run("decode", "opaque_auth", "-m", "rpcgss.rpc.rpc_xdr", octets=bad)
        assert (refused.returncode, refused.stderr) == (1, message)
    refused = run("encode", "opaque_auth", "-m", "rpcgss.rpc.rpc_xdr", octets=b"{")
    assert refused.returncode == 1
    assert b"Traceback" not in refused.stderr
    for wrong in (("opaque_auth",), ("nothing", "-m", "rpcgss.rpc.rpc_xdr"), ("opaque_auth", "-m", "no.such")):
        assert run("decode", *wrong).returncode == 2
