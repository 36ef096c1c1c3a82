"""Where a provider's failures become ours: named, typed, and never an exception group."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TypeVar

import trio

from turnscope._errors import ConfigError, ProviderError, TransportError

__all__ = [
    "as_provider_error",
    "blame",
    "blame_transport",
    "first_error",
    "next_item",
    "open_blamed",
    "outermost_error",
]

T = TypeVar("T")


def outermost_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What came out of a nursery: the first thing in its group that holds more than cancellations, as it was raised."""
    return next((error for error in group.exceptions if not _is_cancelled(first_error(error))), group.exceptions[0])


def first_error(error: BaseException) -> BaseException:
    """The exception to show for `error`: the first in a group that is no cancellation, or `error` itself."""
    return first_error(outermost_error(error)) if isinstance(error, BaseExceptionGroup) else error


def _is_cancelled(error: BaseException) -> bool:
    return isinstance(error, trio.Cancelled)


def as_provider_error(provider: str, error: BaseException) -> ProviderError:
    """What `error` comes down to, as a failure of `provider` unless it says another one itself."""
    original = first_error(error)
    if isinstance(original, ProviderError):
        return original
    failure = ProviderError(provider, f"{type(original).__name__}: {original}")
    failure.__cause__ = original
    return failure


@contextmanager
def blame(provider: str) -> Generator[None]:
    """Turn whatever `provider` raises into one `ProviderError`, with the original as its cause.

    Cancellation passes, and so does `ConfigError`, which says what the user can do.
    """
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        original = first_error(error)
        if isinstance(original, ConfigError):
            raise original from error
        raise as_provider_error(provider, error) from original
    except BaseExceptionGroup as group:
        cancelled, failed = group.split(trio.Cancelled)
        if cancelled is None or failed is None:
            raise
        raise BaseExceptionGroup(group.message, [cancelled, as_provider_error(provider, failed)]) from group


@contextmanager
def blame_transport() -> Generator[None]:
    """Turn whatever a transport raises into a `TransportError`, with the original as its cause."""
    try:
        yield
    except TransportError:
        raise
    except Exception as error:
        original = first_error(error)
        raise TransportError(f"{type(original).__name__}: {original}") from original


@asynccontextmanager
async def open_blamed(
    provider: str, stream: AbstractAsyncContextManager[T], busy: list[str], timeout_s: float
) -> AsyncGenerator[T]:
    """`stream`, with what its opening and closing raise blamed on `provider`, which stands in `busy` meanwhile.

    Raises:
        ProviderError: Opening or closing raised, or took longer than `timeout_s`.
    """
    busy.append(provider)
    doing = "open"
    try:
        with blame(provider):
            with trio.CancelScope(deadline=trio.current_time() + timeout_s) as scope:
                async with stream as opened:
                    doing, scope.deadline = "close", math.inf
                    try:
                        yield opened
                    finally:
                        scope.deadline = trio.current_time() + timeout_s
            if scope.cancelled_caught:
                raise ProviderError(provider, f"did not {doing} within {timeout_s:g} s")
    finally:
        busy.remove(provider)


async def next_item(provider: str, items: AsyncIterator[T], timeout_s: float) -> T | None:
    """The next item of a provider's stream, or None at its end.

    Raises:
        ProviderError: It raised, or gave nothing for `timeout_s`.
    """
    with blame(provider), trio.move_on_after(timeout_s):
        try:
            return await anext(items)
        except StopAsyncIteration:
            return None
    raise ProviderError(provider, f"gave nothing for {timeout_s:g} s")
