"""A turn can be cancelled at any step of it, in any of four ways, and every promise holds."""

from collections.abc import Callable

import pytest
import trio

from turnscope.core import Interrupted
from turnscope.providers import Rule, ScriptedLLM
from turnscope.session import Agent, Session
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, broken_promises, encode_words, simulate

AGENT = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([Rule(when="wait", reply="Fine, three.")], fallback="Your order is two lattes, and it is ready soon.", tokens_per_s=40),
    tts=FakeTTS(),
)


def _script() -> list[Step]:
    order, change = encode_words("two lattes please.", words_per_s=5)[0], encode_words("wait three.", words_per_s=5)[0]
    return [
        Play(order, Moment(0.2)),
        Play(change, Moment(1.0, "agent_starts")),
        HangUp(Moment(0.3, "agent_stops", reply=2)),
    ]


class Cancel(trio.abc.Instrument):
    """Calls `act` at the `step`-th step that a task of a running turn makes."""

    def __init__(self, step: int, act: Callable[[Session], None]) -> None:
        self.session: Session | None = None
        self.steps = 0
        self.landed = False
        self._step = step
        self._act = act

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.session is None or not _in_turn(task):
            return
        self.steps += 1
        if self.steps == self._step:
            self.landed = True
            self._act(self.session)


def _in_turn(task: trio.lowlevel.Task) -> bool:
    while task.parent_nursery is not None:
        if task.name.startswith("turn "):
            return True
        task = task.parent_nursery.parent_task
    return False


def run(step: int, act: Callable[[Session], None]) -> tuple[Call, Cancel]:
    cancel = Cancel(step, act)

    async def drive(session: Session) -> None:
        cancel.session = session
        await trio.sleep_forever()

    return simulate(AGENT, _script(), seed=step, frame_s=0.02, max_s=20, drive=drive, instruments=(cancel,)), cancel


def ways() -> dict[str, Callable[[Session], None]]:
    return {
        "interrupt": lambda session: session.interrupt("sweep"),
        "interrupt speech": lambda session: session.interrupt_speech("sweep"),
        "hang up": lambda session: session._watcher.feed(_hang_up(session)),
        "cancel the session": lambda session: session._nursery.cancel_scope.cancel(),
    }


def _hang_up(session: Session):  # type: ignore[no-untyped-def]
    from turnscope.core import CallerHungUp

    return CallerHungUp(session.now())
if __name__ == "__main__":
    import sys, time
    _, c = run(0, ways()["interrupt"])
    print("steps", c.steps)
    for name, act in ways().items():
        t=time.time(); bad=0; landed=0
        for k in range(1, c.steps+1, int(sys.argv[1])):
            try:
                call, cc = run(k, act)
                landed += cc.landed
                p = broken_promises(call)
            except BaseException as e:
                import traceback
                p=[repr(e)]
                if bad<2: traceback.print_exc()
            if p:
                bad+=1
                if bad<6: print(name,k,p)
        print(name, "landed", landed, "bad", bad, time.time()-t)
