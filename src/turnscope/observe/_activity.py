"""Where somebody speaks in a recorded track, by a voice activity detector: stretches of samples.

Looks at whole tracks after the fact; what the ears of a session find while it runs is in its events.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples, SpeechBegan, SpeechEdges, SpeechEdgeSettings, to_samples
from turnscope.observe._spans import Span
from turnscope.providers import VAD

__all__ = ["SCORING_EDGES", "bridge_gaps", "find_speech", "on_ticks"]

SCORING_EDGES = SpeechEdgeSettings(threshold=0.5, min_speech_s=0.1, min_silence_s=0.1, prefix_padding_s=0.0)
"""What counts as speech in a recording: Silero's own defaults, but that 0.1 s of speech is enough, for short nods."""


def find_speech(samples: Samples, vad: VAD, edges: SpeechEdgeSettings = SCORING_EDGES) -> tuple[Span, ...]:
    """Where somebody speaks in a track.

    Args:
        samples: The track, at 16 kHz, shape ``(n,)``.
        vad: Who listens; it must take 16 kHz.
        edges: What counts as speech.

    Returns:
        Stretches of samples in order, that do not touch. They begin and end where a window of `vad` does, or with the
        track.

    Raises:
        ConfigError: The detector takes another rate.
    """
    if vad.input_hz != CLOCK_HZ:
        raise ConfigError(f"vad: {vad.name} listens at {vad.input_hz} Hz; {CLOCK_HZ} are needed")
    stream, counted, size = vad.open_stream(), SpeechEdges(edges), vad.window_samples
    windows = -(-(len(samples) + to_samples(edges.min_silence_s)) // size) + 1  # silence to end in
    padded = np.zeros(windows * size, np.float32)
    padded[: len(samples)] = samples
    found: list[Span] = []
    onset: int | None = None
    for start in range(0, windows * size, size):
        edge = counted.receive(float(stream.process(padded[start : start + size])), start, start + size)
        if isinstance(edge, SpeechBegan):
            onset = edge.onset
        elif edge is not None and onset is not None:
            found.append(Span(onset, min(edge.end, len(samples))))
            onset = None
    if onset is not None:
        found.append(Span(onset, len(samples)))
    return tuple(span for span in found if span.start < span.stop)


def bridge_gaps(speech: Iterable[Span], gap_s: float) -> tuple[Span, ...]:
    """The same, where gaps of at most `gap_s` seconds count as speech: pauses between words and sentences.

    Args:
        speech: Stretches in order.
        gap_s: The longest pause.
    """
    gap = to_samples(gap_s)
    bridged: list[Span] = []
    for span in speech:
        if bridged and span.start - bridged[-1].stop <= gap:
            bridged[-1] = Span(bridged[-1].start, max(bridged[-1].stop, span.stop))
        else:
            bridged.append(span)
    return tuple(bridged)


def on_ticks(speech: Sequence[Span], tick_s: float) -> tuple[Span, ...]:
    """The same on a grid of ticks: a tick in which somebody speaks at all is one of speech.

    Args:
        speech: Stretches in order.
        tick_s: Length of a tick, in seconds.

    Raises:
        ConfigError: `tick_s` is not positive.
    """
    if not tick_s > 0:
        raise ConfigError(f"tick_s: must be positive, got {tick_s}")
    tick = max(1, to_samples(tick_s))
    widened = [Span(span.start // tick * tick, -(-span.stop // tick) * tick) for span in speech]
    return bridge_gaps(widened, 0.0)
