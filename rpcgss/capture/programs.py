"""What is in arguments and results, for programs whose ``.x`` files are given."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rpcgss.capture.errors import CaptureError
from rpcgss.capture.messages import Difference, compared
from xdr import Buffer, Codec, DecodeError, Procedure, Service, XdrError, codec
from xdr.codecs import ArrayCodec, EnumCodec, FixedArrayCodec, OpaqueCodec, OptionalCodec, StringCodec
from xdr.compile import load_file
from xdr.plain import Plain, to_plain
from xdr.source import CompileError
from xdr.value import ChainCodec, StructCodec, UnionCodec

MAX_WORDS: Final = 12
"""Names, paths and operations of one message that are shown to people."""
MAX_TEXT: Final = 1024
"""Characters of one text or octet string that are kept."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Decoded arguments or results: as plain JSON, and the words in it that say most."""

    plain: Plain
    words: tuple[str, ...]
    differences: tuple[Difference, ...]


class Programs:
    """The procedures of ``.x`` files."""

    def __init__(self, procedures: Iterable[Procedure[Any, Any]] = ()) -> None:
        self._procedures: Final = {(each.program, each.version, each.number): each for each in procedures}

    @classmethod
    def load(cls, files: Iterable[Path]) -> "Programs":
        """Compile files. Raises `CaptureError`, which names the file and the place."""
        found: list[Procedure[Any, Any]] = []
        for file in files:
            try:
                module = load_file(file)
            except CompileError as error:
                raise CaptureError("\n".join(map(str, error.diagnostics))) from error
            except (XdrError, OSError) as error:
                raise CaptureError(f"{file}: {error}") from error
            kinds = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Service)]
            services = [kind for kind in kinds if kind is not Service]
            if not services:
                raise CaptureError(f"{file} defines no program")
            found += [procedure for service in services for procedure in service.PROCEDURES.values()]
        return cls(found)

    def name(self, program: int, version: int, procedure: int) -> str | None:
        """What its file calls a procedure."""
        known = self._procedures.get((program, version, procedure))
        return None if known is None else f"v{version} {known.name}"

    def decode_untrusted(
        self, program: int, version: int, procedure: int, octets: Buffer, *, results: bool
    ) -> Contents | None:
        """Arguments or results; None if the procedure is not known. Raises `xdr.DecodeError`."""
        known = self._procedures.get((program, version, procedure))
        if known is None:
            return None
        kind = known.result if results else known.argument
        value = kind.decode(octets)
        part = "results" if results else "arguments"
        try:
            plain = _shortened(to_plain(kind, value))
            words = [word for word, _ in zip(_words(kind, value), range(MAX_WORDS), strict=False)]
        except RecursionError:
            raise DecodeError("nested too deep to be shown") from None
        return Contents(plain, tuple(words), tuple(compared(part, octets, lambda: kind.encode(value))))


def _shortened(plain: Plain) -> Plain:
    match plain:
        case str() if len(plain) > MAX_TEXT:
            return f"{plain[:MAX_TEXT]}… ({len(plain)} characters)"
        case list():
            return [_shortened(each) for each in plain]
        case dict():
            return {name: _shortened(each) for name, each in plain.items()}
    return plain


def _words(kind: Codec[Any], value: Any) -> Iterator[str]:  # noqa: ANN401  # of whatever type the codec is
    """Strings, octets that are text, and what the unions in lists are (operations)."""
    match kind:
        case StringCodec():
            yield repr(value)
        case OpaqueCodec():
            yield from _text(bytes(value))
        case ArrayCodec(element=element) | FixedArrayCodec(element=element):
            inner = codec(element)
            for item in value:
                yield from _operation(inner, item)
                yield from _words(inner, item)
        case ChainCodec(kind=node):
            for item in value:
                yield from _words(codec(node), item)
        case OptionalCodec(element=element):
            if value is not None:
                yield from _words(codec(element), value)
        case StructCodec(fields=fields):
            for name, each in fields:
                yield from _words(codec(each), getattr(value, name))
        case UnionCodec(arms=arms):
            arm = next(arm for arm in arms if type(value) is arm.kind)
            for name, each in arm.fields:
                yield from _words(codec(each), getattr(value, name))


def _operation(kind: Codec[Any], value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(kind, UnionCodec) and isinstance(codec(kind.switch), EnumCodec):
        yield str(getattr(value, kind.discriminant).name).removeprefix("OP_")


def _text(octets: bytes) -> Iterator[str]:
    """Octets as text if that is what they are: NFSv4 has no strings, only octets."""
    if 0 < len(octets) <= MAX_TEXT:
        text = octets.decode("utf-8", "replace")
        if text.isprintable() and "\ufffd" not in text:
            yield repr(text)
