"""The house rules of architecture, as a function: what each file may import.

How it works: every package names its files and sub-packages in its ``__init__.py``, in the order in which a newcomer
reads them::

    READING_ORDER = ("errors", "cursor", "idl")

The orders of sub-packages are put in place of their names, and each package's ``__init__`` stands after its files, for
it shows what they made (``__main__`` after that). This gives one line of modules from top to bottom, and a module may
import what stands above it. Imports inside functions and under TYPE_CHECKING count as well: it is readers for whom the
order is kept. Files are parsed, never imported.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TREES = ("xdr", "transport", "rpcgss")

# Packages, and what none of their files may import, whatever the reading orders say.
STRANGERS = {
    "xdr": ("transport", "rpcgss"),
    "transport": ("xdr", "rpcgss"),
    "rpcgss.rpc": ("rpcgss.gss", "rpcgss.reauth"),
    "rpcgss.gss": ("rpcgss.reauth",),
}

# Modules that only these modules may import.
KEEPERS = {"gssapi": ("rpcgss.gss.calling", "rpcgss.gss.mechanism")}

# Protocol code gets octets and the time of day handed in. Who may wait, and so may know of trio and sockets:
IO_MODULES = ("trio", "asyncio", "select", "selectors", "socket", "ssl")
IO_ALLOWED = (
    "transport.tls",  # a stream round a stream
    "transport.outbox",  # waits for its turn, and for the peer
    "rpcgss.rpc.work",  # runs what blocks in threads
    "rpcgss.rpc.replies",  # calls that wait for another one's outcome
    "rpcgss.rpc.sqlite_replies",
    "rpcgss.rpc.pending",  # a mailbox, and whoever waits before it
    "rpcgss.rpc.tls",  # contexts, and the first exchange of a connection
    "rpcgss.rpc.link",
    "rpcgss.rpc.connector",  # connects, and waits before it tries again
    "rpcgss.rpc.conversation",  # knows when, and for how long, a call is to be sent again
    "rpcgss.rpc.client",
    "rpcgss.rpc.places",  # a queue of connections before the calls they may make
    "rpcgss.rpc.octets",  # the same before memory
    "rpcgss.rpc.intake",  # reads connections
    "rpcgss.rpc.serving",
    "rpcgss.rpc.server",
    "rpcgss.rpc.signals",
    "rpcgss.gss.guard",  # a queue before a security context
    "rpcgss.gss.client_context",  # waits for room in the window
    "rpcgss.gss.admission",  # waits for the application's word, and for a principal's turn
    "rpcgss.gss.children",  # waits before a security context, and not for ever
    "rpcgss.gss.establishing",
    "rpcgss.gss.succession",  # calls that wait for somebody's attempt
    "rpcgss.gss.client",
    "rpcgss.gss.server",
    "rpcgss.reauth.etcd_gateway",  # asks a cluster, in threads that are not trio's
    "rpcgss.reauth.target",  # waits for as long as there are signs of life
    "rpcgss.reauth.client",
    "rpcgss.reauth.server",
)
IO_BEGINS = "transport.stream"  # it and all of transport beneath it

# The order of these is known before rpcgss/__init__.py says it.
DEFAULT_ORDERS = {"rpcgss": ("rpc", "gss", "reauth")}


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    name: str | None  # from module import name
    line: int


def violations(root: Path) -> list[str]:
    """Each breach of the rules by the packages under `root`, as one line with file and line number."""
    found: list[str] = []
    for tree in TREES:
        if any((root / tree).rglob("*.py")):
            order = reading_order(root, tree, found)
            for module in order:
                found += _breaches(root, module, order)
    return list(dict.fromkeys(found))


def reading_order(root: Path, package: str, problems: list[str]) -> list[str]:
    """All modules of the package from top to bottom; what is wrong with the declarations is added to `problems`."""
    directory = root.joinpath(*package.split("."))
    shown = directory.relative_to(root)
    init = directory / "__init__.py"
    if not init.exists():
        problems.append(f"{shown}: has no __init__.py")
    present = _children(directory)
    declared = _declared_order(init) or DEFAULT_ORDERS.get(package, ())
    problems += [f"{shown}/__init__.py: READING_ORDER does not list {name}" for name in present if name not in declared]
    if package not in DEFAULT_ORDERS or _declared_order(init):
        problems += [
            f"{shown}/__init__.py: READING_ORDER lists {name}, which is not there"
            for name in declared
            if name not in present
        ]
    problems += [
        f"{shown}/__init__.py: READING_ORDER lists {name} twice" for name in set(declared) if declared.count(name) > 1
    ]

    order = []
    for name in dict.fromkeys((*declared, *present)):
        if (directory / name).is_dir():
            order += reading_order(root, f"{package}.{name}", problems)
        elif name in present:
            order.append(f"{package}.{name}")
    order.append(package)
    if (directory / "__main__.py").exists():
        order.append(f"{package}.__main__")
    return order


def _children(directory: Path) -> list[str]:
    """Modules and sub-packages, but for ``__init__`` and ``__main__``, which have their places."""
    modules = [path.stem for path in directory.glob("*.py") if path.stem not in ("__init__", "__main__")]
    packages = [path.name for path in directory.iterdir() if path.is_dir() and any(path.rglob("*.py"))]
    return sorted(modules + packages)


def _declared_order(init: Path) -> tuple[str, ...]:
    if not init.exists():
        return ()
    for statement in ast.parse(init.read_text()).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="READING_ORDER")], value=value)
                | ast.AnnAssign(target=ast.Name(id="READING_ORDER"), value=ast.expr() as value)
            ):
                names = ast.literal_eval(value)
                return tuple(name.removesuffix(".py") for name in names if name not in ("__init__", "__main__"))
    return ()


def _breaches(root: Path, module: str, order: list[str]) -> Iterator[str]:
    path = _path(root, module)
    if not path.exists():
        return
    above = set(order[: order.index(module)])
    for found in _imports(path, module):
        target = found.module
        if found.name is not None and _exists(root, f"{target}.{found.name}"):
            target = f"{target}.{found.name}"
        for complaint in _complaints(module, target, order, above):
            yield f"{path.relative_to(root)}:{found.line}: {complaint}"


def _complaints(module: str, target: str, order: list[str], above: set[str]) -> Iterator[str]:
    tree = module.partition(".")[0]
    for package, strangers in STRANGERS.items():
        if _within(module, package) and any(_within(target, stranger) for stranger in strangers):
            yield f"{package} must not know {target}"
    for kept, keepers in KEEPERS.items():
        if _within(target, kept) and module not in keepers:
            yield f"only {', '.join(keepers)} may import {kept}"
    if target.partition(".")[0] in IO_MODULES and not _may_wait(module, order):
        yield f"protocol code does no I/O: it must not import {target}"
    if _within(target, tree) and target not in above:
        yield f"imports {target}, which does not stand above it in the reading order"


def _may_wait(module: str, order: list[str]) -> bool:
    if _within(module, "transport"):
        return module in IO_ALLOWED or (IO_BEGINS in order and order.index(module) >= order.index(IO_BEGINS))
    # What lies directly in rpcgss is the façade, which opens sockets for its users.
    layered = any(_within(module, f"rpcgss.{layer}") for layer in DEFAULT_ORDERS["rpcgss"])
    facade = _within(module, "rpcgss") and not layered
    return facade or module in IO_ALLOWED


def _imports(path: Path, module: str) -> Iterator[Import]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, None, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            yield from (Import(base, alias.name, node.lineno) for alias in node.names)


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _exists(root: Path, module: str) -> bool:
    return _path(root, module).exists()


def _path(root: Path, module: str) -> Path:
    path = root.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")
