"""What a guess at the answer saves and what it wastes, over conversations with pauses, for each way to guess.

Usage: python benchmarks/bench_speculation.py [CONVERSATIONS] [--models]

Callers order something and pause at places drawn at random, some of them as long as the silence that ends a turn.
With fakes, in virtual time; with `--models`, Silero, Whisper and Piper hear and speak instead (speech by Piper).
"""

import random
import sys
from dataclasses import replace
from statistics import median

import numpy as np

from turnscope.core import Samples, Speculation, SpeculationDropped, Spend
from turnscope.providers import PiperTTS, ScriptedLLM, SileroVAD, WhisperSTT
from turnscope.session import Agent
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words, simulate

REPLY = (
    "Sure, I can do that for you. That makes two lattes and one large mocha with oat milk, and it will be ready in "
    "about ten minutes. Is there anything else that you would like to have with it?"
)
WAYS = {
    "off": Speculation(),
    "discard": Speculation(policy="discard"),
    "discard, while speaking": Speculation(policy="discard", while_speaking=True),
    "use_if_similar": Speculation(policy="use_if_similar"),
    "always_use": Speculation(policy="always_use"),
    "discard, synthesize": Speculation(policy="discard", synthesize=True),
}
PARTS = ["I would like two lattes", "with oat milk please", "and a large coffee", "no make that three", "that is all"]
PAUSES_S = [0.35, 0.5, 0.7, 0.9, 1.2]


def fakes() -> Agent:
    """Fakes as fast as good services are: text after 0.4 s, speech after 0.15 s more."""
    llm = ScriptedLLM([], fallback=REPLY, first_token_s=0.4, tokens_per_s=60)
    return Agent(vad=FakeVAD(), stt=FakeSTT(0.1, 0.2), llm=llm, tts=FakeTTS(first_audio_s=0.15))


def models() -> Agent:
    """The local models, with the same language model."""
    return replace(fakes(), vad=SileroVAD(), stt=WhisperSTT(), tts=PiperTTS())


def spoken_by_piper() -> dict[str, Samples]:
    """Every part of a caller's turn, as speech."""
    agent = replace(fakes(), tts=PiperTTS())
    spoken: dict[str, Samples] = {}
    for part in PARTS:
        call = simulate(
            replace(agent, llm=ScriptedLLM([], fallback=part + ".")),
            [Play(encode_words("go")[0], Moment(0.2)), HangUp(Moment(0.2, "agent_stops"))],
        )
        sounding = np.flatnonzero(np.abs(call.agent) > 1e-3)
        spoken[part] = call.agent[sounding[0] : sounding[-1]]
    return spoken


def conversation(seed: int, spoken: dict[str, Samples]) -> list[Step]:
    """Four turns of one to three parts, with pauses between the parts."""
    choose = random.Random(seed)
    steps: list[Step] = []
    for turn in range(4):
        for index in range(choose.choice([1, 1, 2, 3])):
            first = Moment(0.8, "agent_stops") if turn else Moment(0.5)
            moment = Moment(choose.choice(PAUSES_S), "previous") if index else first
            steps.append(Play(spoken[choose.choice(PARTS)], moment))
    return [*steps, HangUp(Moment(1.0, "agent_stops"))]


def row(name: str, calls: list[Call]) -> str:
    """One line of the table."""
    responses = [t.latency.response_s for call in calls for t in call.turns if t.latency.response_s is not None]
    turns = sum(len(call.turns) for call in calls)
    wrong = sum(isinstance(event, SpeculationDropped) for call in calls for event in call.events)
    spent = sum((call.spend.total.spent for call in calls), Spend())
    wasted = sum((call.spend.total.wasted.get("speculation_stale", Spend()) for call in calls), Spend())
    return (
        f"| {name} | {median(responses):.2f} | {np.mean(responses):.2f} | {wrong / turns:.2f} | "
        f"{_share(wasted.input_tokens, spent.input_tokens)} | {_share(wasted.output_tokens, spent.output_tokens)} | "
        f"{_share(wasted.samples, spent.samples)} |"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / (whole - part):.0f} %"


def main() -> None:
    """Hold the conversations, and print a table."""
    count = int(next((argument for argument in sys.argv[1:] if argument[0] != "-"), "40"))
    if "--models" in sys.argv:
        agent, spoken = models(), spoken_by_piper()
    else:
        agent, spoken = fakes(), {part: encode_words(part, words_per_s=3)[0] for part in PARTS}
    print("| way | response, median s | mean s | wrong guesses a turn | more tokens read | written | more speech |")
    print("|---|---|---|---|---|---|---|")
    for name, rules in WAYS.items():
        speculating = replace(agent, speculation=rules)
        calls = [simulate(speculating, conversation(seed, spoken), seed=seed, max_s=300) for seed in range(count)]
        print(row(name, calls), flush=True)


if __name__ == "__main__":
    main()
