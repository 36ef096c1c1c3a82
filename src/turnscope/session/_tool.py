"""A tool: a plain function that the model can call, and what becomes of a call when the caller interrupts."""

import inspect
import math
import re
from collections.abc import Callable
from typing import Any, Literal, get_args, overload

import msgspec

from turnscope._errors import ConfigError
from turnscope.providers import Compute, ToolSpec
from turnscope.session._tool_context import ToolContext
from turnscope.session._tool_shape import ToolShape, shape_of

__all__ = ["OnInterruption", "Tool", "tool"]

OnInterruption = Literal["cancel", "finish_discard", "finish_keep", "detach"]
"""What becomes of a call that runs when its answer is interrupted or taken back; see `Tool`."""

MAX_RESULT_CHARS = 20_000
"""A longer result is cut: the model would be given it again with every question."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Tool:
    """A function that the model can call.

    The model is told its name, what its docstring says, and the types of its parameters. A parameter that is annotated
    with `ToolContext` is filled in by the session. What the function returns is given to the model: text as it is,
    anything else as JSON. An exception is told to the model as a failure, with its message.

    Args:
        function: Async, or synchronous; a synchronous one runs in a thread, which is abandoned when the call is
            cancelled. Each of its parameters needs a type that JSON can hold.
        name: What the model calls it by; by default the function's name.
        description: What it does and when to use it; by default what the docstring says before its first section.
        on_interruption: What becomes of a call that runs when the caller interrupts:
            ``cancel`` cancels it;
            ``finish_discard`` lets it go on to its end, and gives its result to nobody;
            ``finish_keep`` lets it go on for at most `keep_s`, and the next answer waits for its result;
            ``detach`` lets it go on for as long as the session lasts; its result is put into the conversation when it
            has come.
        keep_s: How long ``finish_keep`` goes on, in seconds.
        timeout_s: A call that takes longer is cancelled and has failed. None for `Agent.tool_timeout_s`.
        announce: With ``detach``: the agent says something about the result when it has come.
        cost_s: What a synchronous function costs in virtual time, in seconds.

    Raises:
        ConfigError: An argument is wrong, or the function cannot be a tool.
    """

    def __init__(
        self,
        function: Callable[..., object],
        *,
        name: str | None = None,
        description: str | None = None,
        on_interruption: OnInterruption = "cancel",
        keep_s: float = 2.0,
        timeout_s: float | None = None,
        announce: bool = False,
        cost_s: float = 0.0,
    ) -> None:
        if not callable(function):
            raise ConfigError(f"a tool must be a function, got {type(function).__name__}")
        name = name if name is not None else getattr(function, "__name__", type(function).__name__)
        if not _NAME.fullmatch(name):
            raise ConfigError(f"name of a tool must be 1 to 64 letters, digits, _ or -; got {name!r}")
        where = f"tool {name}"
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise ConfigError(f"{where}: a function with `yield` cannot be a tool; return the result")
        if on_interruption not in get_args(OnInterruption):
            known = ", ".join(get_args(OnInterruption))
            raise ConfigError(f"{where}: on_interruption must be one of {known}; got {on_interruption!r}")
        for key, value in (("keep_s", keep_s), ("timeout_s", 1 if timeout_s is None else timeout_s)):
            if not 0 < value < math.inf:
                raise ConfigError(f"{where}: {key} must be positive, got {value}")
        if not 0 <= cost_s < math.inf:
            raise ConfigError(f"{where}: cost_s must be 0 or more, got {cost_s}")
        if announce and on_interruption != "detach":
            raise ConfigError(f'{where}: announce needs on_interruption="detach"')
        self._shape: ToolShape = shape_of(function, where)
        self.function: Callable[..., object] = function
        self.name: str = name
        self.description: str = self._shape.summary if description is None else description
        self.on_interruption: OnInterruption = on_interruption
        self.keep_s: float = keep_s
        self.timeout_s: float | None = timeout_s
        self.announce: bool = announce
        self.cost_s: float = cost_s

    def __repr__(self) -> str:
        return f"<Tool {self.name!r}>"

    @property
    def spec(self) -> ToolSpec:
        """What a model is told of it."""
        return ToolSpec(self.name, self.description, self._shape.parameters)

    def read(self, arguments: str) -> dict[str, object]:
        """The arguments that a model has written, as values of the declared types."""
        return self._shape.read(arguments)

    async def call(self, arguments: dict[str, object], context: ToolContext, compute: Compute) -> object:
        """Call the function, in a thread if it is synchronous."""
        if self._shape.context is not None:
            arguments = {**arguments, self._shape.context: context}
        if is_async(self.function):
            return await self.function(**arguments)  # type: ignore[misc]  # it was just seen to be async
        return await compute.run(lambda: self.function(**arguments), cost_s=self.cost_s, name=self.name)


@overload
def tool(function: Callable[..., object], /) -> Tool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    on_interruption: OnInterruption = "cancel",
    keep_s: float = 2.0,
    timeout_s: float | None = None,
    announce: bool = False,
    cost_s: float = 0.0,
) -> Callable[[Callable[..., object]], Tool]: ...


def tool(function: Callable[..., object] | None = None, /, **settings: Any) -> Tool | Callable[..., Tool]:
    """Make a `Tool` of the function below: ``@tool``, or ``@tool(...)`` with the arguments of `Tool`.

    The function itself is then `Tool.function`.
    """

    def make(wrapped: Callable[..., object]) -> Tool:
        return Tool(wrapped, **settings)

    return make if function is None else make(function)


def is_async(function: Callable[..., object]) -> bool:
    """Calling `function` gives something to await."""
    called = vars(type(function)).get("__call__")  # an object may have an async one
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def written(value: object) -> str:
    """A tool's result as text for the model.

    Raises:
        TypeError: It cannot be written as JSON.
    """
    if inspect.iscoroutine(value):
        value.close()
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_RESULT_CHARS else f"{text[:MAX_RESULT_CHARS]}… (cut: it has {len(text)} characters)"
