"""Who holds the floor: the one state machine that turns what happens into orders.

Sans-IO: time arrives inside inputs, orders go out, `Floor.deadline` says when it wants to be called next. It
never waits, never looks at a clock and never touches audio.
"""

from collections import deque
from dataclasses import dataclass, field

from turnscope._errors import ConfigError
from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core._audio import CLOCK_HZ, to_samples
from turnscope.core._deadlines import Deadlines
from turnscope.core._endpointing import Endpointing
from turnscope.core._hearing import Hearing
from turnscope.core._interruption import Evidence, InterruptionSettings, Verdict
from turnscope.core._orders import (
    AbandonTurn,
    CancelAttempt,
    CloseSession,
    DismissTurn,
    Emit,
    EndTurn,
    FlushUtterance,
    InterruptSpeech,
    InterruptTurn,
    ListenOn,
    OpenTurn,
    Order,
    ResumeSpeech,
    StartAttempt,
    StopListening,
    YieldSpeech,
)
from turnscope.core._states import State, Trigger, next_state

__all__ = ["Floor", "FloorSettings"]

MAX_ZOMBIES = 1
"""How many turns at once may have tasks that do not end, before the session gives up."""


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """What the Floor decides by.

    Attributes:
        interruption: When and how the agent lets itself be interrupted.
        endpointing: When the caller's turn is over.
        join_deadline_s: How long the tasks of a turn that has ended may take to be gone.
        away_after_s: After so long without anybody speaking the caller counts as away; None for never.
    """

    interruption: InterruptionSettings = field(default_factory=InterruptionSettings)
    endpointing: Endpointing = field(default_factory=Endpointing)
    join_deadline_s: float = 1.0
    away_after_s: float | None = None

    def __post_init__(self) -> None:
        if not self.join_deadline_s > 0:
            raise ConfigError(f"join_deadline_s must be positive, got {self.join_deadline_s}")
        if self.away_after_s is not None and not self.away_after_s > 0:
            raise ConfigError(f"away_after_s must be positive or None, got {self.away_after_s}")


@dataclass(slots=True)
class _Holder:
    """The turn that holds the floor."""

    turn_id: int
    origin: str
    text: str
    hearing: Hearing | None = None
    protected: bool = False
    due: bool = False
    """Its answer is to begin once no other turn is left."""
    audible: bool = False
    yielded: bool = False


