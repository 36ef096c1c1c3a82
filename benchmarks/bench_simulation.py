"""How fast a conversation is simulated: one hour of interruptions with fakes and 20 ms frames.

Usage: python benchmarks/bench_simulation.py [HOURS] [--profile]
"""

import cProfile
import pstats
import sys
import time

from turnscope.providers import ScriptedLLM
from turnscope.session import Agent
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words, simulate

REPLY = "Your order is two lattes and one large mocha with oat milk, and it will be ready in ten minutes."


def conversation(seconds: float) -> list[Step]:
    """Somebody who orders, interrupts the answer, and hears the next one out, over and over."""
    order, change = encode_words("two lattes and a coffee please.")[0], encode_words("wait make it three.")[0]
    steps: list[Step] = []
    for _ in range(round(seconds / 6.95)):
        steps += [Play(order, Moment(1.0, "previous")), Play(change, Moment(2.0, "agent_starts"))]
        steps.append(Play(order[:0], Moment(0.5, "agent_stops")))
    return [*steps, HangUp(Moment(1.0, "previous"))]


def main() -> None:
    """Simulate, and print the ratio of conversation to wall time."""
    hours = float(next((argument for argument in sys.argv[1:] if argument[0] != "-"), "1"))
    agent = Agent(vad=FakeVAD(0.02), stt=FakeSTT(), llm=ScriptedLLM([], fallback=REPLY), tts=FakeTTS())
    profile = cProfile.Profile()
    if "--profile" in sys.argv:
        profile.enable()
    started, started_cpu = time.perf_counter(), time.process_time()
    call = simulate(agent, conversation(hours * 3600), seed=1, max_s=hours * 4000)
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    profile.disable()
    spoken_s = len(call.user) / 16_000
    interrupted = sum(turn.outcome is not None and turn.outcome.kind == "interrupted" for turn in call.turns)
    print(f"{spoken_s:.0f} s of conversation, {len(call.turns)} turns, {interrupted} interrupted")
    print(f"{cpu_s:.1f} s of CPU, {wall_s:.1f} s of wall time: {spoken_s / cpu_s:.0f} times real time on a core")
    if "--profile" in sys.argv:
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
