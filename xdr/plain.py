"""Values as what JSON can say, and back: for looking at octets, and for writing them by hand.

Structs are objects; a union is an object with its discriminant and, if its arm holds something, that. Enums are
names, octets hexadecimal strings, linked lists arrays, void and an absent optional null.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

from .codecs import (
    ArrayCodec,
    Codec,
    EnumCodec,
    FixedArrayCodec,
    FixedOpaqueCodec,
    OpaqueCodec,
    OptionalCodec,
    Quadruple,
    QuadrupleCodec,
    codec,
)
from .errors import EncodeError
from .value import Arm, ChainCodec, StructCodec, UnionCodec

Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None


def to_plain(kind: Codec[Any], value: Any) -> Plain:  # noqa: ANN401  # of whatever type the codec is
    """A value in plain terms."""
    match kind:
        case OpaqueCodec() | FixedOpaqueCodec():
            return bytes(value).hex()
        case QuadrupleCodec():
            return str(value.octets.hex())
        case EnumCodec():
            return str(value.name)
        case ArrayCodec(element=element) | FixedArrayCodec(element=element):
            return [to_plain(codec(element), item) for item in value]
        case ChainCodec(kind=node):
            return [to_plain(codec(node), item) for item in value]
        case OptionalCodec(element=element):
            return None if value is None else to_plain(codec(element), value)
        case StructCodec(fields=fields):
            return {name: to_plain(codec(each), getattr(value, name)) for name, each in fields}
        case UnionCodec(discriminant=name, switch=switch, arms=arms):
            arm = next(arm for arm in arms if type(value) is arm.kind)
            held = {field: to_plain(codec(each), getattr(value, field)) for field, each in arm.fields}
            return {name: to_plain(codec(switch), getattr(value, name)), **held}
    plain: Plain = value
    return plain


def from_plain(kind: Codec[Any], plain: Any, path: str = "") -> Any:  # noqa: ANN401
    """The value that plain terms describe. Raises ``EncodeError`` where they describe none."""
    path = path or kind.name
    try:
        return _from_plain(kind, plain, path)
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, EncodeError):
            raise
        octets = isinstance(kind, OpaqueCodec | FixedOpaqueCodec | QuadrupleCodec)
        raise EncodeError(f"{plain!r:.60} is not {'hexadecimal' if octets else kind.name}", path) from None


def _from_plain(kind: Codec[Any], plain: Any, path: str) -> Any:  # noqa: ANN401
    match kind:
        case OpaqueCodec() | FixedOpaqueCodec():
            return bytes.fromhex(plain)
        case QuadrupleCodec():
            return Quadruple(bytes.fromhex(plain))
        case EnumCodec(members=members):
            found = [member for member in members.values() if plain in (member.name, member.value)]
            return found[0] if found else _refuse(plain, kind, path)
        case ArrayCodec(element=element) | FixedArrayCodec(element=element):
            return _items(codec(element), plain, path)
        case ChainCodec(kind=node):
            return _items(codec(node), plain, path)
        case OptionalCodec(element=element):
            return None if plain is None else from_plain(codec(element), plain, path)
        case StructCodec(kind=made, fields=fields):
            return made(*_fields(fields, _object(plain, {name for name, _ in fields}, kind, path), path))
        case UnionCodec():
            return _union(kind, plain, path)
    kind.check(plain, path)
    return plain


def _union(union: UnionCodec[Any], plain: Any, path: str) -> Any:  # noqa: ANN401
    if not isinstance(plain, Mapping) or union.discriminant not in plain:
        _refuse(plain, union, path)
    switch = from_plain(codec(union.switch), plain[union.discriminant], f"{path}.{union.discriminant}")
    arm = _arm(union, switch)
    if arm is None:
        raise EncodeError(f"{switch!r} selects no arm", f"{path}.{union.discriminant}")
    known = {union.discriminant, *(name for name, _ in arm.fields)}
    values = _fields(arm.fields, _object(plain, known, union, path), path)
    return arm.kind(*([switch] if arm.has_discriminant else []), *values)


def _arm(union: UnionCodec[Any], switch: int) -> Arm | None:
    chosen = (arm for arm in union.arms if arm.cases is not None and switch in arm.cases)
    return next(chosen, None) or next((arm for arm in union.arms if arm.cases is None), None)


def _items(element: Codec[Any], plain: Any, path: str) -> list[Any]:  # noqa: ANN401
    if not isinstance(plain, list):
        raise EncodeError(f"{plain!r:.60} is not a list", path)
    return [from_plain(element, item, f"{path}[{index}]") for index, item in enumerate(plain)]


def _fields(fields: tuple[tuple[str, Any], ...], plain: Mapping[str, Any], path: str) -> list[Any]:
    for name, _ in fields:
        if name not in plain:
            raise EncodeError("not given", f"{path}.{name}")
    return [from_plain(codec(kind), plain[name], f"{path}.{name}") for name, kind in fields]


def _object(plain: Any, known: set[str], kind: Codec[Any], path: str) -> Mapping[str, Any]:  # noqa: ANN401
    if not isinstance(plain, Mapping):
        _refuse(plain, kind, path)
    for name in plain.keys() - known:
        raise EncodeError(f"{kind.name} has no such field here", f"{path}.{name}")
    return plain


def _refuse(plain: Any, kind: Codec[Any], path: str) -> NoReturn:  # noqa: ANN401
    raise EncodeError(f"{plain!r:.60} is not {kind.name}", path)
