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

Provider = TypeVar("Provider", bound=STT | LLM | TTS | InterruptionDetector)

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


def faulty(
    providers: SearchStrategy[Provider], kinds: Sequence[FaultKind] = KINDS
) -> SearchStrategy[Provider | Faulty]:
    """Providers that are as they should be, or have one fault, and may be slower than they should be.

    The simplest has no fault. What waits for a provider waits for `Agent.provider_timeout_s`, 10 s by default: an agent
    of shorter patience shows more of a fault in a short call.

    Args:
        providers: What is at fault.
        kinds: What can go wrong, as in `turnscope.sim.Fault`; the first is the simplest.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    check_strategy("providers", providers)
    check_known("kinds", kinds, KINDS)
    return _faulty(providers, list(kinds))


@st.composite
def _faulty(draw: DrawFn, providers: SearchStrategy[Provider], kinds: list[FaultKind]) -> Provider | Faulty:
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
