"""Work that always comes to the same: whoever runs it may keep what it came to, and give that the next time."""

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Pure"]

T = TypeVar("T")


class Pure(Generic[T]):
    """A function with its arguments, to be called without any; its result depends on nothing else.

    `Compute.run` takes it like any other work. A sweep of the simulator, which holds one conversation thousands of
    times, computes equal work once; everybody else just calls it.

    Args:
        function: Pure, and of a process-wide object if it is a method: two calls are known to be equal by it.
        arguments: Arrays, frozen dataclasses of such, or anything hashable. Neither they nor the result are changed.
    """

    __slots__ = ("arguments", "function")

    def __init__(self, function: Callable[..., T], *arguments: object) -> None:
        self.function: Callable[..., T] = function
        self.arguments: tuple[object, ...] = arguments

    def __call__(self) -> T:
        """Do the work."""
        return self.function(*self.arguments)
