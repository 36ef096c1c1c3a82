"""Write a policy: this agent is interrupted by the word "stop" and by nothing else."""

from dataclasses import dataclass

from turnscope import Agent, InterruptionSettings, ScriptedLLM, simulate
from turnscope.core import Evidence, Ruling, Verdict, content_words
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words


@dataclass(frozen=True)
class Command:
    """Confirms as soon as the caller says the word. A policy is a pure function of the evidence."""

    word: str = "stop"

    def judge(self, evidence: Evidence) -> Ruling:
        """Called whenever there is something new about a challenger."""
        if self.word in content_words(evidence.text):
            return Ruling(Verdict.CONFIRM, f"the word {self.word}")
        if evidence.window_elapsed or (evidence.speech_end is not None and evidence.settled):
            return Ruling(Verdict.DISMISS, f"not {self.word}")
        return Ruling(Verdict.WAIT, "not said yet")


def says(words: str, moment: Moment) -> Step:
    return Play(encode_words(words)[0], moment)


agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve."),
    tts=FakeTTS(),
    interruption=InterruptionSettings(policy=Command(), reaction="duck"),
)
call = simulate(
    agent,
    [
        says("count please", Moment(0.5)),
        says("nice weather today", Moment(0.5, "agent_starts")),
        says("stop", Moment(0.5, "previous")),
        HangUp(Moment(1.0, "quiet")),
    ],
)
for overlap in call.overlaps:
    print(f"{overlap.text!r} was no interruption: {overlap.evidence}")
print(call.turns[0].outcome)
