"""Begin answers before the caller's turn is over: how much sooner they come, and what wrong guesses cost."""

from dataclasses import replace

from turnscope import Agent, ScriptedLLM, simulate
from turnscope.core import Speculation
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words


def says(words: str, moment: Moment) -> Step:
    return Play(encode_words(words)[0], moment)


agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="Sure, two lattes with oat milk. They will be ready in five minutes."),
    tts=FakeTTS(),
)
script = [
    says("I would like two lattes", Moment(0.5)),
    says("with oat milk please.", Moment(0.7, "previous")),  # a pause that looks like the end
    HangUp(Moment(1.0, "agent_stops")),
]
ways = {
    "no guesses": Speculation(),
    "guesses": Speculation(policy="discard"),
    "guesses with a voice": Speculation(policy="discard", synthesize=True),
}
for name, speculation in ways.items():
    call = simulate(replace(agent, speculation=speculation), script)
    wasted = call.spend.total.all_wasted
    print(
        f"{name}: answered after {call.turns[0].latency.response_s} s, "
        f"wasted {wasted.input_tokens} tokens read, {wasted.output_tokens} written, {wasted.speech_s} s of speech"
    )
