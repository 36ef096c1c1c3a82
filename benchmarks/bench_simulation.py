"""How fast a conversation is simulated: one hour of interruptions with fakes and 20 ms frames.

Usage: python benchmarks/bench_simulation.py [HOURS] [--profile]
"""

import cProfile
import pstats
import sys
import time

import numpy as np

from turnscope.core import CLOCK_HZ
from turnscope.providers import ScriptedLLM
from turnscope.session import Agent
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words, simulate

REPLY = "Your order is two lattes and one large mocha with oat milk, and it will be ready in ten minutes."


def conversation(seconds: float) -> list[Step]:
    """Somebody who orders, interrupts the answer, and hears the next one out, over and over."""
    order, change = encode_words("two lattes and a coffee please.")[0], encode_words("wait make it three.")[0]
    steps: list[Step] = []
    for _ in range(round(seconds / 6.95)):
        steps += [Play(order, Moment(1.0, "previous")), Play(change, Moment(2.0, "agent_starts"))]
        steps.append(Play(order[:0], Moment(0.5, "agent_stops")))
    return [*steps, HangUp(Moment(1.0, "previous"))]


def measure(hours: float, *, coalesce: bool) -> tuple[Call, float, float]:
    """Simulate. Returns the call, and seconds of CPU and of wall time."""
    agent = Agent(vad=FakeVAD(0.02), stt=FakeSTT(), llm=ScriptedLLM([], fallback=REPLY), tts=FakeTTS())
    script = conversation(hours * 3600)
    started, started_cpu = time.perf_counter(), time.process_time()
    call = simulate(agent, script, seed=1, max_s=hours * 4000, coalesce=coalesce)
    return call, time.process_time() - started_cpu, time.perf_counter() - started


def main() -> None:
    """Simulate with frames one by one and coalesced, and print the ratios of conversation to CPU time."""
    hours = float(next((argument for argument in sys.argv[1:] if argument[0] != "-"), "1"))
    measure(0.01, coalesce=True)  # what is loaded or made once
    profile = cProfile.Profile()
    one_by_one, cpu_s, wall_s = measure(hours, coalesce=False)
    if "--profile" in sys.argv:
        profile.enable()
    call, coalesced_s, coalesced_wall_s = measure(hours, coalesce=True)
    profile.disable()
    spoken_s = len(call.user) / CLOCK_HZ
    interrupted = sum(turn.outcome is not None and turn.outcome.kind == "interrupted" for turn in call.turns)
    print(f"{spoken_s:.0f} s of conversation, {len(call.turns)} turns, {interrupted} interrupted")
    for what, cpu, wall in (("one by one", cpu_s, wall_s), ("coalesced", coalesced_s, coalesced_wall_s)):
        ratio = spoken_s / cpu
        print(f"frames {what}: {cpu:.1f} s of CPU, {wall:.1f} s of wall time: {ratio:.0f} times real time on a core")
    same = one_by_one.jsonl() == call.jsonl() and np.array_equal(one_by_one.agent, call.agent)
    print("the same events and samples" if same else "NOT the same events and samples")
    if "--profile" in sys.argv:
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
