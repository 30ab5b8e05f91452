"""The programs of a server: which service performs a call."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import xdr
from rpcgss.rpc.errors import ProcedureUnavailable, ProgramMismatch, ProgramUnavailable
from rpcgss.rpc.flavors import Connection, Identity
from rpcgss.rpc.messages import ReceivedCall


@dataclass(eq=False, slots=True)
class Call:
    """What a service knows of a call besides its argument."""

    xid: int
    procedure: xdr.Procedure[Any, Any]
    identity: Identity
    connection: Connection


class Programs:
    """All that a server offers. Raises `ValueError` of two services of the same program and version."""

    def __init__(self, services: Iterable[xdr.Service[Call]]) -> None:
        self._services: Final[dict[int, dict[int, xdr.Service[Call]]]] = {}
        for service in services:
            if not isinstance(service, xdr.Service):
                raise TypeError(
                    f"{service!r} is no service: give an instance of a subclass of a generated service class"
                )
            versions = self._services.setdefault(service.PROGRAM, {})
            if service.VERSION in versions:
                raise ValueError(f"program {service.PROGRAM}, version {service.VERSION} is there twice")
            versions[service.VERSION] = service

    @property
    def numbers(self) -> list[tuple[int, int]]:
        """Programs, each with each of its versions."""
        return [(program, version) for program, versions in self._services.items() for version in versions]

    def find(self, call: ReceivedCall) -> tuple[xdr.Procedure[Any, Any], Callable[..., Awaitable[Any]]]:
        """The procedure that is called, and the method that performs it. Raises `Refusal`."""
        versions = self._services.get(call.program)
        if versions is None:
            raise ProgramUnavailable(f"there is no program {call.program}")
        service = versions.get(call.version)
        if service is None:
            raise ProgramMismatch(min(versions), max(versions))
        found = service.handler(call.procedure)
        if found is None:
            raise ProcedureUnavailable(f"program {call.program} has no procedure {call.procedure}")
        return found

    def procedure_name(self, call: ReceivedCall) -> str:
        """ "" if there is no such procedure."""
        service = self._services.get(call.program, {}).get(call.version)
        procedure = None if service is None else service.PROCEDURES.get(call.procedure)
        return "" if procedure is None else procedure.name

    def numbers_of(self, procedures: Collection[xdr.Procedure[Any, Any]]) -> frozenset[tuple[int, int, int]]:
        """Program, version and number of each procedure. Raises `ValueError` of one that no service has."""
        for procedure in procedures:
            if not isinstance(procedure, xdr.Procedure):
                raise TypeError(f"{procedure!r} is no procedure: give constants of a generated class")
            service = self._services.get(procedure.program, {}).get(procedure.version)
            if service is None or service.handler(procedure.number) is None:
                raise ValueError(f"{procedure.name} is to be executed at most once, but is of no service here")
        return frozenset((procedure.program, procedure.version, procedure.number) for procedure in procedures)
