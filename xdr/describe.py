"""The expressions for codecs, as a generated module writes them."""

from .model import (
    Alias,
    Array,
    Boolean,
    Chain,
    Floating,
    Integer,
    Named,
    Opaque,
    Optional,
    Quadruple,
    String,
    Type,
    Void,
    plain,
)
from .straight import Context


def kind_expression(context: Context, kind: Type) -> str:
    """A type inside another: a class may be named before its codec exists."""
    kind = plain(kind)
    return context.names[kind.name] if isinstance(kind, Named) else codec_expression(context, kind)


def codec_expression(context: Context, kind: Type, name: str = "") -> str:
    """The expression for a codec; ``name`` if it is a typedef's."""
    named = f', name="{name}"' if name else ""
    need = context.need
    match kind:
        case Void():
            return need("VOID")
        case Integer(bits=bits, signed=signed) if bits < 32:
            return f"{need('integer')}({bits}, {signed})"
        case Integer(bits=bits, signed=signed):
            return need(("INTEGER" if signed else "UNSIGNED") + ("_64" if bits == 64 else ""))
        case Boolean():
            return need("BOOL")
        case Floating(bits=bits):
            return need("REAL_64" if bits == 64 else "REAL")
        case Quadruple():
            return need("QUADRUPLE")
        case Opaque(fixed=fixed, size=size):
            return f"{need('opaque_fixed' if fixed else 'opaque')}({size}{named})"
        case String(maximum=maximum):
            return f"{need('string')}({maximum}{named})"
        case Array(element=element, fixed=fixed, size=size):
            return f"{need('array_fixed' if fixed else 'array')}({kind_expression(context, element)}, {size}{named})"
        case Optional(element=element):
            return f"{need('optional')}({kind_expression(context, element)}{named})"
        case Chain(node=node, bare=bare):
            return f"{need('chain')}({context.names[node]}{', True' if bare else ''})"
        case Named(name=target):
            return f"{need('codec')}({context.names[target]})"
        case Alias(name=alias, target=target):
            return codec_expression(context, target, name or alias)
