"""Record a call, check that its decisions replay, and ask what a stricter policy would have decided."""

import tempfile
from dataclasses import replace

from turnscope import Agent, InterruptionSettings, ScriptedLLM, simulate
from turnscope.core import CLOCK_HZ, MinWords
from turnscope.observe import Recorder, load_recording
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Ruled, Step, encode_words, replay

agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="We are open from nine to five on every day of the week."),
    tts=FakeTTS(),
)
SCRIPT: list[Step] = [
    Play(encode_words("when do you open")[0], Moment(0.5)),
    Play(encode_words("wait what")[0], Moment(1.5, "agent_starts")),
    HangUp(Moment(1.0, "agent_stops", 2)),
]


def told(ruled: Ruled) -> str:
    when = "" if ruled.decided is None else f" at {ruled.decided / CLOCK_HZ:.2f} s"
    return f"{ruled.verdict}{when} ({ruled.evidence})"


with tempfile.TemporaryDirectory() as folder:
    # A live call is recorded in the same way: open_session(agent, transport, recorder=Recorder(folder)).
    simulate(agent, SCRIPT, recorder=Recorder(folder))
    recording = load_recording(folder)

    again = replay(recording)
    print(f"{again.inputs} inputs, identical: {again.identical}")

    stricter = InterruptionSettings(policy=MinWords(3))
    settings = {name: replace(each, interruption=stricter) for name, each in recording.floor_settings().items()}
    for compared in replay(recording, settings).changed:
        print(f"was: {told(compared.was)}; would have been: {told(compared.would)}")
