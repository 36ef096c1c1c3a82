"""Any session that obeys the Floor, whatever happens when: what always holds, and that logs replay.

The machine models what a session knows about its turns, and feeds what such a session could feed.
"""

import json
from dataclasses import dataclass, replace
from typing import get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.floors import PROFILES, AtOnce, floor_settings
from turnscope.core import (
    PHASES,
    TRANSITIONS,
    AbandonTurn,
    AdmitAttempt,
    AttemptCommitted,
    AttemptJoined,
    AudioFinished,
    AudioStarted,
    CallerHungUp,
    CancelAttempt,
    ChangeAgent,
    CloseRequested,
    CloseSession,
    DeadlineReached,
    DismissTurn,
    EdgeProfile,
    Emit,
    Endpointing,
    EndRequested,
    EndTurn,
    FillerEnding,
    FillerFinished,
    FillerStarted,
    Finish,
    FinishSentence,
    Floor,
    FloorInput,
    FloorSettings,
    FlushUtterance,
    Handling,
    HandOverRequested,
    InterruptionSettings,
    InterruptRequested,
    InterruptSpeech,
    InterruptTurn,
    KeptAlive,
    ListenFailed,
    ListenOn,
    MakeGood,
    Mute,
    NewInput,
    OpenTurn,
    Order,
    PhaseProfile,
    Phases,
    ProtectionChanged,
    Reaction,
    ReplyCut,
    ReplyRequested,
    ResumeSpeech,
    SayCancelled,
    SayRequested,
    SentenceFinished,
    SessionOpened,
    SilenceSettings,
    Speculation,
    SpeculationFailed,
    SpeculationPolicy,
    SpeechComplete,
    SpeechStarted,
    SpeechStopped,
    StartAttempt,
    StartFiller,
    State,
    StateChanged,
    StopListening,
    TextReceived,
    ToolsDone,
    ToolsRunning,
    TranscriptReceived,
    Trigger,
    TurnFailed,
    TurnJoined,
    TurnMode,
    TurnStarted,
    UserTurnCleared,
    UtteranceDismissed,
    WordsPolicy,
    YieldSpeech,
    input_from_dict,
    input_to_dict,
)

TICK = 160
"""10 ms: the machine's times are multiples of it, so that things happen at the same time now and then."""

TEXTS = st.sampled_from(["", "mm-hmm", "wait", "wait stop", "two lattes and", "yes please."])
WAITS = st.sampled_from([0, 0, 1, 5, 30, 60, 110, 300])
ONE_IN_EIGHT = st.integers(0, 7).map(lambda number: number == 7)
GUESSES: tuple[SpeculationPolicy, ...] = ("off", "discard", "use_if_similar", "always_use")
BY_HAND = ["start the turn", "end the turn", "clear the turn"]
NEW_INPUTS: tuple[NewInput, ...] = ("merge", "answer_newest", "queue")
REACTIONS: tuple[Reaction, ...] = ("pause", "duck", "continue")


@dataclass
class Model:
    """What the session knows about one turn."""

    opened: bool = False
    listens: bool = False
    """It has a listening part, and that was not told to stop for good."""
    hears: bool = False
    broken: bool = False
    """It hears the caller now: opened or told to hear on, and not flushed since."""
    started: bool = False
    """Its `TurnStarted` was published."""
    attempts: int = 0
    attempt: bool = False
    """An answer is going on."""
    guess: int = 0
    """The attempt that is a guess, if there is one."""
    audible: bool = False
    filler_ordered: bool = False
    filling: bool = False
    """The wait for its answer is filled, and that is heard."""
    yielded: bool = False
    silenced: bool = False
    """Its speech was interrupted, its text may go on."""
    protected: bool = False
    finishing: bool = False
    """It is to speak to the end of its sentence, and no further."""
    closings: int = 0
    """How many orders have ended it."""
    over: bool = False
    """It has ended by itself."""
    joined: bool = False
    abandoned: bool = False

    @property
    def alive(self) -> bool:
        return self.opened and not self.closings and not self.over

    @property
    def leaving(self) -> bool:
        """It has ended, and its tasks may not have."""
        return self.opened and (self.closings > 0 or self.over) and not self.joined and not self.abandoned

    @property
    def holds_the_floor(self) -> bool:
        return self.alive and self.attempt and not self.silenced


