"""Types that a generated module has already: its codecs, turned back into definitions.

Such types are never written again; code for others calls them, or opens them up, like types of the same file.
"""

from enum import IntEnum
from importlib import import_module
from types import ModuleType
from typing import Any

from .codecs import (
    ArrayCodec,
    BooleanCodec,
    Codec,
    EnumCodec,
    FixedArrayCodec,
    FixedOpaqueCodec,
    NumberCodec,
    OpaqueCodec,
    OptionalCodec,
    QuadrupleCodec,
    SmallIntegerCodec,
    StringCodec,
    codec,
)
from .errors import XdrError
from .model import (
    ArmDefinition,
    Array,
    Boolean,
    Chain,
    EnumDefinition,
    Field,
    Floating,
    Integer,
    Named,
    Opaque,
    Optional,
    Quadruple,
    String,
    StructDefinition,
    Type,
    UnionDefinition,
    Void,
)
from .nodes import Place
from .value import ChainCodec, StructCodec, UnionCodec

_NUMBERS: dict[str, Type] = {
    "i": Integer(32, True),
    "I": Integer(32, False),
    "q": Integer(64, True),
    "Q": Integer(64, False),
    "f": Floating(32),
    "d": Floating(64),
}


class Imported:
    """The types and numbers of one module; a typedef is what it stands for.

    Raises ``XdrError`` if the module is none that this compiler made.
    """

    def __init__(self, name: str) -> None:
        try:
            self.module: ModuleType = import_module(name)
        except ImportError as error:
            raise XdrError(f"cannot import {name}: {error}") from None
        self.codecs: dict[str, Codec[Any]] | None = getattr(self.module, "CODECS", None)
        if self.codecs is None:
            raise XdrError(f"{name} is not a generated module")
        self.definitions: dict[str, EnumDefinition | StructDefinition | UnionDefinition] = {}
        self.place = Place(name, 1, 1)

    def type(self, name: str) -> Type | None:
        """The type of that name, if there is one; what it is made of is in ``definitions`` from then on."""
        assert self.codecs is not None
        if (known := self.codecs.get(name)) is None:
            return None
        if isinstance(known, ChainCodec) and known.bare:
            return Named(self._defined(codec(known.kind)))
        return self._type(known)

    def number(self, name: str) -> int | None:
        """The constant or enumerator of that name, if there is one."""
        value = getattr(self.module, name, None)
        return int(value) if isinstance(value, int) and not isinstance(value, bool) else None

    def _key(self, name: str) -> str:
        """What the type is called among those of other files."""
        return f"{self.module.__name__}:{name}"

    def _type(self, kind: Any) -> Type:  # noqa: ANN401  # a codec or a class
        match known := codec(kind):
            case NumberCodec(form=form):
                return _NUMBERS[form.format[-1]]
            case SmallIntegerCodec(low=low, high=high):
                return Integer((high - low).bit_length(), low < 0)
            case BooleanCodec():
                return Boolean()
            case QuadrupleCodec():
                return Quadruple()
            case OpaqueCodec(maximum=maximum):
                return Opaque(False, maximum)
            case FixedOpaqueCodec(length=length):
                return Opaque(True, length)
            case StringCodec(maximum=maximum):
                return String(maximum)
            case ArrayCodec(element=element, maximum=maximum):
                return Array(self._type(element), False, maximum)
            case FixedArrayCodec(element=element, length=length):
                return Array(self._type(element), True, length)
            case OptionalCodec(element=element):
                return Optional(self._type(element))
            case ChainCodec(kind=node, bare=bare):
                return Chain(self._defined(codec(node)), bare)
            case EnumCodec() | StructCodec() | UnionCodec():
                return Named(self._defined(known))
        return Void()

    def _defined(self, known: Codec[Any]) -> str:
        """Take up the definition of an enum, struct or union; the answer is its key."""
        key = self._key(known.name)
        if key in self.definitions:
            return key
        match known:
            case EnumCodec(members=members):
                kind: type[IntEnum] = type(next(iter(members.values())))
                numbers = {name: int(member) for name, member in kind.__members__.items()}
                self.definitions[key] = EnumDefinition(key, numbers, self.place)
            case StructCodec(kind=made, fields=fields):
                node = hasattr(made, "_take_chain")
                struct = self.definitions[key] = StructDefinition(key, [], self.place, node)
                struct.fields = [Field(name, self._type(each)) for name, each in fields]
            case UnionCodec(discriminant=discriminant, switch=switch, arms=arms):
                union = UnionDefinition(key, Field(discriminant, self._type(switch)), [], self.place)
                self.definitions[key] = union
                for arm in arms:
                    held = next((Field(name, self._type(each)) for name, each in arm.fields), None)
                    union.arms.append(ArmDefinition(arm.kind.__name__, arm.cases, held, self.place))
        return key
