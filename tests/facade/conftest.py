"""What tests of the façades have in common: nothing may be left behind."""

import gc
import os
import threading
from collections.abc import Iterator

import pytest
import trio

from rpcgss import blocking
from rpcgss.loop import background_loop


def tasks_on_the_loop() -> int:
    async def count() -> int:
        root = trio.lowlevel.current_root_task()
        assert root is not None
        tasks = [task for nursery in root.child_nurseries for task in nursery.child_tasks]
        # That of a target's ends by itself, a few seconds after the last attempt.
        return sum(not task.name.endswith("._end_silent_waits") for task in tasks)

    return blocking._wait_for(background_loop(), count)


def inventory() -> tuple[int, int, int, set[str]]:
    """Errands, tasks and descriptors, and threads but for the test run's own and the idle ones that trio keeps."""
    gc.collect()
    passing = ("Trio thread ", "pytest_timeout ")
    threads = {thread.name for thread in threading.enumerate() if not thread.name.startswith(passing)}
    return len(background_loop().errands), tasks_on_the_loop(), len(os.listdir("/proc/self/fd")), threads


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    if "realm" in request.fixturenames:
        request.getfixturevalue("realm")
    background_loop()
    before = inventory()
    yield
    assert inventory() == before