class Session(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.log: list[str] = []
        self.orders: list[list[Order]] = []
        self.turns: dict[int, Model] = {}
        self.begun: set[int] = set()
        """Those that the application has begun."""
        self.speaking: set[EdgeProfile] = set()
        self.state = State.INITIAL
        self.closed = 0
        self.due_before = False

    @initialize(
        reaction=st.sampled_from(REACTIONS),
        transcripts=st.integers(1, 2),
        away=st.sampled_from([None, 2.0]),
        longest=st.sampled_from([1.0, 5.0]),
        guesses=st.sampled_from(GUESSES),
        while_speaking=st.booleans(),
        thinking=st.sampled_from([PHASES.thinking, PhaseProfile(policy=AtOnce()), PhaseProfile(reaction="continue")]),
        protected=st.sampled_from(["hold", "discard"]),
        calm_s=st.sampled_from([0.0, 0.0, 1.0]),
        mute=st.sampled_from([(), (), ("tools",), ("agent_speech",), ("until_first_speech",)]),
        make_good=st.sampled_from(["resume", "reprompt", "nothing"]),
        turn_mode=st.sampled_from(["automatic", "automatic", "push_to_talk", "manual"]),
        new_input=st.sampled_from(NEW_INPUTS),
        silence=st.sampled_from(
            [None, SilenceSettings(after_s=1.0, times=1, then="end"), SilenceSettings(after_s=1.5)]
        ),
        timeout=st.sampled_from([None, 6.0]),
        filler=st.sampled_from([None, 0.05, 0.3]),
    )
    def open(
        self,
        reaction: Reaction,
        transcripts: int,
        away: float | None,
        longest: float,
        guesses: SpeculationPolicy,
        while_speaking: bool,
        thinking: PhaseProfile,
        protected: Handling,
        calm_s: float,
        mute: tuple[Mute, ...],
        make_good: MakeGood,
        turn_mode: TurnMode,
        new_input: NewInput,
        silence: SilenceSettings | None,
        timeout: float | None,
        filler: float | None,
    ) -> None:
        settings = floor_settings(
            interruption=InterruptionSettings(
                WordsPolicy(frozenset({"mm-hmm"}), transcripts, 0.8),
                reaction,
                phases=Phases(thinking, protected=PhaseProfile(protected)),
                cooldown_s=calm_s,
                grace_s=calm_s,
                mute=mute,
                make_good=make_good,
                words_deadline_s=1.5,
                hold_at_most=2,
            ),
            endpointing=Endpointing(0.3, 1.0, 0.6, 1.25, 2.0, longest),
            away_after_s=away,
            speculation=Speculation(policy=guesses, while_speaking=while_speaking, stable_s=0.1),
            new_input=new_input,
        )
        settings = replace(
            settings,
            turn_mode=turn_mode,
            silence=silence,
            session_timeout_s=timeout,
            filler_after_s=filler,
            fillers_at_most=2,
        )
        self.settings: FloorSettings = settings
        self.other = replace(self.settings, away_after_s=1.0)
        self.floor = self.new_floor()
        self.feed(SessionOpened(0))

    def new_floor(self) -> Floor:
        floor = Floor(self.settings)
        floor.know("other", self.other)
        return floor

    # Feeding and obeying

    def feed(self, item: FloorInput) -> list[Order]:
        self.log.append(json.dumps(input_to_dict(item)))
        one_step = not (isinstance(item, DeadlineReached | AttemptCommitted) or self.floor._ignored) and (
            self.floor.deadline is None or self.floor.deadline > item.sample
        )
        orders = self.floor.receive(item)
        self.orders.append(orders)
        if one_step and not (isinstance(item, AudioStarted) or self.floor.closing):  # told before it may be undone
            self._check_that_silence_is_first(orders)
        for order in orders:
            self._obey(order)
        self._end_fillers()
        for order in orders:
            if isinstance(order, CancelAttempt):  # its tasks end at once
                self.feed(AttemptJoined(item.sample, order.turn_id, order.attempt))
            if isinstance(order, InterruptTurn) and self._turn(order.turn_id).audible and not self.closed:
                self.feed(ReplyCut(item.sample, order.turn_id, "and so on" if order.turn_id % 2 else ""))
        return orders

    def _end_fillers(self) -> None:
        """What was heard of turns that have stepped back, or are over, has ended."""
        for turn_id, turn in self.turns.items():
            if turn.filling and (not turn.holds_the_floor or (turn.yielded and not turn.filler_ordered)):
                turn.filling = False
                self.feed(FillerFinished(self.now, turn_id, "stopped"))
                return

    def _check_that_silence_is_first(self, orders: list[Order]) -> None:
        begun = {order.turn_id for order in orders if isinstance(order, OpenTurn)}  # nothing of them is heard yet
        quiet = (InterruptTurn, InterruptSpeech, CancelAttempt, FinishSentence)
        kinds = ["quiet" if isinstance(order, quiet) and order.turn_id not in begun else "event" for order in orders]
        assert kinds == sorted(kinds, reverse=True), orders
        cut = [order.turn_id for order in orders if isinstance(order, (InterruptTurn, InterruptSpeech))]
        audible = {turn_id for turn_id in cut if self._turn(turn_id).audible and not self._turn(turn_id).silenced}
        assert not audible or cut[0] in audible, "what is audible is silenced before what only waits"

    def _turn(self, turn_id: int) -> Model:
        return self.turns.setdefault(turn_id, Model())

    def _obey(self, order: Order) -> None:
        assert not self.closed or isinstance(order, (InterruptTurn, AbandonTurn)), order
        match order:
            case Emit(event):
                match event:
                    case StateChanged(old=old, new=new, trigger=trigger):
                        assert State(old) is self.state
                        assert TRANSITIONS[State(old), Trigger(trigger)] is State(new)
                        self.state = State(new)
                    case TurnStarted(turn_id=turn_id):
                        assert not self._turn(turn_id).started
                        self._turn(turn_id).started = True
                    case UtteranceDismissed(turn_id=turn_id):
                        assert not self._turn(turn_id).started
                return
            case CloseSession():
                self.closed += 1
                assert self.closed == 1
                return
            case ChangeAgent(agent):
                assert agent == self.floor.agent
                assert not any(turn.holds_the_floor for turn in self.turns.values()), "not while a reply is under way"
                return
        turn = self._turn(order.turn_id)
        match order:
            case OpenTurn(_, listen_from):
                assert not turn.opened
                assert not turn.closings
                turn.opened = True
                turn.listens = turn.hears = listen_from is not None
                assert listen_from is None or 0 <= listen_from <= self.now
            case FlushUtterance():
                assert turn.alive
                assert turn.hears
                turn.hears = False
            case ListenOn(_, listen_from):
                assert turn.alive
                assert turn.listens
                assert not turn.hears
                assert listen_from <= self.now
                turn.hears = True
            case StopListening():
                assert turn.listens
                turn.listens = turn.hears = False
            case StartAttempt(turn_id, attempt, _, _, speculative):
                assert turn.alive
                assert turn.started or speculative
                assert not turn.attempt
                assert not turn.guess
                assert attempt == turn.attempts + 1
                for other_id, other in self.turns.items():
                    busy = other.leaving or other.attempt or other.guess
                    assert other_id == turn_id or not busy, f"turn {other_id} is not gone"
                turn.attempts, turn.attempt, turn.yielded = attempt, not speculative, order.held
                turn.filler_ordered = False
                turn.guess = attempt if speculative else 0
            case AdmitAttempt(_, attempt):
                assert turn.alive
                assert turn.started
                assert not turn.attempt
                assert turn.guess == attempt
                turn.attempt, turn.guess, turn.yielded = True, 0, order.held
            case StartFiller():
                assert turn.holds_the_floor
                assert not turn.yielded
                assert not self.floor._speaking, "not while the caller makes a sound that somebody listens to"
                assert not turn.filling
                turn.filler_ordered = True
            case CancelAttempt(_, attempt):
                assert turn.attempt != (turn.guess == attempt)
                assert attempt == turn.attempts
                assert not turn.audible
                turn.attempt, turn.guess, turn.filler_ordered = False, 0, False
            case YieldSpeech(_, reaction):
                assert turn.holds_the_floor
                assert not turn.yielded
                assert not (turn.audible and turn.protected)
                speaks = turn.audible or turn.filling
                reactions = {self.settings.interruption.reaction} if speaks else {"pause"}
                if turn.filling and not turn.audible:  # unless whoever is going on was so before it was filled
                    reactions.add("pause")
                assert reaction in reactions - {"continue"}
                turn.yielded = True
                if reaction == "pause":
                    turn.filler_ordered = False
            case ResumeSpeech():
                assert turn.holds_the_floor
                assert turn.yielded
                turn.yielded = False
            case InterruptSpeech():
                assert turn.holds_the_floor
                turn.silenced = True
                turn.listens = turn.hears = False
            case FinishSentence():
                assert turn.holds_the_floor
                assert turn.audible
                turn.finishing = True
            case InterruptTurn(_, cause):
                assert cause.reason != "user_speaking" or ((turn.alive or not turn.opened) and not turn.protected)
                assert not turn.opened or turn.started
                assert not turn.over
                self._close(turn)
            case EndTurn():
                assert turn.opened
                assert turn.started
                assert not turn.over
                self._close(turn)
            case DismissTurn():
                assert turn.opened
                assert not turn.started
                self._close(turn)
            case AbandonTurn():
                assert turn.leaving
                turn.abandoned = True

    @staticmethod
    def _close(turn: Model) -> None:
        turn.closings += 1
        assert turn.closings == 1, "one ending each"
        assert not turn.guess, "given up before its turn ends"
        turn.attempt = turn.hears = turn.listens = False

    def pick(self, data: st.DataObject, turn_ids: list[int]) -> int:
        return data.draw(st.sampled_from(turn_ids), label="turn")

    def which(self, **wanted: bool) -> list[int]:
        return [
            turn_id
            for turn_id, turn in self.turns.items()
            if all(getattr(turn, name) is value for name, value in wanted.items())
        ]

    # Time

    @rule(ticks=WAITS, stuck=ONE_IN_EIGHT)
    def time_passes(self, ticks: int, stuck: bool) -> None:
        """Deadlines are kept, and turns that have ended are gone, unless something of theirs is stuck."""
        if not stuck:
            for turn_id in self._gone_soon():
                self._join(turn_id)
        until = self.now + ticks * TICK
        for _ in range(100):
            deadline = self.floor.deadline
            if deadline is None or deadline > until:
                break
            self.now = deadline
            self.feed(DeadlineReached(deadline))
        else:
            raise AssertionError(f"the floor wants to be called again and again at {self.now}")
        self.now = until

    @rule(ticks=WAITS, late=ONE_IN_EIGHT)
    def the_session_is_late(self, ticks: int, late: bool) -> None:
        """What comes next comes before the deadlines that were missed are reported."""
        if late:
            self.now += ticks * TICK

    # The caller

    def _starts(self, profile: EdgeProfile, since: int = 5) -> None:
        if profile not in self.speaking:
            self.speaking.add(profile)
            onset = max(self.now - since * TICK, 0)
            self.feed(SpeechStarted(self.now, onset, max(onset - 4800, 0), profile, 0.9))

    def _stops(self, profile: EdgeProfile, ago: int = 5) -> None:
        if profile in self.speaking:
            self.speaking.discard(profile)
            self.feed(SpeechStopped(self.now, max(self.now - ago * TICK, 0), profile))

    def _understood(self, turn_id: int, text: str, *, final: bool, lag: int = 0) -> None:
        self.feed(TranscriptReceived(self.now, turn_id, text, final, max(self.now - lag * TICK, 0)))

    @rule(profile=st.sampled_from(PROFILES), since=st.integers(0, 20))
    def one_detector_hears_speech(self, profile: EdgeProfile, since: int) -> None:
        self._starts(profile, since)

    @rule(profile=st.sampled_from(PROFILES), ago=st.integers(0, 20))
    def one_detector_hears_silence(self, profile: EdgeProfile, ago: int) -> None:
        self._stops(profile, ago)

    @rule(ticks=WAITS)
    def caller_speaks(self, ticks: int) -> None:
        self._starts("barge_in")
        self.time_passes(ticks=ticks, stuck=False)
        self._starts("turn", since=5 + ticks)

    @rule(ticks=WAITS, text=TEXTS)
    def caller_has_spoken(self, ticks: int, text: str) -> None:
        self._stops("barge_in")
        self._stops("turn")
        self.time_passes(ticks=ticks, stuck=False)
        for turn_id in self.which(listens=True, attempt=False):
            self._understood(turn_id, text, final=True)

    @precondition(lambda self: self.which(listens=True))
    @rule(data=st.data(), text=TEXTS, final=st.booleans(), lag=st.integers(0, 30))
    def words_are_understood(self, data: st.DataObject, text: str, final: bool, lag: int) -> None:
        self._understood(self.pick(data, self.which(listens=True)), text, final=final, lag=lag)

    # The session's parts

    @precondition(lambda self: any(self._about_to_be_heard()))
    @rule()
    def agent_is_heard(self) -> None:
        for turn_id, turn in self.turns.items():
            if turn_id in self._about_to_be_heard():
                if turn.filling:
                    self._filler_ends(turn_id, "answered")
                turn.audible, turn.filler_ordered = True, False
                self.feed(AudioStarted(self.now, turn_id))
                return

    @precondition(lambda self: any(self._about_to_be_filled()))
    @rule(data=st.data())
    def a_filler_is_heard(self, data: st.DataObject) -> None:
        turn_id = self.pick(data, self._about_to_be_filled())
        self.turns[turn_id].filling = True
        self.feed(FillerStarted(self.now, turn_id))

    def _about_to_be_filled(self) -> list[int]:
        return [
            turn_id
            for turn_id, turn in self.turns.items()
            if turn.holds_the_floor and turn.filler_ordered and not turn.filling
        ]

    @precondition(lambda self: self.which(filling=True))
    @rule()
    def a_filler_ends(self) -> None:
        for turn_id in self.which(filling=True):
            self._filler_ends(turn_id, "played")

    def _filler_ends(self, turn_id: int, cause: FillerEnding) -> None:
        self.turns[turn_id].filling = self.turns[turn_id].filler_ordered = False
        self.feed(FillerFinished(self.now, turn_id, cause))

    def _about_to_be_heard(self) -> list[int]:
        """Those who could be heard next, and are not held back."""
        turns = self.turns.items()
        return [turn_id for turn_id, turn in turns if turn.holds_the_floor and not (turn.audible or turn.yielded)]

    @precondition(lambda self: any(turn.holds_the_floor for turn in self.turns.values()))
    @rule(data=st.data(), text=st.sampled_from(["It is ready.", "Is that all?"]), ticks=WAITS)
    def all_of_a_reply_was_made(self, data: st.DataObject, text: str, ticks: int) -> None:
        turn_id = self.pick(data, [turn_id for turn_id, turn in self.turns.items() if turn.holds_the_floor])
        self.feed(SpeechComplete(self.now, turn_id, text, self.now + ticks * TICK))

    @precondition(lambda self: any(turn.attempt for turn in self.turns.values()))
    @rule(data=st.data(), fails=st.booleans())
    def answer_ends(self, data: st.DataObject, fails: bool) -> None:
        turn_id = self.pick(data, self.which(attempt=True))
        turn = self.turns[turn_id]
        if self.floor.deadline is not None and self.floor.deadline <= self.now:
            self.feed(DeadlineReached(self.now))  # it comes first, and may take the answer back
            if not turn.attempt:
                return
        fails = fails or turn.yielded  # whoever has stepped back does not get to their end
        turn.over, turn.attempt, turn.listens, turn.hears = True, False, False, False
        self.feed(TurnFailed(self.now, turn_id, "llm", "broke") if fails else AudioFinished(self.now, turn_id))

    @precondition(lambda self: any(turn.guess for turn in self.turns.values()))
    @rule()
    def a_guess_fails(self) -> None:
        for turn_id, turn in self.turns.items():
            if turn.guess:
                self.feed(SpeculationFailed(self.now, turn_id, turn.guess, "llm", "broke"))
                assert not turn.guess
                return

    @precondition(lambda self: self.which(listens=True))
    @rule(data=st.data())
    def listening_fails(self, data: st.DataObject) -> None:
        turn_id = self.pick(data, self.which(listens=True))
        self.turns[turn_id].broken = True
        orders = self.feed(ListenFailed(self.now, turn_id, "stt", "broke"))
        opened = [order for order in orders if isinstance(order, OpenTurn) and order.listen_from is not None]
        assert not opened, "a listener that fails at once would be opened for ever"

    @precondition(lambda self: any(self._gone_soon()))
    @rule(data=st.data())
    def tasks_end(self, data: st.DataObject) -> None:
        self._join(self.pick(data, self._gone_soon()))

    def _join(self, turn_id: int) -> None:
        self.turns[turn_id].joined = True
        self.feed(TurnJoined(self.now, turn_id))

    def _gone_soon(self) -> list[int]:
        return [
            turn_id
            for turn_id, turn in self.turns.items()
            if turn.opened and (turn.closings or turn.over) and not turn.joined
        ]

    # The application

    @rule(
        data=st.data(),
        deed=st.sampled_from(
            [
                "type",
                "say",
                "say protected",
                "announce",
                "reply",
                "protect",
                "expose",
                "cancel",
                "interrupt",
                "interrupt speech",
                *BY_HAND,
                "use tools",
                "commit",
            ]
        ),
    )
    def application_does_something(self, data: st.DataObject, deed: str) -> None:
        if self.floor.deadline is not None and self.floor.deadline <= self.now:
            self.feed(DeadlineReached(self.now))  # it may begin a turn, too, and need an id
        new_id = self.floor.next_turn_id
        match deed:
            case "type":
                self.begun.add(new_id)
                self.feed(TextReceived(self.now, new_id, "three lattes"))
            case "say" | "say protected":
                self._turn(new_id).protected = deed == "say protected"
                self.begun.add(new_id)
                self.feed(SayRequested(self.now, new_id, "Hello.", deed == "say"))
            case "reply":
                self._turn(new_id)
                self.begun.add(new_id)
                self.feed(ReplyRequested(self.now, new_id))
            case "protect" | "expose":
                turn_id = self.pick(data, [*self.turns, 999])
                if turn_id in self.begun:
                    self.turns[turn_id].protected = deed == "protect"
                self.feed(ProtectionChanged(self.now, turn_id, deed == "expose"))
            case "announce":
                self._turn(new_id).protected = True
                self.begun.add(new_id)
                self.feed(SayRequested(self.now, new_id, "Fire!", False, 1))
            case "start the turn":
                self.feed(SpeechStarted(self.now, self.now, self.now, "turn", 1.0, "client"))
            case "end the turn":
                self.feed(SpeechStopped(self.now, self.now, "turn", "client"))
            case "clear the turn":
                self.feed(UserTurnCleared(self.now))
            case "use tools":
                for turn_id in [turn_id for turn_id, turn in self.turns.items() if turn.holds_the_floor]:
                    self.feed(ToolsRunning(self.now, turn_id) if new_id % 2 else ToolsDone(self.now, turn_id))
            case "commit":
                for turn_id in [turn_id for turn_id, turn in self.turns.items() if turn.holds_the_floor]:
                    self.feed(AttemptCommitted(self.now, turn_id, 1))
            case "cancel":
                self.feed(SayCancelled(self.now, self.pick(data, [*self.turns, 999]), "changed my mind"))
            case _:
                self.feed(InterruptRequested(self.now, "interrupted", deed == "interrupt speech"))
                assert not self.floor.agent_is_audible
                assert deed == "interrupt speech" or not any(
                    turn.silenced and turn.alive for turn in self.turns.values()
                )

    @rule(agent=st.sampled_from(["agent", "other"]))
    def another_agent_is_to_take_over(self, agent: str) -> None:
        self.feed(HandOverRequested(self.now, agent))
        busy = any(turn.holds_the_floor for turn in self.turns.values())
        assert self.closed or busy or self.floor.agent == agent

    @rule()
    def somebody_is_known_to_be_there(self) -> None:
        self.feed(KeptAlive(self.now))
        assert self.state is not State.AWAY

    @precondition(lambda self: len(self.log) > 30)
    @rule(finish=st.sampled_from(get_args(Finish)), within=st.sampled_from([1, 100 * TICK]))
    def the_session_is_to_end(self, finish: Finish, within: int) -> None:
        self.feed(EndRequested(self.now, "goodbye", finish, within))
        assert self.closed or finish != "nothing"
        assert self.closed or any(turn.alive for turn in self.turns.values())

    @precondition(lambda self: self.which(finishing=True))
    @rule()
    def the_sentence_is_finished(self) -> None:
        for turn_id in self.which(finishing=True):
            self.turns[turn_id].finishing = False
            self.feed(SentenceFinished(self.now, turn_id))

    @precondition(lambda self: len(self.log) > 40)
    @rule(by_caller=st.booleans())
    def the_end(self, by_caller: bool) -> None:
        self.feed(CallerHungUp(self.now) if by_caller else CloseRequested(self.now))
        assert self.closed == 1
        assert not any(turn.alive for turn in self.turns.values()), "everything that was open is closed"

    # What is late or lost on its way

    @rule(data=st.data(), kind=st.sampled_from(["audio started", "audio finished", "joined", "say cancelled"]))
    def something_stale(self, data: st.DataObject, kind: str) -> None:
        gone = [turn_id for turn_id, turn in self.turns.items() if turn.joined]
        turn_id = self.pick(data, [*gone, 999])
        quiet = self.floor.deadline is None or self.floor.deadline > self.now
        stale: dict[str, FloorInput] = {
            "audio started": AudioStarted(self.now, turn_id),
            "audio finished": AudioFinished(self.now, turn_id),
            "joined": TurnJoined(self.now, turn_id),
            "say cancelled": SayCancelled(self.now, turn_id, "late"),
        }
        orders = self.feed(stale[kind])
        assert not (quiet and orders), orders

    # What always holds

    @invariant()
    def states_are_told(self) -> None:
        assert self.floor.state is self.state
        assert (self.state is State.ENDED) == bool(self.closed)

    @invariant()
    def at_most_one_turn_holds_the_floor(self) -> None:
        holders = [turn for turn in self.turns.values() if turn.holds_the_floor]
        assert len(holders) <= 1
        audible = any(turn.audible for turn in holders)
        filling = any(turn.filling for turn in holders)
        assert audible <= self.floor.agent_is_audible <= (audible or filling)
        assert (self.state is State.SPEAKING) is audible

    @invariant()
    def at_most_one_answer_is_made_guesses_included(self) -> None:
        assert sum(turn.holds_the_floor or bool(turn.guess) for turn in self.turns.values()) <= 1

    @invariant()
    def at_most_one_listener_is_undecided(self) -> None:
        listeners = [turn for turn in self.turns.values() if turn.alive and turn.hears and not turn.broken]
        assert len(listeners) <= 1

    @invariant()
    def the_deadline_lies_not_in_the_past(self) -> None:
        deadline = self.floor.deadline
        if deadline is not None and deadline < self.now:
            assert self.now > self._last_sample(), "only as long as the session is late"

    def _last_sample(self) -> int:
        return int(json.loads(self.log[-1])["sample"])

    @invariant()
    def nobody_is_waited_for_without_a_deadline(self) -> None:
        if any(turn.leaving for turn in self.turns.values()):
            assert self.floor.deadline is not None

    @invariant()
    def new_ids_are_new(self) -> None:
        assert all(turn_id < self.floor.next_turn_id for turn_id in self.turns)

    def teardown(self) -> None:
        floor = self.new_floor()
        for line, orders in zip(self.log, self.orders, strict=True):
            assert floor.receive(input_from_dict(json.loads(line))) == orders
        assert floor.deadline == self.floor.deadline


TestAnySessionThatObeysTheFloor = Session.TestCase
TestAnySessionThatObeysTheFloor.settings = settings(
    max_examples=300,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
