"""Several workers at once, whose first error comes out as itself and not as a group."""

from collections.abc import Awaitable, Callable

import trio


async def in_parallel(count: int, worker: Callable[[], Awaitable[None]]) -> None:
    """Run `count` workers to their end. The first error ends the others and is raised alone, for a person to read.

    Cancelled, all workers are cancelled and have ended when this does.
    """
    if count <= 1:
        await worker()
        return
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(worker)
    except ExceptionGroup as group:
        raise first_error(group) from None


def first_error(group: ExceptionGroup[Exception]) -> Exception:
    """The first of the errors in a group of groups."""
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
