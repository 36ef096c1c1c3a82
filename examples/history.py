"""Save what was said in one call, and go on with it in the next: a caller hangs up in the middle and calls again."""

from turnscope import Agent, Rule, ScriptedLLM, Session, simulate
from turnscope.core import History, HistorySettings
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, encode_words

agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([Rule("how long", "Ten minutes.")], fallback="Your order is two lattes, and it is ready soon."),
    tts=FakeTTS(),
    history=HistorySettings(max_messages=40, interruption_note="[Not heard by the caller: {unheard}]"),
)
sessions: list[Session] = []


async def application(session: Session) -> None:
    """Keep the session at hand; its history can still be read when it is over."""
    sessions.append(session)


def says(words: str) -> Play:
    return Play(encode_words(words)[0], Moment(0.5))


simulate(agent, [says("two lattes please"), HangUp(Moment(1.2, "agent_starts"))], drive=application)
saved = sessions[0].history.to_json()
print("Saved:", saved)

simulate(agent, [says("how long"), HangUp(Moment(2, "quiet"))], history=History.from_json(saved), drive=application)
print("The model was given:")
for message in sessions[1].history.prompt():
    print(f"{message.role:>9}: {message.text!r}")
