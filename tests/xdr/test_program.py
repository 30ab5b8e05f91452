"""Generated clients and services."""

from typing import TypeVar

import pytest

import xdr
from examples.echo.echo_xdr import ECHO_V1, ECHO_V1_Client, ECHO_V1_Service
from tests.xdr.everything import TEXT
from tests.xdr.strategies import module

A = TypeVar("A")
R = TypeVar("R")

M = module(TEXT, "programs")


class Echo(ECHO_V1_Service[str]):
    """Answers with who called."""

    async def ECHO(self, call: str, arg: str) -> str:
        return f"{call}: {arg}"


class Wire:
    """A call that goes through octets to a service and back."""

    def __init__(self, service: xdr.Service[str]) -> None:
        self.service = service

    async def __call__(self, procedure: xdr.Procedure[A, R], argument: A, /) -> R:
        found = self.service.handler(procedure.number)
        assert found is not None
        there, method = found
        assert there is procedure
        arrived = there.argument.decode(procedure.argument.encode(argument))
        arguments = () if there.argument is xdr.VOID else (arrived,)
        return procedure.result.decode(there.result.encode(await method("alice", *arguments)))


async def test_a_call_there_and_back() -> None:
    client = ECHO_V1_Client(Wire(Echo()))
    assert await client.ECHO("hello") == "alice: hello"
    await client.ECHO_NULL()


async def test_what_is_not_there() -> None:
    assert Echo().handler(7) is None
    with pytest.raises(xdr.ProcedureUnavailable, match="ECHO"):
        await ECHO_V1_Service[str]().ECHO("call", "hello")


def test_numbers() -> None:
    assert (ECHO_V1.PROGRAM, ECHO_V1.VERSION) == (0x20000099, 1)
    assert (ECHO_V1.ECHO.program, ECHO_V1.ECHO.version, ECHO_V1.ECHO.number) == (0x20000099, 1, 1)
    assert hash(ECHO_V1.ECHO) == hash(ECHO_V1.ECHO)
    assert set(M.TEST_V1_Service.PROCEDURES) == set(range(7))


async def test_every_shape_of_argument_and_result() -> None:
    class Mirror(M.TEST_V1_Service):  # type: ignore[name-defined, misc]  # made at run time
        async def WORD(self, call: str, arg: str) -> str:
            return arg

        async def BARE(self, call: str, arg: str) -> str:
            return arg

        async def NODES(self, call: str, arg: list[object]) -> list[object]:
            return arg[::-1]

        async def COLOUR(self, call: str, arg: int) -> object:
            return M.colour(arg)

        async def ANSWER(self, call: str) -> None:
            pass

    client = M.TEST_V1_Client(Wire(Mirror()))
    assert await client.WORD("word") == "word"
    assert await client.BARE("much longer") == "much longer"
    assert await client.NODES([M.node("a"), M.node("b")]) == [M.node("b"), M.node("a")]
    assert await client.COLOUR(3) is M.GREEN
    await client.ANSWER()
    await client.NULL()


def test_several_arguments_travel_as_a_struct() -> None:
    assert M.TEST_V2.SUM.argument.encode(M.SUM_args(1, 2)) == bytes.fromhex("0000000100000002")
