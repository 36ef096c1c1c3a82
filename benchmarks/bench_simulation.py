"""How fast a conversation is simulated: one hour of interruptions with fakes and 20 ms frames.

Usage: python benchmarks/bench_simulation.py [HOURS] [--profile]
"""

import cProfile
import hashlib
import pstats
import sys
import time

from turnscope.core import CLOCK_HZ
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


def measure(hours: float, *, coalesce: bool, profile: cProfile.Profile | None = None) -> str:
    """Simulate, print how long it took, and return what identifies the call."""
    agent = Agent(vad=FakeVAD(0.02), stt=FakeSTT(), llm=ScriptedLLM([], fallback=REPLY), tts=FakeTTS())
    script = conversation(hours * 3600)
    started, started_cpu = time.perf_counter(), time.process_time()
    if profile is not None:
        profile.enable()
    call = simulate(agent, script, seed=1, max_s=hours * 4000, coalesce=coalesce)
    if profile is not None:
        profile.disable()
    cpu_s, wall_s = time.process_time() - started_cpu, time.perf_counter() - started
    spoken_s = len(call.user) / CLOCK_HZ
    interrupted = sum(turn.outcome is not None and turn.outcome.kind == "interrupted" for turn in call.turns)
    print(f"{spoken_s:.0f} s of conversation, {len(call.turns)} turns, {interrupted} interrupted, frames ", end="")
    print(f"{'coalesced' if coalesce else 'one by one'}: {cpu_s:.1f} s of CPU, {wall_s:.1f} s of wall time, ", end="")
    print(f"{spoken_s / cpu_s:.0f} times real time on a core")
    return hashlib.sha256(call.jsonl().encode() + call.agent.tobytes() + call.user.tobytes()).hexdigest()


def main() -> None:
    """Simulate with frames coalesced and one by one, and print the ratios of conversation to CPU time."""
    hours = float(next((argument for argument in sys.argv[1:] if argument[0] != "-"), "1"))
    profile = cProfile.Profile() if "--profile" in sys.argv else None
    coalesced = measure(hours, coalesce=True, profile=profile)
    one_by_one = measure(hours, coalesce=False)
    print("the same events and samples" if coalesced == one_by_one else "NOT the same events and samples")
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
