"""Go on where the agent was cut off: by the caller, who says so, and by the application, in the next call."""

from turnscope import Agent, ScriptedLLM, Session, simulate
from turnscope.core import History, unheard_rest
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words

agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="We open at nine, we close at five, and on Sundays we are closed all day."),
    tts=FakeTTS(),
)
sessions: list[Session] = []


async def remember(session: Session) -> None:
    sessions.append(session)


async def resume(session: Session) -> None:
    """As if the caller had clicked on "Go on"."""
    reply = session.history.resumable(None)
    if reply is not None:
        print("Still to say:", unheard_rest(reply))
    await session.resume_interrupted()


def says(words: str, moment: Moment) -> Step:
    return Play(encode_words(words, words_per_s=5)[0], moment)


script = [
    says("when do you open", Moment(0.5)),
    says("oh sorry go on", Moment(1.2, "agent_starts")),
    HangUp(Moment(1.2, "agent_starts", reply=2)),
]
call = simulate(agent, script, drive=remember)
for turn in call.turns:
    print(turn.turn_id, turn.outcome)

saved = History.from_json(sessions[0].history.to_json())
again = simulate(agent, [HangUp(Moment(6))], history=saved, drive=resume)
print("In the next call:", again.turns[0].outcome)
