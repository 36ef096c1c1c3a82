"""A call that stops after every step, so that somebody outside can look at it and decide how it goes on.

The session runs in virtual time, in a thread of its own. Between two steps the thread waits, and the clock with it.
"""

import queue
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
import trio

from turnscope.core import Event, FloorInput, Samples
from turnscope.session import Agent, Record, Session, open_runtime, open_session
from turnscope.sim import (
    Call,
    CallerTransport,
    HangUp,
    Moment,
    Play,
    VirtualCompute,
    read_words,
    run_virtual,
)

__all__ = ["LiveCall", "Sent"]


@dataclass(frozen=True)
class Sent:
    """Samples that passed the gate: of which response, and when they are heard."""

    response_id: str
    at: int
    samples: Samples

    @property
    def turn_id(self) -> int:
        return int(self.response_id.split(".")[0])


class _Caller(CallerTransport):
    def __init__(self, happened: list[Record | Sent], lead_s: float) -> None:
        super().__init__([], max_s=3600, lead_s=lead_s)
        self._happened = happened

    def send(self, samples: Samples, response_id: str) -> None:
        super().send(samples, response_id)
        self._happened.append(Sent(response_id, self._agent[-1][0], samples))


Step = Callable[[Session], Awaitable[object]]


@dataclass
class _Bridge:
    steps: "queue.SimpleQueue[Step | None]" = field(default_factory=queue.SimpleQueue)
    answers: "queue.SimpleQueue[BaseException | None]" = field(default_factory=queue.SimpleQueue)


class LiveCall:
    """A running call. `end` it, whatever happens.

    Args:
        agent: Who speaks.
        seed: For the order in which ready tasks run.
        lead_s: What the caller's loudspeaker buffers.
    """

    def __init__(self, agent: Agent, *, seed: int = 0, lead_s: float = 0.0) -> None:
        self.happened: list[Record | Sent] = []
        """Events, inputs of the Floor and samples that passed the gate, in order."""
        self.session: Session
        self.tasks_left = 0
        self._agent = agent
        self._seed = seed
        self._caller = _Caller(self.happened, lead_s)
        self._bridge = _Bridge()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._wait()

    # Steps

    def do(self, step: Step) -> None:
        """Do something inside the call; whatever can run then runs, but no time passes by itself."""
        self._bridge.steps.put(step)
        self._wait()

    def pass_time(self, seconds: float) -> None:
        async def sleep(session: Session) -> None:
            await trio.sleep(seconds)

        self.do(sleep)

    def plays(self, audio: Samples) -> None:
        """The caller's side makes this sound from now on."""

        async def play(session: Session) -> None:
            self._caller.add(Play(audio, Moment(0)))

        self.do(play)

    def hangs_up(self) -> None:
        async def hang_up(session: Session) -> None:
            self._caller.add(HangUp(Moment(0)))

        self.do(hang_up)

    def end(self) -> Call | None:
        """Leave the session's block; what it did, unless it had failed."""
        if self._thread.is_alive():
            self._bridge.steps.put(None)
            error = self._bridge.answers.get()
            self._thread.join()
            if error is not None:
                raise error
        user, agent = self._caller.tracks()
        records = tuple(item for item in self.happened if not isinstance(item, Sent))
        return Call(records, user, agent, self.session.history.messages, self._caller.placed, self.tasks_left)

    # What was seen

    @property
    def events(self) -> list[Event]:
        return [item for item in self.happened if isinstance(item, Event)]

    @property
    def inputs(self) -> list[FloorInput]:
        return [item for item in self.happened if not isinstance(item, Event | Sent)]

    @property
    def sent(self) -> list[Sent]:
        return [item for item in self.happened if isinstance(item, Sent)]

    def played_words(self, turn_id: int) -> list[str]:
        """The words of a turn whose samples have all passed the gate; one that was resumed may stand there twice."""
        pieces = [item.samples for item in self.sent if item.turn_id == turn_id]
        return [word for word, _ in read_words(np.concatenate(pieces))] if pieces else []

    # The thread

    def _wait(self) -> None:
        error = self._bridge.answers.get()
        if error is not None:
            self._thread.join()
            raise error

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            run_virtual(self._main, seed=self._seed)
        except BaseException as error:  # noqa: ASYNC103 -- nothing async here: it is raised in the other thread
            failure = error
        self._bridge.answers.put(failure)

    async def _main(self, compute: VirtualCompute) -> None:
        async with (
            open_runtime(compute=compute) as runtime,
            open_session(self._agent, self._caller, runtime=runtime, sinks=(self.happened.append,)) as self.session,
        ):
            await trio.testing.wait_all_tasks_blocked()
            self._bridge.answers.put(None)
            while (step := self._bridge.steps.get()) is not None:  # costs no processor's time: nobody stands still
                await step(self.session)
                await trio.testing.wait_all_tasks_blocked()
                self._bridge.answers.put(None)
        self.tasks_left = sum(len(nursery.child_tasks) for nursery in trio.lowlevel.current_task().child_nurseries)