class Floor:
    """Decides who speaks.

    Feed it inputs in the order of their `sample` with `receive`, and carry out what it orders, in order. Whenever
    `deadline` is not None, give it a `DeadlineReached` at that sample, or anything later.
    """

    def __init__(self, settings: FloorSettings | None = None) -> None:
        self.settings = settings or FloorSettings()
        self.state = State.INITIAL
        self._now = 0
        self._orders: list[Order] = []
        self._deadlines = Deadlines()
        self._next_turn_id = 1
        self._holder: _Holder | None = None
        self._heard: Hearing | None = None
        """What is listened to and does not hold the floor: a first utterance, or a challenger."""
        self._says: deque[inp.SayRequested] = deque()
        self._onsets: dict[inp.EdgeProfile, int] = {}
        """Onsets of the speech that goes on right now, by the settings that found it."""
        self._bound_until = 0
        """Input before this sample belongs to an utterance already: nothing is transcribed twice."""
        self._muted: int | None = None
        """The turn whose voice was interrupted while its text goes on."""
        self._joining: set[int] = set()
        self._zombies: set[int] = set()

    # What the session sees

    @property
    def deadline(self) -> int | None:
        """When the Floor wants to be called at the latest, in samples."""
        return self._deadlines.next_at

    @property
    def next_turn_id(self) -> int:
        """The id for a turn that the application begins."""
        return self._next_turn_id

    @property
    def agent_is_audible(self) -> bool:
        """Speech now would be a barge-in."""
        return self._holder is not None and self._holder.audible

    def receive(self, item: inp.FloorInput) -> list[Order]:
        """Take one input, and say what is to be done about it, in order."""
        while (due := self._deadlines.pop_due(item.sample)) is not None:
            self._now = max(self._now, due[1])
            self._expire(due[0])
        self._now = max(self._now, item.sample)
        if self.state is State.ENDED:
            self._take_when_ended(item)
        else:
            self._take(item)
        orders, self._orders = self._orders, []
        return orders

    # Inputs

    def _take(self, item: inp.FloorInput) -> None:
        match item:
            case inp.DeadlineReached():
                pass
            case inp.SpeechStarted():
                self._speech_started(item)
            case inp.SpeechStopped():
                self._speech_stopped(item)
            case inp.TranscriptReceived():
                self._transcript(item)
            case inp.ListenFailed():
                self._listen_failed(item)
            case inp.AudioStarted():
                self._audio_started(item)
            case inp.AudioFinished():
                self._turn_over(item.turn_id, Trigger.FINISHED)
            case inp.TurnFailed():
                self._turn_over(item.turn_id, Trigger.FAILED)
            case inp.TurnJoined():
                self._joined(item.turn_id)
            case inp.SayRequested():
                self._claim_id(item.turn_id)
                self._says.append(item)
                self._next_say()
            case inp.SayCancelled():
                self._say_cancelled(item)
            case inp.TextReceived():
                self._text_received(item)
            case inp.InterruptRequested():
                self._interrupt_all(item.reason, speech_only=item.speech_only)
            case inp.SessionOpened():
                self._go(Trigger.OPENED)
                self._idle()
            case inp.HungUp() | inp.CloseRequested():
                self._close(item.reason)

    def _take_when_ended(self, item: inp.FloorInput) -> None:
        match item:
            case inp.TurnJoined():
                self._deadlines.clear(f"join {item.turn_id}")
            case inp.SayRequested() | inp.TextReceived():
                self._order(InterruptTurn(item.turn_id, ev.Cause("shutdown", self._now)))

    def _expire(self, name: str) -> None:
        match name:
            case "endpoint":
                self._endpoint()
            case "window" | "review":
                self._review()
            case "longest turn":
                self._endpoint(forced=True)
            case "away":
                self._go(Trigger.SILENCE)
            case _:
                self._give_up_joining(int(name.removeprefix("join ")))

    # Speech

    def _speech_started(self, item: inp.SpeechStarted) -> None:
        self._emit(ev.SpeechBegins(self._now, item.onset, item.profile, item.source))
        self._onsets[item.profile] = item.onset
        if self._heard is not None:
            self._speech_resumed(self._heard, item.onset)
        elif self._holder is None:
            if item.profile == "turn":
                self._listen_to_caller(item.onset, item.confidence)
        elif self._holder.hearing is not None:
            if item.profile == "turn":
                self._take_back(self._holder, self._holder.hearing, item.onset)
        elif item.profile == "barge_in":
            self._challenge(self._holder, item.onset, item.confidence)

    def _speech_resumed(self, hearing: Hearing, onset: int) -> None:
        if hearing.speech_end is not None:
            hearing.speech_resumed(onset)
            self._order(ListenOn(hearing.turn_id, self._pre_rolled(onset)))
            self._deadlines.clear("endpoint")
        self._review()

    def _take_back(self, holder: _Holder, hearing: Hearing, onset: int) -> None:
        """The caller goes on before anything of the answer was heard: the same turn, a longer utterance."""
        if not holder.due:
            self._order(CancelAttempt(holder.turn_id, hearing.attempts, "user_speaking"))
            self._emit(ev.AttemptCancelled(self._now, holder.turn_id, hearing.attempts, "user_speaking"))
        self._holder = None
        self._heard = hearing
        hearing.speech_resumed(onset)
        self._order(ListenOn(hearing.turn_id, self._pre_rolled(onset)))
        self._go(Trigger.USER_RESUMED, holder.turn_id)

    def _speech_stopped(self, item: inp.SpeechStopped) -> None:
        self._emit(ev.SpeechEnds(self._now, item.end, item.profile, item.source))
        self._onsets.pop(item.profile, None)
        hearing = self._heard
        if self._onsets or hearing is None or hearing.speech_end is not None:
            return
        hearing.speech_stopped(item.end)
        self._order(FlushUtterance(hearing.turn_id))
        self._reconsider(hearing)

    def _listen_to_caller(self, onset: int, confidence: float) -> None:
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        self._deadlines.clear("away")
        self._bound_the_turn(self._open(onset, confidence, challenges=None))

    def _bound_the_turn(self, hearing: Hearing) -> None:
        self._deadlines.set("longest turn", hearing.onset + to_samples(self.settings.endpointing.max_turn_s))

    def _open(self, onset: int, confidence: float, challenges: int | None) -> Hearing:
        turn_id = self._next_turn_id
        self._claim_id(turn_id)
        self._heard = Hearing(turn_id, onset, challenges, confidence)
        self._order(OpenTurn(turn_id, max(self._pre_rolled(onset), self._bound_until)))
        self._emit(ev.TurnOpened(self._now, turn_id, onset, challenges))
        return self._heard

    def _pre_rolled(self, onset: int) -> int:
        return max(onset - to_samples(self.settings.interruption.pre_roll_s), 0)

    def _transcript(self, item: inp.TranscriptReceived) -> None:
        hearing = self._heard
        if hearing is None or hearing.turn_id != item.turn_id:
            return
        hearing.take_transcript(item.text, is_final=item.is_final, stop=item.stop)
        self._emit(ev.TranscriptUpdated(self._now, item.turn_id, hearing.text, item.is_final))
        self._reconsider(hearing)

    def _listen_failed(self, item: inp.ListenFailed) -> None:
        if self._heard is not None and self._heard.turn_id == item.turn_id:
            self._dismiss(self._heard, f"{item.provider} failed", item.provider, item.message)

    # The end of the caller's turn

    def _reconsider(self, hearing: Hearing) -> None:
        """Something is known that was not: is it an interruption, or the end of a turn?"""
        if hearing.challenges is not None:
            self._review()
        elif hearing.speech_end is not None:
            rules = self.settings.endpointing
            delay = rules.delay(hearing.text, settled=hearing.settled, longest_pause=hearing.longest_pause)
            self._deadlines.set("endpoint", max(hearing.speech_end + delay, self._now))

    def _endpoint(self, *, forced: bool = False) -> None:
        hearing = self._heard
        if hearing is None or hearing.challenges is not None:
            return
        if not forced and not hearing.settled and hearing.speech_end is not None:
            patience = hearing.speech_end + to_samples(self.settings.endpointing.transcript_timeout_s)
            if self._now < patience:
                self._deadlines.set("endpoint", patience)
                return
        if hearing.text:
            self._answer(hearing)
        elif hearing.speech_end is not None:
            self._dismiss(hearing, "no words")

    def _answer(self, hearing: Hearing) -> None:
        self._heard = None
        self._deadlines.clear("endpoint", "longest turn")
        self._admit(hearing)
        self._hold(_Holder(hearing.turn_id, "speech", hearing.text, hearing))

    def _admit(self, hearing: Hearing) -> None:
        if not hearing.admitted:
            hearing.admitted = True
            self._emit(ev.TurnStarted(self._now, hearing.turn_id, "speech", hearing.onset))

    def _hold(self, holder: _Holder) -> None:
        """Give the floor to a turn, and begin its answer as soon as no other turn is left."""
        self._holder = holder
        self._deadlines.clear("away")
        self._go(Trigger.ANSWER, holder.turn_id)
        self._end_muted("new_input")
        holder.due = True
        self._begin_if_due()

    def _begin_if_due(self) -> None:
        holder = self._holder
        if holder is None or not holder.due or self._joining:
            return
        holder.due = False
        attempt, speech_end = 1, None
        if holder.hearing is not None:
            holder.hearing.attempts += 1
            attempt, speech_end = holder.hearing.attempts, holder.hearing.speech_end
        self._order(StartAttempt(holder.turn_id, attempt, holder.text, verbatim=holder.origin == "say"))
        self._emit(ev.AttemptStarted(self._now, holder.turn_id, attempt, holder.text, speech_end))

    # The agent's speech

    def _audio_started(self, item: inp.AudioStarted) -> None:
        holder = self._holder
        if holder is None or holder.turn_id != item.turn_id:
            return
        holder.audible = True
        self._emit(ev.SpeechStartsPlaying(self._now, holder.turn_id))
        self._go(Trigger.FIRST_AUDIO, holder.turn_id)
        if holder.hearing is not None:
            self._bind(holder.hearing)
            holder.hearing = None
            self._order(StopListening(holder.turn_id))
        if self._heard is not None:
            self._step_back(holder, self._heard)
        elif "barge_in" in self._onsets:
            self._challenge(holder, self._onsets["barge_in"], 1.0)

    def _turn_over(self, turn_id: int, trigger: Trigger) -> None:
        holder = self._holder
        if holder is None or holder.turn_id != turn_id:
            return
        if trigger is Trigger.FINISHED and holder.audible:
            self._emit(ev.SpeechPlayed(self._now, turn_id))
        self._release(holder)
        self._go(trigger, turn_id)
        self._promote_challenger()

    def _release(self, holder: _Holder) -> None:
        """The turn no longer holds the floor; its tasks may take a moment to be gone."""
        self._let_go(holder)
        self._await_join(holder.turn_id)

    def _let_go(self, holder: _Holder) -> None:
        self._holder = None
        self._deadlines.clear("window", "review")
        if holder.hearing is not None:
            self._bind(holder.hearing)

    def _promote_challenger(self) -> None:
        """The floor is free: whoever has been speaking has it now."""
        hearing = self._heard
        if hearing is not None:
            hearing.challenges = None
            self._bound_the_turn(hearing)
            self._reconsider(hearing)
        elif "turn" in self._onsets:
            self._listen_to_caller(max(self._onsets["turn"], self._bound_until), 1.0)
        else:
            self._idle()

    # Interruptions

    def _challenge(self, holder: _Holder, onset: int, confidence: float) -> None:
        hearing = self._open(onset, confidence, challenges=holder.turn_id)
        if holder.protected:
            self._emit(ev.Decided(self._now, holder.turn_id, hearing.turn_id, "hold", "protected", "", 0.0))
            return
        self._step_back(holder, hearing)
        self._deadlines.set("window", self._now + to_samples(self.settings.interruption.decision_window_s))
        self._review()

    def _step_back(self, holder: _Holder, hearing: Hearing) -> None:
        reaction = self.settings.interruption.reaction
        if holder.protected or holder.yielded or not holder.audible or reaction == "continue":
            return
        holder.yielded = True
        self._order(YieldSpeech(holder.turn_id, reaction))
        self._emit(ev.Yielded(self._now, holder.turn_id, hearing.turn_id, hearing.onset, reaction))

    def _review(self) -> None:
        """Ask the policy about the challenger, if there is one that it may judge."""
        hearing, holder = self._heard, self._holder
        if hearing is None or holder is None or hearing.challenges is None or holder.protected:
            return
        window = self._deadlines.get("window")
        evidence = Evidence(
            self._now,
            hearing.onset,
            hearing.speech_end,
            hearing.confidence,
            hearing.text,
            hearing.settled,
            hearing.recent,
            window is None or window <= self._now,
        )
        ruling = self.settings.interruption.policy.judge(evidence)
        verdict = ruling.verdict
        if verdict is Verdict.WAIT and evidence.window_elapsed:
            verdict = Verdict.DISMISS
        if verdict is Verdict.WAIT:
            self._deadlines.set("review", ruling.review_at)
            return
        self._deadlines.clear("window", "review")
        decided = ev.Decided(
            self._now, holder.turn_id, hearing.turn_id, verdict.value, ruling.evidence, hearing.text, evidence.speech_s
        )
        if verdict is Verdict.CONFIRM:
            self._take_the_floor(holder, hearing, ruling.evidence, decided)
        else:
            self._emit(decided)
            self._dismiss(hearing, ruling.evidence)

    def _take_the_floor(self, holder: _Holder, hearing: Hearing, evidence: str, decided: ev.Decided) -> None:
        cause = ev.Cause("user_speaking", self._now, hearing.onset, evidence)
        self._order(InterruptTurn(holder.turn_id, cause))
        self._emit(decided)
        self._release(holder)
        self._go(Trigger.BARGE_IN, holder.turn_id)
        hearing.challenges = None
        self._admit(hearing)
        self._bound_the_turn(hearing)
        self._reconsider(hearing)

    def _dismiss(self, hearing: Hearing, evidence: str, provider: str = "", message: str = "") -> None:
        """It was no turn. Whoever had stepped back for it speaks on."""
        self._forget(hearing)
        holder = self._holder
        if holder is not None and holder.yielded:
            holder.yielded = False
            self._order(ResumeSpeech(holder.turn_id))
            self._emit(ev.Resumed(self._now, holder.turn_id))
        if hearing.admitted:
            self._order(EndTurn(hearing.turn_id, provider, message))
        else:
            self._order(DismissTurn(hearing.turn_id))
            self._emit_dismissed(hearing, evidence)
        if holder is None:
            self._idle()
        elif "barge_in" in self._onsets:
            self._keep_listening(holder)

    def _keep_listening(self, holder: _Holder) -> None:
        """The one who was dismissed still makes sound: hear on from here, without stepping back again."""
        self._open(self._now, 0.0, challenges=holder.turn_id)
        if not holder.protected:
            self._deadlines.set("window", self._now + to_samples(self.settings.interruption.decision_window_s))

    def _forget(self, hearing: Hearing) -> None:
        self._heard = None
        self._bind(hearing)
        self._deadlines.clear("endpoint", "longest turn", "window", "review")
        self._await_join(hearing.turn_id)

    def _emit_dismissed(self, hearing: Hearing, evidence: str) -> None:
        onset, text, challenged = hearing.onset, hearing.text, hearing.challenges
        self._emit(ev.UtteranceDismissed(self._now, hearing.turn_id, onset, text, evidence, challenged))

    def _bind(self, hearing: Hearing) -> None:
        """What was heard of an utterance is its own from now on."""
        self._bound_until = max(self._bound_until, self._now if hearing.speech_end is None else hearing.speech_end)

    # What the application asks for

    def _text_received(self, item: inp.TextReceived) -> None:
        self._claim_id(item.turn_id)
        if self._heard is not None:
            self._replace(self._heard)
        holder = self._holder
        if holder is not None:
            self._order(InterruptTurn(holder.turn_id, ev.Cause("new_input", self._now)))
            self._release(holder)
            if self.state is State.PROCESSING:
                self._go(Trigger.BARGE_IN, holder.turn_id)
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        self._emit(ev.TurnStarted(self._now, item.turn_id, "text", None))
        self._order(OpenTurn(item.turn_id, None))
        self._hold(_Holder(item.turn_id, "text", item.text))

    def _replace(self, hearing: Hearing) -> None:
        """Typed words replace spoken ones: an admitted turn is interrupted, any other was no turn."""
        self._forget(hearing)
        if hearing.admitted:
            self._order(InterruptTurn(hearing.turn_id, ev.Cause("new_input", self._now)))
        else:
            self._order(DismissTurn(hearing.turn_id))
            self._emit_dismissed(hearing, "new input")

    def _end_muted(self, reason: str) -> None:
        """A turn that was silenced may write on until somebody else is to be answered: that is now."""
        if self._muted is not None:
            self._order(InterruptTurn(self._muted, ev.Cause(reason, self._now)))
            self._await_join(self._muted)
            self._muted = None

    def _interrupt_all(self, reason: str, *, speech_only: bool) -> None:
        for say in [say for say in self._says if say.allow_interruptions]:
            self._says.remove(say)
            self._order(InterruptTurn(say.turn_id, ev.Cause(reason, self._now)))
        if self._holder is not None:
            self._interrupt_holder(self._holder, reason, speech_only=speech_only)

    def _interrupt_holder(self, holder: _Holder, reason: str, *, speech_only: bool = False) -> None:
        cause = ev.Cause(reason, self._now)
        if speech_only:
            self._end_muted(reason)
            self._muted = holder.turn_id
            self._order(InterruptSpeech(holder.turn_id, cause))
            self._let_go(holder)
        else:
            self._order(InterruptTurn(holder.turn_id, cause))
            self._release(holder)
        self._go(Trigger.BARGE_IN, holder.turn_id)
        if self._heard is not None:
            self._admit(self._heard)
        self._promote_challenger()

    def _say_cancelled(self, item: inp.SayCancelled) -> None:
        for say in list(self._says):
            if say.turn_id == item.turn_id:
                self._says.remove(say)
                self._order(InterruptTurn(say.turn_id, ev.Cause(item.reason, self._now)))
        if self._holder is not None and self._holder.turn_id == item.turn_id:
            self._interrupt_holder(self._holder, item.reason)

    def _next_say(self) -> None:
        if not self._says or self._holder is not None or self._heard is not None or self.state is State.INITIAL:
            return
        say = self._says.popleft()
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        self._order(OpenTurn(say.turn_id, None))
        self._emit(ev.TurnStarted(self._now, say.turn_id, "say", None))
        self._hold(_Holder(say.turn_id, "say", say.text, protected=not say.allow_interruptions))

    # Endings

    def _await_join(self, turn_id: int) -> None:
        self._joining.add(turn_id)
        self._deadlines.set(f"join {turn_id}", self._now + to_samples(self.settings.join_deadline_s))

    def _joined(self, turn_id: int) -> None:
        if self._muted == turn_id:
            self._muted = None
        self._joining.discard(turn_id)
        self._zombies.discard(turn_id)
        self._deadlines.clear(f"join {turn_id}")
        self._begin_if_due()

    def _give_up_joining(self, turn_id: int) -> None:
        self._order(AbandonTurn(turn_id))
        self._joining.discard(turn_id)
        self._zombies.add(turn_id)
        if self.state is not State.ENDED and len(self._zombies) > MAX_ZOMBIES:
            self._close("providers do not stop")
        self._begin_if_due()

    def _idle(self) -> None:
        """Nobody speaks."""
        self._next_say()
        away_after_s = self.settings.away_after_s
        if self._holder is None and self._heard is None and away_after_s is not None:
            self._deadlines.set("away", self._now + round(away_after_s * CLOCK_HZ))

    def _close(self, reason: str) -> None:
        cause = ev.Cause(reason, self._now)
        self._end_muted(reason)
        if self._holder is not None:
            self._order(InterruptTurn(self._holder.turn_id, cause))
            self._release(self._holder)
        if self._heard is not None:
            self._order(InterruptTurn(self._heard.turn_id, cause) if self._heard.admitted else DismissTurn(self._heard.turn_id))
            self._heard = None
        for say in self._says:
            self._order(InterruptTurn(say.turn_id, cause))
        self._says.clear()
        self._deadlines.clear("endpoint", "longest turn", "window", "review", "away")
        self._go(Trigger.END)
        self._order(CloseSession(reason))

    # Small things

    def _claim_id(self, turn_id: int) -> None:
        self._next_turn_id = max(self._next_turn_id, turn_id + 1)

    def _go(self, trigger: Trigger, turn_id: int | None = None) -> None:
        old, self.state = self.state, next_state(self.state, trigger)
        self._emit(ev.StateChanged(self._now, old.value, self.state.value, trigger.value, turn_id))

    def _order(self, order: Order) -> None:
        self._orders.append(order)

    def _emit(self, event: ev.Event) -> None:
        self._orders.append(Emit(event))
