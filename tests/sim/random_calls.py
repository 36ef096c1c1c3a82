"""Calls that nobody thought of: agents, callers and applications drawn from a seed, for tests that need many."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import trio

from turnscope._errors import ProviderError, QueueFull, SessionClosed
from turnscope.core import (
    DetectorPolicy,
    Endpointing,
    Filler,
    InterruptionPolicy,
    InterruptionSettings,
    MinSpeech,
    MinWords,
    ResumeSettings,
    SilenceSettings,
    Speculation,
    ThinkingSound,
    WordsPolicy,
    to_samples,
)
from turnscope.providers import Rule, ScriptedCall, ScriptedLLM
from turnscope.session import Agent, Session, tool
from turnscope.sim import FakeDetector, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words

__all__ = ["RandomCall", "random_call"]

WORDS = "two lattes please wait no stop three mocha yeah mhm okay and the one with oat milk thanks".split()
REPLY = "Your order is two lattes and one mocha. It is ready in ten minutes. Anything else?"

Deed = Callable[[Session], Awaitable[object]]


@tool
async def look_up(order: str) -> str:
    """Find an order."""
    await trio.sleep(0.3)
    return f"{order}: ready"


@dataclass(frozen=True)
class RandomCall:
    """What `simulate` needs to hold it."""

    agent: Agent
    script: tuple[Step, ...]
    deeds: tuple[tuple[float, str], ...]
    frame_s: float
    seed: int

    async def drive(self, session: Session) -> None:
        """Act as the application, at times at which other things happen as well."""
        async with trio.open_nursery() as nursery:
            for at, deed in self.deeds:
                nursery.start_soon(self._do, session, at, deed)

    async def _do(self, session: Session, at: float, deed: str) -> None:
        await trio.sleep(at)
        with suppress(SessionClosed, QueueFull, ProviderError):  # the call may be over by then
            await self._act(session, deed)

    async def _act(self, session: Session, deed: str) -> None:
        match deed:
            case "say":
                await session.say("One moment please.")
            case "say protected":
                await session.say("This call is recorded for training.", allow_interruptions=False)
            case "announce":
                await session.say("We close now.", priority=1)
            case "reply":
                await session.generate_reply(instructions="Greet the caller.")
            case "type":
                await session.send_text("three lattes")
            case "interrupt":
                session.interrupt("user_clicked_stop")
            case "interrupt speech":
                session.interrupt_speech()
            case "resume":
                await session.resume_interrupted()
            case "by hand":
                session.start_user_turn("client")
                await trio.sleep(0.5)
                session.end_user_turn("client")
            case "clear":
                session.clear_user_turn()
            case "hand over":
                await session.hand_over(replace(self.agent, name="other", endpointing=Endpointing(min_delay_s=0.3)))
            case "keep alive":
                session.keep_alive()
            case "end":
                session.end(finish="everything", within_s=2.0)


DEEDS = (
    "say", "say", "say protected", "announce", "reply", "type", "interrupt", "interrupt speech", "resume", "by hand",
    "clear", "hand over", "keep alive",
)  # fmt: skip


def random_call(seed: int, *, longest_s: float = 12.0) -> RandomCall:
    """The call of this seed. Times lie on a coarse grid, so that many things happen at the same sample."""
    rng = random.Random(seed)
    script: list[Step] = []
    at = rng.choice([0.2, 0.5])
    while at < longest_s - 2 and len(script) < 6:
        script.append(Play(_sound(rng), Moment(at)))
        at = round(at + rng.choice([0.5, 0.8, 1.0, 1.5, 2.5, 4.0]), 2)
    deeds = tuple(
        (rng.randrange(0, round(longest_s * 100), 10) / 100, rng.choice(DEEDS)) for _ in range(rng.randrange(7))
    )
    if rng.random() < 0.2:
        deeds += ((longest_s - 1.5, "end"),)
    script.append(HangUp(Moment(longest_s)))
    return RandomCall(_agent(rng), tuple(script), deeds, rng.choice([0.01, 0.02, 0.05]), rng.randrange(1000))


def _sound(rng: random.Random) -> np.ndarray:
    if rng.random() < 0.25:
        noise = np.random.default_rng(rng.randrange(1000))
        return noise.uniform(0.05, 0.25, to_samples(rng.choice([0.1, 0.2, 0.4]))).astype(np.float32)
    text = " ".join(rng.choices(WORDS, k=rng.randrange(1, 6)))
    return encode_words(text, words_per_s=rng.choice([2.0, 4.0, 5.0]))[0]


def _agent(rng: random.Random) -> Agent:
    policies: list[InterruptionPolicy] = [DetectorPolicy(), WordsPolicy(), MinSpeech(0.3), MinWords(2)]
    interruption = InterruptionSettings(
        policy=rng.choice(policies),
        reaction=rng.choice(["pause", "duck", "continue"]),
        decision_window_s=rng.choice([0.5, 1.0, 2.0]),
        cooldown_s=rng.choice([0.0, 0.0, 1.0]),
        grace_s=rng.choice([0.0, 0.3]),
        words_deadline_s=rng.choice([0.5, 3.0]),
        make_good=rng.choice(["resume", "reprompt", "nothing"]),
    )
    rules = [
        Rule(when="mocha", reply="Let me see.", calls=[ScriptedCall("look_up", {"order": "7"})]),
        Rule(when="wait", reply="Fine, three."),
    ]
    return Agent(
        vad=FakeVAD(),
        stt=FakeSTT(rng.choice([0.05, 0.2]), rng.choice([0.1, 0.5])),
        llm=ScriptedLLM(rules, fallback=REPLY, tokens_per_s=40),
        tts=FakeTTS(first_audio_s=rng.choice([0.1, 0.3])),
        detector=FakeDetector() if rng.random() < 0.3 else None,
        tools=[look_up],
        interruption=interruption,
        endpointing=Endpointing(
            min_delay_s=rng.choice([0.3, 0.5]), max_delay_s=0.8, max_turn_s=rng.choice([1.0, 60.0])
        ),
        speculation=Speculation(policy=rng.choice(["off", "discard", "use_if_similar", "always_use"]))
        if rng.random() < 0.5
        else Speculation(),
        new_input=rng.choice(["merge", "answer_newest", "queue"]),
        turn_mode=rng.choice(["automatic", "automatic", "automatic", "manual", "push_to_talk"]),
        silence=rng.choice([None, SilenceSettings(after_s=1.0, say="Are you there?")]),
        away_after_s=rng.choice([None, 1.5]),
        resume=ResumeSettings(),
        join_deadline_s=0.5,
        filler=rng.choice([None, None, Filler(texts=["One moment."], after_s=0.3), ThinkingSound(after_s=0.2)]),
    )
