"""Tune barge-in: the same noisy call with two policies, and what each makes of it."""

import numpy as np

from turnscope import Agent, InterruptionSettings, ScriptedLLM, WordsPolicy, simulate
from turnscope.core import (
    AllConfirm,
    FalseInterruption,
    FirstDecides,
    InterruptionPolicy,
    MinSpeech,
    MinWords,
    ScoreThresholds,
    ScoreVeto,
    Veto,
)
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words


def says(words: str, moment: Moment) -> Step:
    return Play(encode_words(words, words_per_s=4)[0], moment)


def noise(seconds: float, moment: Moment) -> Step:
    sound = np.random.default_rng(1).uniform(0.05, 0.25, round(16_000 * seconds)).astype(np.float32)
    return Play(sound, moment, speech_start=None)


SCRIPT = [
    says("count for me please", Moment(0.3)),
    noise(1.2, Moment(0.8, "agent_starts")),
    says("mm-hm", Moment(1.5, "previous")),
    says("stop that now", Moment(1.0, "previous")),
    HangUp(Moment(2.0, "quiet")),
]
ONE_TO_TWENTY = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."
POLICIES: dict[str, InterruptionPolicy] = {
    "words, or 0.8 s of sound": WordsPolicy(),
    "words and 0.3 s, no echo; a detector may be quicker": Veto(
        ScoreVeto("echo", 0.7),
        FirstDecides([ScoreThresholds("interruption", confirm_at=0.9), AllConfirm([MinSpeech(0.3), MinWords(1)])]),
    ),
}

for name, policy in POLICIES.items():
    agent = Agent(
        vad=FakeVAD(),
        stt=FakeSTT(),
        llm=ScriptedLLM([], fallback=ONE_TO_TWENTY),
        tts=FakeTTS(),
        interruption=InterruptionSettings(policy=policy, reaction="duck", duck_db=-18),
    )
    call = simulate(agent, SCRIPT)
    made_good = [event.action for event in call.events if isinstance(event, FalseInterruption)]
    print(f"{name}:\n  {call.conversation.counts}\n  false ones were made good by: {made_good}")
    for turn in call.turns:
        print(f"  {turn.origin}: {turn.text!r} -> {turn.outcome and turn.outcome.kind}")
