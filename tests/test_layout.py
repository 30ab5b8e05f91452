from pathlib import Path

import pytest

from tests.layout import TREES, reading_order, violations

ROOT = Path(__file__).resolve().parent.parent

# A small house that keeps all rules.
HOUSE = {
    "xdr/__init__.py": 'READING_ORDER = ("errors", "cursor", "idl")\nfrom xdr.cursor import Cursor\n',
    "xdr/__main__.py": "import xdr\nfrom xdr.idl.parse import parse\n",
    "xdr/errors.py": "class XdrError(ValueError): ...\n",
    "xdr/cursor.py": "import struct\nfrom xdr.errors import XdrError\nclass Cursor: ...\n",
    "xdr/idl/__init__.py": 'READING_ORDER: tuple[str, ...] = ("nodes.py", "parse.py")\n',
    "xdr/idl/nodes.py": "from ..errors import XdrError\n",
    "xdr/idl/parse.py": "from . import nodes\nimport lark\n",
    "transport/__init__.py": 'READING_ORDER = ("record", "stream", "memory")\n',
    "transport/record.py": "",
    "transport/stream.py": "import trio\nfrom transport import record\n",
    "transport/memory.py": "import trio.testing\n",
    "rpcgss/__init__.py": 'READING_ORDER = ("rpc", "gss", "reauth", "serve")\nimport rpcgss.reauth\n',
    "rpcgss/serve.py": "import trio\nfrom rpcgss.gss import mechanism\n",
    "rpcgss/rpc/__init__.py": 'READING_ORDER = ("messages", "client")\n',
    "rpcgss/rpc/messages.py": "import xdr\n",
    "rpcgss/rpc/client.py": "import trio\nfrom rpcgss.rpc.messages import Call\nfrom transport import open_tcp\n",
    "rpcgss/gss/__init__.py": 'READING_ORDER = ("window", "mechanism")\n',
    "rpcgss/gss/window.py": "",
    "rpcgss/gss/mechanism.py": "import gssapi.raw\nfrom rpcgss.rpc import Call\n",
    "rpcgss/reauth/__init__.py": 'READING_ORDER = ("keys",)\n',
    "rpcgss/reauth/keys.py": "from rpcgss.gss.window import Window\n",
}


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_this_project_keeps_the_rules() -> None:
    found = violations(ROOT)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("package", TREES)
def test_packages_ship_their_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_a_house_that_keeps_the_rules(tmp_path: Path) -> None:
    assert violations(build(tmp_path, HOUSE)) == []


def test_packages_that_are_not_there_break_no_rule(tmp_path: Path) -> None:
    assert violations(tmp_path) == []


def test_the_line_of_modules(tmp_path: Path) -> None:
    assert reading_order(build(tmp_path, HOUSE), "xdr", []) == [
        *("xdr.errors", "xdr.cursor"),
        *("xdr.idl.nodes", "xdr.idl.parse", "xdr.idl"),
        *("xdr", "xdr.__main__"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("xdr/errors.py", "from xdr.cursor import Cursor", "xdr/errors.py:1: imports xdr.cursor, which does not stand"),
        ("xdr/errors.py", "def f():\n    from .cursor import Cursor", "xdr/errors.py:2: imports xdr.cursor, which"),
        ("xdr/errors.py", "from . import cursor", "xdr/errors.py:1: imports xdr.cursor, which does not stand above"),
        ("xdr/errors.py", "from .idl import nodes", "xdr/errors.py:1: imports xdr.idl.nodes, which does not stand"),
        ("xdr/cursor.py", "import xdr", "xdr/cursor.py:1: imports xdr, which does not stand above"),
        ("xdr/cursor.py", "from xdr import Cursor", "xdr/cursor.py:1: imports xdr, which does not stand above"),
        ("xdr/idl/nodes.py", "import xdr.idl.parse as p", "xdr/idl/nodes.py:1: imports xdr.idl.parse, which does not"),
        ("xdr/cursor.py", "import rpcgss.rpc.messages", "xdr/cursor.py:1: xdr must not know rpcgss.rpc.messages"),
        ("xdr/idl/nodes.py", "from transport import record", "xdr/idl/nodes.py:1: xdr must not know transport.record"),
        ("xdr/cursor.py", "import trio", "xdr/cursor.py:1: protocol code does no I/O: it must not import trio"),
        ("transport/memory.py", "import xdr", "transport/memory.py:1: transport must not know xdr"),
        ("transport/record.py", "import socket", "transport/record.py:1: protocol code does no I/O: it must not"),
        ("transport/record.py", "from trio.abc import Channel", "transport/record.py:1: protocol code does no I/O"),
        ("rpcgss/rpc/client.py", "import rpcgss.gss", "rpcgss/rpc/client.py:1: rpcgss.rpc must not know rpcgss.gss"),
        ("rpcgss/rpc/client.py", "from rpcgss import reauth", "rpcgss/rpc/client.py:1: rpcgss.rpc must not know"),
        ("rpcgss/gss/window.py", "import rpcgss.reauth.keys", "rpcgss/gss/window.py:1: rpcgss.gss must not know"),
        (
            "rpcgss/gss/window.py",
            "import gssapi",
            "rpcgss/gss/window.py:1: only rpcgss.gss.calling, rpcgss.gss.mechanism may import gssapi",
        ),
        (
            "rpcgss/serve.py",
            "from gssapi.raw import mic",
            "rpcgss/serve.py:1: only rpcgss.gss.calling, rpcgss.gss.mechanism may import",
        ),
        (
            "rpcgss/gss/window.py",
            "import trio",
            "rpcgss/gss/window.py:1: protocol code does no I/O: it must not import",
        ),
        ("rpcgss/reauth/keys.py", "from rpcgss import serve", "rpcgss/reauth/keys.py:1: imports rpcgss.serve, which"),
        ("xdr/extra.py", "", "xdr/__init__.py: READING_ORDER does not list extra"),
        ("xdr/more/__init__.py", "", "xdr/__init__.py: READING_ORDER does not list more"),
        ("rpcgss/extra.py", "", "rpcgss/__init__.py: READING_ORDER does not list extra"),
        ("xdr/idl/__init__.py", "", "xdr/idl/__init__.py: READING_ORDER does not list nodes"),
        ("xdr/idl/__init__.py", 'READING_ORDER = ("nodes", "parse", "gone")', "lists gone, which is not there"),
        ("xdr/idl/__init__.py", 'READING_ORDER = ("nodes", "parse", "nodes")', "READING_ORDER lists nodes twice"),
        ("transport/stray/thing.py", "", "transport/stray: has no __init__.py"),
    ],
)
def test_a_planted_breach_is_found(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    found = violations(build(tmp_path, HOUSE | {name: text}))
    assert any(complaint in line for line in found), found
