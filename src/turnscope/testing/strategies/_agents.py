"""Strategies of agents that are fakes throughout: how fast their parts are, what they say, which tools they have."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from turnscope._errors import ConfigError
from turnscope.core import Endpointing, InterruptionSettings, Reaction, Speculation, SpeculationPolicy
from turnscope.providers import LLM, STT, TTS, Rule, ScriptedCall, ScriptedLLM
from turnscope.session import Agent, OnInterruption, Tool
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD
from turnscope.testing._slow_tool import slow_tool
from turnscope.testing._writing import made
from turnscope.testing.strategies._arguments import check_strategy, listed, maybe

__all__ = ["REPLIES", "agents", "fake_llms", "fake_stts", "fake_ttss", "slow_tools"]

T = TypeVar("T")

REPLIES = (
    "Yes.",
    "Your order is two lattes, and it is ready soon.",
    "Two lattes and a large mocha with oat milk. They will be ready in ten minutes. Anything else?",
)
"""What drawn agents say unless other replies are given: one word, a sentence, three of them."""


def _of(make: Callable[..., T], **parts: Sequence[Any]) -> SearchStrategy[T]:
    """Calls of `make` with one of each of these; the first is the simplest, and should be the default."""
    return st.builds(
        lambda **drawn: made(make, **drawn), **{name: st.sampled_from(part) for name, part in parts.items()}
    )


def fake_stts() -> SearchStrategy[FakeSTT]:
    """Recognizers of word code that are quicker and slower. The simplest has `FakeSTT`'s latencies."""
    return _of(FakeSTT, interim_latency_s=(0.05, 0.0, 0.2, 0.6), final_latency_s=(0.1, 0.0, 0.5, 1.0))


def fake_ttss() -> SearchStrategy[FakeTTS]:
    """Voices of word code, quicker and slower than they have to be, that tell where their words are or do not."""
    return _of(
        FakeTTS,
        first_audio_s=(0.1, 0.0, 0.4),
        words_per_s=(3.0, 5.0),
        real_time_factor=(0.1, 0.0, 0.9, 1.3),
        timings=(True, False),
    )


def fake_llms(replies: Sequence[str] = REPLIES, *, tools: Sequence[Tool] = ()) -> SearchStrategy[ScriptedLLM]:
    """Language models that give one of `replies` to everything, at different speeds.

    Args:
        replies: The first is the simplest.
        tools: Each may be called, instead, in the caller's first or second turn.

    Raises:
        ConfigError: There is nothing to reply.
    """
    texts = listed("replies", replies)
    rules = st.tuples(*(st.sampled_from((1, 2, None)) for _ in tools)).map(
        lambda turns: [
            rule
            for tool, turn in zip(tools, turns, strict=True)
            if turn is not None
            for rule in (
                Rule("", "One moment.", turn=turn, calls=[ScriptedCall(tool.name)]),
                Rule("", f"I have an answer from {tool.name}.", after=tool.name),
            )
        ]
    )
    return st.builds(
        lambda rules, reply, **speed: made(ScriptedLLM, rules, fallback=reply, **speed),
        rules,
        st.sampled_from(texts),
        tokens_per_s=st.sampled_from((50.0, 15.0)),
        first_token_s=st.sampled_from((0.2, 0.0, 0.8)),
    )


def slow_tools(name: str = "look_up") -> SearchStrategy[Tool]:
    """Tools that take their time, with every policy on interruption, that can be undone or not.

    Args:
        name: Of all of them.

    Raises:
        ConfigError: It is no name for a tool.
    """
    slow_tool(name)  # which says what is wrong with it
    return st.builds(
        lambda takes_s, commits, policy: made(
            slow_tool,
            name,
            takes_s=takes_s,
            commits_after_s=takes_s / 2 if commits else None,
            on_interruption=policy,
        ),
        st.sampled_from((1.0, 0.1, 3.0)),
        st.booleans(),
        st.sampled_from(get_args(OnInterruption)),
    )


def agents(
    *,
    stt: SearchStrategy[STT] | None = None,
    llm: SearchStrategy[LLM] | None = None,
    tts: SearchStrategy[TTS] | None = None,
    replies: Sequence[str] = REPLIES,
    max_tools: int = 2,
    **settings: Any,
) -> SearchStrategy[Agent]:
    """Agents that are fakes throughout, and differ in speed, replies, tools and settings.

    The settings that differ are how they react to a voice, when they take a turn to be over, and whether they guess at
    answers. The simplest agent is quick, says one word, and has default settings.

    Args:
        stt: What hears. By default `fake_stts`.
        llm: What thinks. By default `fake_llms`, which call the agent's tools.
        tts: What speaks. By default `fake_ttss`.
        replies: What the default `llm` says; the first is the simplest.
        max_tools: They have at most so many tools, 0 or more. See `slow_tools`.
        settings: What else is the same for all of them, as in `turnscope.session.Agent`.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    for name, strategy in {"stt": stt, "llm": llm, "tts": tts}.items():
        if strategy is not None:
            check_strategy(name, strategy)
    if not max_tools >= 0:
        raise ConfigError(f"max_tools must be 0 or more, got {max_tools!r}")
    fake_llms(replies)  # which says what is wrong with them
    parts = {"vad": made(FakeVAD), "stt": made(FakeSTT), "llm": made(ScriptedLLM, []), "tts": made(FakeTTS)}
    try:
        plain = Agent(**{**parts, **settings})
    except TypeError as error:
        raise ConfigError(f"settings: {error}") from error
    stts = fake_stts() if stt is None else stt
    ttss = fake_ttss() if tts is None else tts
    return _agents(plain, frozenset(settings), stts, llm, ttss, tuple(replies), max_tools)


@st.composite
def _agents(
    draw: DrawFn,
    plain: Agent,
    fixed: frozenset[str],
    stt: SearchStrategy[STT],
    llm: SearchStrategy[LLM] | None,
    tts: SearchStrategy[TTS],
    replies: tuple[str, ...],
    max_tools: int,
) -> Agent:
    drawn: dict[str, Any] = {"stt": draw(stt)}
    if "tools" not in fixed:
        names = [draw(maybe([f"tool_{number}"])) for number in range(1, max_tools + 1)]
        drawn["tools"] = [draw(slow_tools(name)) for name in names if name is not None]
    drawn["llm"] = draw(fake_llms(replies, tools=drawn.get("tools", plain.tools)) if llm is None else llm)
    drawn["tts"] = draw(tts)
    if "interruption" not in fixed:
        drawn["interruption"] = InterruptionSettings(reaction=draw(st.sampled_from(get_args(Reaction))))
    if "endpointing" not in fixed:
        drawn["endpointing"] = draw(st.sampled_from((Endpointing(), Endpointing(min_delay_s=0.2, max_delay_s=0.6))))
    if "speculation" not in fixed:
        drawn["speculation"] = Speculation(policy=draw(st.sampled_from(get_args(SpeculationPolicy))))
    return replace(plain, **drawn)
