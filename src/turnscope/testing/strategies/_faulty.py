"""A strategy of providers that are at fault now and then."""

from collections.abc import Sequence
from typing import TypeVar, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from turnscope.providers import LLM, STT, TTS, InterruptionDetector
from turnscope.sim import Distribution, Fault, FaultKind, Faulty, Uniform
from turnscope.testing._writing import made
from turnscope.testing.strategies._arguments import check_known, check_strategy, maybe

__all__ = ["faulty"]

T = TypeVar("T", bound=STT | LLM | TTS | InterruptionDetector)

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

OBEDIENT: tuple[FaultKind, ...] = tuple(kind for kind in KINDS if not kind.endswith("s_cancellation"))
"""All but those that do not stop when they are cancelled."""


def faulty(providers: SearchStrategy[T], kinds: Sequence[FaultKind] = OBEDIENT) -> SearchStrategy[T | Faulty]:
    """Providers that are as they should be, or have one fault, and may be slower than they should be.

    The simplest has no fault. What waits for a provider waits for `Agent.provider_timeout_s`, 10 s by default: an agent
    of shorter patience shows more of a fault in a short call.

    Args:
        providers: What is at fault.
        kinds: What can go wrong, as in `turnscope.sim.Fault`; the first is the simplest. By default all that stop when
            they are cancelled: with two providers that do not, a session ends with a `turnscope.ProviderError`.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    check_strategy("providers", providers)
    check_known("kinds", kinds, KINDS)
    return _faulty(providers, list(kinds))


@st.composite
def _faulty(draw: DrawFn, providers: SearchStrategy[T], kinds: list[FaultKind]) -> T | Faulty:
    provider = draw(providers)
    latencies: tuple[Distribution, ...] = (0.0, 0.0, 0.0, Uniform(0.0, 0.5))
    kind, latency = draw(maybe(kinds)), draw(st.sampled_from(latencies))
    if kind is None:
        return provider if latency == 0.0 else made(Faulty, provider, latency=latency)
    fault = Fault(
        kind=kind,
        call=draw(st.sampled_from((None, 1, 2))),
        after_items=draw(st.integers(0, 3)),
        delay_s=draw(st.sampled_from((1.0, 0.2, 3.0))),
    )
    return made(Faulty, provider, [fault], latency=latency)
