"""What generated clients and services are made of (program definitions: RFC 5531, 12)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from .codecs import Codec
from .errors import XdrError

A = TypeVar("A")
R = TypeVar("R")
CallT = TypeVar("CallT", contravariant=True)


@dataclass(frozen=True, slots=True)
class Procedure(Generic[A, R]):
    """One procedure: its three numbers, its name, and the types of its argument and result."""

    program: int
    version: int
    number: int
    name: str
    argument: Codec[A]
    result: Codec[R]


class AsyncCall(Protocol):
    """How a generated client calls: a procedure and its argument (None for void) give the result."""

    async def __call__(self, procedure: Procedure[A, R], argument: A, /) -> R:
        """Make the call and await its result."""


class ProcedureUnavailable(XdrError):
    """A service has no such procedure, or has not implemented it."""


class Service(Generic[CallT]):
    """Base of generated services: one program version. ``CallT`` is whatever a server hands to each procedure."""

    PROGRAM: ClassVar[int]
    VERSION: ClassVar[int]
    PROCEDURES: ClassVar[dict[int, Procedure[Any, Any]]]

    def handler(self, number: int) -> tuple[Procedure[Any, Any], Callable[..., Awaitable[Any]]] | None:
        """The procedure of that number and the bound method for it, or None.

        The method takes the call and the argument, or the call alone if ``procedure.argument`` is ``VOID``.
        """
        procedure = self.PROCEDURES.get(number)
        return None if procedure is None else (procedure, getattr(self, procedure.name))
