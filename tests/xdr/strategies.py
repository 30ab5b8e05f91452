"""Hypothesis strategies for anything that has a codec."""

import sys
from dataclasses import fields
from importlib import util
from types import ModuleType
from typing import Any

from hypothesis import strategies as st

import xdr
from xdr import codecs
from xdr import value as values
from xdr.compile import compile_text

LONGEST = 12


def module(text: str, name: str) -> ModuleType:
    """The module that ``text`` compiles to, imported."""
    return imported(compile_text(text, f"{name}.x"), f"made_{name}_xdr")


def imported(source: str, name: str) -> ModuleType:
    """A module made of source text."""
    specification = util.spec_from_loader(name, loader=None)
    assert specification is not None
    made = util.module_from_spec(specification)
    sys.modules[name] = made  # dataclasses look their module up
    exec(compile(source, name, "exec"), made.__dict__)
    return made


_KNOWN: dict[Any, st.SearchStrategy[Any]] = {}


def anything(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  # codecs of every type
    """Values of a codec or generated class, valid ones."""
    if kind not in _KNOWN:
        _KNOWN[kind] = _strategy(xdr.codec(kind))
    return _KNOWN[kind]


def has_nul(value: object) -> bool:
    """Whether a string in a value holds a NUL, which C takes for its end."""
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(has_nul, value))
        case xdr.Value():
            return any(has_nul(getattr(value, each.name)) for each in fields(value))  # type: ignore[arg-type]
    return False


def _strategy(codec: xdr.Codec[Any]) -> st.SearchStrategy[Any]:
    match codec:
        case codecs.VoidCodec():
            return st.none()
        case codecs.NumberCodec(form=form):
            return _number(form.format)
        case codecs.SmallIntegerCodec(low=low, high=high):
            return st.integers(low, high)
        case codecs.BooleanCodec():
            return st.booleans()
        case codecs.QuadrupleCodec():
            return st.binary(min_size=16, max_size=16).map(codecs.Quadruple)
        case codecs.OpaqueCodec(maximum=maximum):
            return st.binary(max_size=min(maximum, LONGEST))
        case codecs.FixedOpaqueCodec(length=length):
            return st.binary(min_size=length, max_size=length)
        case codecs.StringCodec(maximum=maximum):
            octets = st.binary(max_size=min(maximum, LONGEST))
            return octets.map(lambda data: data.decode("utf-8", "surrogateescape"))
        case codecs.EnumCodec(members=members):
            return st.sampled_from(sorted(members.values()))
        case codecs.ArrayCodec(element=element, maximum=maximum):
            return st.lists(_field(element), max_size=min(maximum, 2))
        case codecs.FixedArrayCodec(element=element, length=length):
            return st.lists(anything(element), min_size=length, max_size=length)
        case codecs.OptionalCodec(element=element):
            return st.none() | st.deferred(lambda: anything(element))
        case values.ChainCodec(kind=node, bare=bare):
            return st.lists(st.deferred(lambda: anything(node)), min_size=int(bare), max_size=2)
        case values.StructCodec(kind=made, fields=described):
            return st.builds(made, *(_field(each) for _, each in described))
        case values.UnionCodec():
            return st.one_of([_arm(codec, arm) for arm in _short_first(codec.arms)])
    raise AssertionError(f"no strategy for {codec}")


def _number(form: str) -> st.SearchStrategy[Any]:
    match form[-1]:
        case "f":
            return st.floats(width=32, allow_nan=False)
        case "d":
            return st.floats(allow_nan=False)
    bits = 64 if form[-1] in "qQ" else 32
    return st.integers(0, 2**bits - 1) if form[-1].isupper() else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _field(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401
    return st.deferred(lambda: anything(kind))


def _short_first(arms: tuple[values.Arm, ...]) -> list[values.Arm]:
    """Arms that end the value come first: Hypothesis shrinks to those."""
    return sorted(arms, key=lambda arm: len(arm.fields))


def _arm(union: values.UnionCodec[Any], arm: values.Arm) -> st.SearchStrategy[Any]:
    held = [_field(kind) for _, kind in arm.fields]
    if not arm.has_discriminant:
        return st.builds(arm.kind, *held)
    switch = anything(union.switch)
    if arm.cases is not None:
        wanted = arm.cases
        switch = st.sampled_from(wanted).map(lambda case: _named(union.switch, case))
    else:
        taken = union.explicit_cases()
        if all(value in taken for value in _all(union.switch)):
            return st.nothing()
        switch = switch.filter(lambda value: value not in taken)
    return st.builds(arm.kind, switch, *held)


def _all(switch: Any) -> list[Any]:  # noqa: ANN401
    """Every value of an enum or bool; others have too many."""
    codec = xdr.codec(switch)
    if isinstance(codec, codecs.EnumCodec):
        return list(codec.members.values())
    return [False, True] if isinstance(codec, codecs.BooleanCodec) else [None]


def _named(switch: Any, case: int) -> Any:  # noqa: ANN401
    codec = xdr.codec(switch)
    if isinstance(codec, codecs.EnumCodec):
        return codec.members[case]
    return bool(case) if isinstance(codec, codecs.BooleanCodec) else case
