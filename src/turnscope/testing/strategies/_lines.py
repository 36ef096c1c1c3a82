"""A strategy of ways from the caller to the agent, from a perfect one to a bad line."""

from collections.abc import Sequence
from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from turnscope._errors import ConfigError
from turnscope.sim import Codec, Media, Packets, Uniform
from turnscope.testing.strategies._arguments import check_seconds, seconds

__all__ = ["lines"]


def lines(
    *,
    codecs: Sequence[Codec | None] = (None,),
    max_delay_s: float = 0.2,
    max_loss: float = 0.1,
    max_jitter_s: float = 0.06,
) -> SearchStrategy[Media | None]:
    """Ways from the caller to the agent. The simplest is None, which is a perfect one.

    What words fakes can read out of what has passed a codec, or has lost packets, is up to chance.

    Args:
        codecs: How the audio is coded; None for not at all. No word code outlives ``mulaw``.
        max_delay_s: How long the way takes at most, in seconds.
        max_loss: How many of the packets are lost at most, 0 to 0.5.
        max_jitter_s: How much later than the fastest a packet comes at most, in seconds.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    for codec in codecs:
        if codec is not None and codec not in get_args(Codec):
            raise ConfigError(f"codecs must be of {', '.join(get_args(Codec))} and None; got {codec!r}")
    if not codecs:
        raise ConfigError("codecs must be a list of one or more, got none")
    check_seconds("max_delay_s", max_delay_s)
    check_seconds("max_jitter_s", max_jitter_s)
    if not 0 <= max_loss <= 0.5:
        raise ConfigError(f"max_loss must be from 0 to 0.5, got {max_loss:g}")
    return st.none() | _lines(list(codecs), max_delay_s, max_loss, max_jitter_s)


@st.composite
def _lines(draw: DrawFn, codecs: list[Codec | None], max_delay_s: float, max_loss: float, max_jitter_s: float) -> Media:
    device: dict[str, Any] = {
        "codec": draw(st.sampled_from(codecs)),
        "gain_db": draw(st.sampled_from((0.0, -6.0, 6.0))),
        "clip_dbfs": draw(st.sampled_from((0.0, -12.0))),
        "delay_s": draw(seconds(0.0, max_delay_s)),
    }
    if not draw(st.booleans()):
        return Media(**device)
    network = Packets(
        loss=draw(st.integers(0, round(max_loss * 100))) / 100,
        jitter_s=Uniform(0.0, draw(seconds(0.0, max_jitter_s))),
        reordered=draw(st.sampled_from((0.0, 0.05))),
        duplicated=draw(st.sampled_from((0.0, 0.05))),
    )
    return Media(**device, packets=network)
