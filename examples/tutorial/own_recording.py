"""Hold a call with a recording of yours: ``python examples/tutorial/own_recording.py my_question.wav``."""

import sys
from pathlib import Path

import rich

from turnscope import Agent, PiperTTS, Rule, ScriptedLLM, SileroVAD, WhisperSTT, simulate
from turnscope.observe import render_timeline, timeline_svg
from turnscope.sim import HangUp, Moment, Play, Step
from turnscope.transports import read_audio, write_wav

agent = Agent(
    vad=SileroVAD(),
    stt=WhisperSTT(),
    llm=ScriptedLLM([Rule("coffee", "Coming up: your coffee.")], fallback="I see. Could you say that again?"),
    tts=PiperTTS(),
)

question = sys.argv[1] if len(sys.argv) > 1 else "examples/barge_in/order.wav"
script: list[Step] = [
    Play(read_audio(question, 16_000), Moment(0.5)),  # half a second into the call
    HangUp(Moment(2.0, "quiet")),  # two seconds after the last sound of either side
]
call = simulate(agent, script, seed=7)

out = Path("out/own_recording")
out.mkdir(parents=True, exist_ok=True)
write_wav(out / "agent.wav", call.agent, 16_000)
(out / "events.jsonl").write_text(call.jsonl(), encoding="utf-8")
(out / "timeline.svg").write_text(timeline_svg(call.events, call.user, call.agent), encoding="utf-8")

rich.print(render_timeline(call.events, call.user, call.agent))
for turn in call.turns:
    print(f"asked {turn.text!r}, answered after {turn.latency.response_s:.2f} s: {turn.outcome}")
