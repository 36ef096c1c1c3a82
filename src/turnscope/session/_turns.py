"""The turns of a session, as far as they live: carries out what the Floor orders about them, and waits for them."""

import trio

from turnscope.core import (
    AbandonTurn,
    AdmitAttempt,
    CancelAttempt,
    DismissTurn,
    EndTurn,
    FinishSentence,
    FlushUtterance,
    HeardWord,
    InterruptSpeech,
    InterruptTurn,
    ListenOn,
    OpenTurn,
    Order,
    ResumeSpeech,
    StartAttempt,
    StartFiller,
    StopListening,
    YieldSpeech,
)
from turnscope.session._requests import Request
from turnscope.session._tasks import tasks_below
from turnscope.session._turn import Turn, TurnContext

__all__ = ["Turns"]


class Turns:
    """Makes turns, runs them in the session's nursery, and hands orders to the one that they are for.

    Args:
        context: The session, as far as a turn may use it, with the agent that begins.
        nursery: Where they run.
    """

    def __init__(self, context: TurnContext, nursery: trio.Nursery) -> None:
        self.known: dict[int, Turn] = {}
        """Those that live and those that are still to begin, by their ids."""
        self.running: set[int] = set()
        """The ids of those that have tasks."""
        self.context: TurnContext = context
        """What a turn, or an attempt, that begins now is given."""
        self._nursery = nursery
        self._gone = trio.lowlevel.ParkingLot()

    def prepare(self, turn_id: int, request: Request) -> Turn:
        """A turn of the application's, which is run when the Floor opens it."""
        turn = Turn(turn_id, None, self._current, request)
        self.known[turn_id] = turn
        return turn

    def obey(self, order: Order) -> None:
        """Carry out one order about a turn. What is ordered of a turn that is gone is done already."""
        if isinstance(order, OpenTurn):
            self._open(order)
            return
        turn = self.known.get(getattr(order, "turn_id", 0))
        if turn is not None:
            self._obey_for(turn, order)

    def _obey_for(self, turn: Turn, order: Order) -> None:
        match order:
            case InterruptTurn(turn_id, cause, asked, closing):
                turn.interrupt(cause, asked, closing=closing)
                if turn_id not in self.running:
                    self.known.pop(turn_id)
                    turn.end_unstarted()
            case InterruptSpeech(_, cause):
                turn.interrupt_speech(cause)
            case YieldSpeech(_, reaction):
                turn.yield_speech(reaction)
            case ResumeSpeech():
                turn.resume_speech()
            case FinishSentence():
                turn.finish_sentence()
            case FlushUtterance():
                turn.flush_utterance()
            case ListenOn(_, listen_from):
                turn.listen_on(listen_from)
            case StopListening():
                turn.stop_listening()
            case StartAttempt():
                turn.start_attempt(order)
            case AdmitAttempt():
                turn.admit_attempt(order)
            case StartFiller(_, number):
                turn.fill(number)
            case CancelAttempt(_, attempt):
                turn.cancel_attempt(attempt)
            case DismissTurn():
                turn.dismiss()
            case EndTurn(_, provider, message, asked):
                turn.end_without_answer(provider, message, asked)
            case AbandonTurn():
                turn.abandon()

    def _current(self) -> TurnContext:
        return self.context

    def _open(self, order: OpenTurn) -> None:
        turn = self.known.setdefault(order.turn_id, Turn(order.turn_id, order.listen_from, self._current))
        self.running.add(order.turn_id)
        self._nursery.start_soon(self._run, turn, name=f"turn {order.turn_id}")

    async def _run(self, turn: Turn) -> None:
        try:
            await turn.run()
        finally:
            self.known.pop(turn.turn_id, None)
            self.running.discard(turn.turn_id)
            self._gone.unpark_all()

    def heard_words(self) -> dict[int, tuple[HeardWord, ...]]:
        """See `Session.words_heard`."""
        heard = {turn_id: turn.heard_words for turn_id, turn in self.known.items()}
        return {turn_id: words for turn_id, words in heard.items() if words}

    def count_tasks(self) -> int:
        """How many tasks they have."""
        alive = (self.known[turn_id].task for turn_id in self.running)
        return sum(1 + sum(1 for _ in tasks_below(task)) for task in alive if task is not None)

    async def wait_gone(self) -> None:
        """Wait until none has a task."""
        while self.running:
            await self._gone.park()

    def force_end(self) -> None:
        """Unblock whatever of them still shields itself."""
        for turn in list(self.known.values()):
            turn.force_end()
