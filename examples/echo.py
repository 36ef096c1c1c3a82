"""An agent whose own voice comes back through the caller's microphone: it goes on speaking, until a caller joins in."""

import numpy as np

from turnscope import Agent, ScriptedLLM
from turnscope.core import EchoIgnored, to_samples
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, encode_words, simulate

AGENT = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="Your order is two lattes and one mocha, and it is brought to your table very soon."),
    tts=FakeTTS(),
)

# Half as loud as it was played, 30 ms later, and once more from the wall.
PATH = np.zeros(to_samples(0.04), np.float32)
PATH[to_samples(0.03)], PATH[-1] = 0.5, -0.2


def main() -> None:
    order = Play(encode_words("two lattes please.", words_per_s=5)[0], Moment(0.2))
    hang_up = HangUp(Moment(2.0, "quiet"))
    call = simulate(AGENT, [order, hang_up], echo=PATH)
    ignored = [event for event in call.events if isinstance(event, EchoIgnored)]
    print(f"{call.turns[0].outcome}; {len(ignored)} stretches of its own voice ignored")

    wait = Play(encode_words("wait make it three lattes.", words_per_s=5)[0], Moment(2.0, "agent_starts"))
    call = simulate(AGENT, [order, wait, hang_up], echo=PATH)
    print(f"{call.turns[0].outcome}, {call.turns[0].latency.onset_to_yield_s:.2f} s after the caller joined in")


if __name__ == "__main__":
    main()
