"""What an application can do when something happens: keep a record of states and turns."""

import turnscope
from turnscope.core import StateChanged, TurnEnded
from turnscope.session import Session
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words

AGENT = turnscope.Agent(
    vad=FakeVAD(), stt=FakeSTT(), llm=turnscope.ScriptedLLM([], fallback="Your order is two lattes."), tts=FakeTTS()
)
SCRIPT: list[Step] = [Play(encode_words("two lattes please")[0], Moment(0.2)), HangUp(Moment(6))]

stored: list[str] = []
states: list[str] = []


def note_state(session: Session, event: StateChanged) -> None:
    """A plain function is called at once and must be quick."""
    states.append(event.new)


async def store(session: Session, event: TurnEnded) -> None:
    """A coroutine function may take its time: it has a task of its own."""
    stored.append(f"{session.id}: turn {event.turn_id} {event.outcome.kind}, heard {event.outcome.heard!r}")


async def run_call(session: Session) -> None:
    """The application: a hook can be registered at any time, and removed."""
    registered = session.on(StateChanged, note_state)
    session.on(TurnEnded, store)
    await session.wait_ended()
    registered.remove()


def main() -> None:
    """Hold the call in virtual time."""
    turnscope.simulate(AGENT, SCRIPT, drive=run_call)
    print(*states, *stored, sep="\n")


if __name__ == "__main__":
    main()
