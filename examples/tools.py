"""Tools: the model places an order, and the caller interrupts while it is being placed."""

import trio

from turnscope import Agent, Rule, ScriptedLLM, ToolContext, simulate, tool
from turnscope.core import ToolSettled
from turnscope.providers import ScriptedCall
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, encode_words


@tool(on_interruption="finish_keep", keep_s=3.0)
async def place_order(context: ToolContext, item: str, count: int = 1) -> str:
    """Place an order in the kitchen.

    Args:
        context: Filled in by the session; the model does not see it.
        item: What is ordered, as it stands on the menu.
        count: How many of it.
    """
    context.committed()  # from here on, nobody takes this back silently
    await trio.sleep(2.0)  # pass context.idempotency_key to your service here
    return f"order 7: {count} {item}"


agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM(  # any model that can call functions, such as OpenAIChatLLM
        [
            Rule(
                r"(?P<item>\w+) please",
                "One moment, I order it.",
                calls=[ScriptedCall("place_order", {"item": "{item}", "count": 2})],
            ),
            Rule("(?P<number>order \\d+)", "That is {number}.", after="place_order"),
            Rule("wait", "It is on its way already."),
        ]
    ),
    tts=FakeTTS(),
    tools=[place_order],
)


def says(text: str, after_s: float, anchor: str) -> Play:
    audio, _ = encode_words(text, words_per_s=5)
    return Play(audio, Moment(after_s, anchor))


call = simulate(
    agent, [says("two lattes please", 0.5, "call"), says("wait wait", 0.8, "agent_starts"), HangUp(Moment(9))]
)
for event in call.events:
    if isinstance(event, ToolSettled):
        print(f"{event.at:.2f} s: {event.tool} {event.kind} after {event.duration_s:.2f} s: {event.text}")
for message in call.history:
    print(f"{message.role}: {message.text or [one.name for one in message.tool_calls]}")
