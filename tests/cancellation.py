"""Cancel an operation at its every await: what tests need to show that nothing is left half done."""

from collections.abc import Awaitable, Callable

import trio

MOST_STEPS = 400


async def cancelled_at_every_step(
    operation: Callable[[], Awaitable[object]], check: Callable[[], Awaitable[None]]
) -> int:
    """Run `operation` over and over: cancelled before it begins, then at the first step of its, or of any task that it
    has started, then at the second, until it gets through undisturbed. After each time, `check` has a look. Returns
    how many steps there were.

    A step is what a task does between two awaits that give way to others. Cancelled at a step, it finds out at its
    next checkpoint.
    """
    for step in range(MOST_STEPS):
        with trio.CancelScope() as scope:
            steps = _Steps(step, scope)
            if not step:
                scope.cancel()
            trio.lowlevel.add_instrument(steps)
            try:
                await operation()
            finally:
                trio.lowlevel.remove_instrument(steps)
        await check()
        if step > steps.taken:
            assert not scope.cancelled_caught
            return steps.taken
    raise AssertionError(f"it never got through in {MOST_STEPS} steps")


class _Steps(trio.abc.Instrument):
    """Counts the steps of the task that makes it and of those that this task starts from now on."""

    def __init__(self, last: int, scope: trio.CancelScope) -> None:
        self.taken = 0
        self._last = last
        self._scope = scope
        self._root = trio.lowlevel.current_task()
        self._nurseries = set(self._root.child_nurseries)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._counts(task):
            self.taken += 1
            if self.taken == self._last:
                self._scope.cancel()

    def _counts(self, task: trio.lowlevel.Task) -> bool:
        while task is not self._root:
            nursery = task.parent_nursery
            if nursery is None or nursery in self._nurseries:
                return False  # it was there before
            task = nursery.parent_task
        return True
