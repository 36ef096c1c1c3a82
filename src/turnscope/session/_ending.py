"""How a turn ends: silence, what was heard, the history, and its one outcome, in this order."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from turnscope._errors import ProviderError
from turnscope.core import (
    Cause,
    Completed,
    Failed,
    GateShut,
    HeardText,
    HungUp,
    Interrupted,
    Message,
    Outcome,
    ProviderFailed,
    TurnEnded,
    WordsHeard,
)
from turnscope.session._attempt import Attempt
from turnscope.session._exchange import Exchange

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Ending"]

_logger = logging.getLogger("turnscope")

NEWER_INPUT = frozenset({"new_input", "user_speaking"})
"""Causes that are something newer from the caller."""

NOTHING_HEARD = HeardText("", "", (), estimated=False)


class Ending:
    """The ending of one turn. Whatever comes first settles it; what comes later changes nothing.

    Args:
        turn_id: The turn's.
        context: The session, as far as a turn may use it.
        exchange: What the turn adds to the conversation.
    """

    def __init__(self, turn_id: int, context: "TurnContext", exchange: Exchange) -> None:
        self.outcome: Outcome | None = None
        self.published: trio.Event = trio.Event()
        """Set when `outcome` is final and the `TurnEnded` event has been published, if there is one."""
        self._turn_id = turn_id
        self._context = context
        self._exchange = exchange
        self._compose: Callable[[], tuple[Message, ...]] | None = None
        """Gives what is to be kept of the turn, as things stand."""
        self._kept: tuple[Message, ...] = ()
        """What the history holds of the turn."""
        self._writing: Attempt | None = None
        """The attempt whose voice was silenced while its text goes on."""
        self._text_went_on = False
        self._superseding = False
        """Something newer from the caller takes the place of what they asked, unless some of the answer was heard."""

    def cut(
        self,
        attempt: Attempt | None,
        cause: Cause,
        *,
        asked: str = "",
        text_goes_on: bool = False,
        closing: bool = False,
    ) -> None:
        """Shut the gate and fix what was heard, at this moment.

        Args:
            attempt: The attempt at answering, if there is one.
            cause: Why.
            asked: What the caller has said, to be remembered.
            text_goes_on: More to display may come.
            closing: The session ends: the turn was not interrupted, but left.
        """
        if self.outcome is not None:
            _release(attempt, "" if text_goes_on else cause.reason)
            return
        self._writing = attempt if text_goes_on else None
        self._superseding = self._context.agent.new_input == "answer_newest" and cause.reason in NEWER_INPUT
        heard, last_sent, silence = self._silence(attempt, cause.reason, asked)
        if closing:
            self.outcome = HungUp(cause.reason, heard.heard)
            return
        self.outcome = Interrupted(
            cause,
            heard.heard,
            heard.unheard,
            self._context.now(),
            last_sent,
            silence,
            self._context.playout.provenance,
            heard.estimated,
        )

    def give_up(self, attempt: Attempt | None, failure: ProviderError, asked: str = "") -> None:
        """A provider let the turn down: silence, keep what was heard, and say who it was."""
        if self.outcome is None:
            heard, _, _ = self._silence(attempt, "failed", asked)
            self.outcome = Failed(failure.provider, failure.message, heard.heard)
        self.publish_failure(failure)

    def complete(self, attempt: Attempt) -> None:
        """The attempt has run to its end: all was heard, or its voice had been silenced and its text went on."""
        if self.outcome is None:
            text = attempt.spoken.text if attempt.voice.playback.received else ""  # no sound, nothing heard
            self._publish_words(attempt)
            self._remember(attempt, len(text), interrupted=False)
            self.outcome = Completed(text.strip())

    def complete_without_answer(self) -> None:
        """There was nothing to answer."""
        if self.outcome is None:
            self._remember(None, 0, interrupted=False)
            self.outcome = Completed("")

    def rewrite(self) -> None:
        """More is known of what the history holds of this turn: a tool's result, or the rest of a text."""
        if self._compose is not None and self._kept:
            before, now = self._kept, self._compose()
            if now != before:
                self._kept = now
                self._context.history.rewrite(before[0], *now, turn_id=self._turn_id)

    def publish(self, *, joined: bool, blamed: str = "") -> None:
        """Say how the turn has ended."""
        self._settle_text()
        if self.outcome is not None:
            self._context.publish(TurnEnded(self._context.now(), self._turn_id, self.outcome, joined, blamed))
        self.published.set()

    def publish_failure(self, failure: ProviderError) -> None:
        """Say that a provider has failed, whatever becomes of the turn."""
        _logger.warning("turn %d: %s", self._turn_id, failure, exc_info=failure)
        now = self._context.now()
        self._context.publish(ProviderFailed(now, self._turn_id, failure.provider, failure.message))

    def _silence(self, attempt: Attempt | None, reason: str, asked: str) -> tuple[HeardText, int | None, int | None]:
        """Shut the gate; keep what was heard; say until when samples were sent, and when all is silent."""
        if attempt is None:
            self._remember(None, 0, interrupted=True, asked=asked)
            return NOTHING_HEARD, None, None
        last_sent, silence = attempt.shut()
        heard = attempt.spoken.heard(attempt.voice.playback.heard_until)
        _release(attempt, "" if self._writing is not None else reason)
        self._context.publish(GateShut(self._context.now(), self._turn_id, last_sent, silence))
        text = attempt.spoken.text
        cut = len(text) - len(text.lstrip()) + len(heard.heard) if heard.heard else 0
        self._remember(attempt, cut, interrupted=True)
        self._publish_words(attempt)
        return heard, last_sent, silence

    def _publish_words(self, attempt: Attempt) -> None:
        self._context.publish(WordsHeard(self._context.now(), self._turn_id, attempt.heard_words()))

    def _remember(self, attempt: Attempt | None, cut: int, *, interrupted: bool, asked: str = "") -> None:
        """Put into the history what was asked, which tools were called, and what was heard: the text before `cut`."""
        if attempt is None and not self._exchange.has_calls:
            kept = (Message("user", asked),) if asked else ()
            self._context.history.append(*self._marked(kept), turn_id=self._turn_id)
            return
        if attempt is not None and not attempt.request.add_to_history:
            return

        def compose() -> tuple[Message, ...]:
            if attempt is None:
                return self._marked(self._exchange.as_heard(asked or None, "", 0, (), interrupted=interrupted))
            text, rounds = attempt.spoken.text, attempt.calling.rounds
            return self._marked(
                self._exchange.as_heard(
                    attempt.asked, text, cut, rounds, interrupted=interrupted, also_nothing=self._text_went_on
                )
            )

        self._text_went_on = self._writing is not None
        self._compose, self._kept = compose, compose()
        self._context.history.append(*self._kept, turn_id=self._turn_id)
        resumed = None if attempt is None else attempt.request.resumes
        if resumed is not None and any(message.role == "assistant" for message in self._kept):
            self._context.history.amend(resumed, replace(resumed, resumed=True), turn_id=self._turn_id)

    def _marked(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """What was asked is superseded by something newer, unless some of an answer was heard or a tool was called."""
        if not self._superseding or any(message.role != "user" and message.is_sent for message in messages):
            return messages
        return tuple(replace(message, superseded=message.role == "user") for message in messages)

    def _settle_text(self) -> None:
        """Keep what was written after the voice had been silenced, beside what was heard."""
        writing, outcome = self._writing, self.outcome
        self._writing = None
        if writing is not None and isinstance(outcome, Interrupted):
            self.outcome = replace(outcome, unheard=writing.spoken.text.strip()[len(outcome.heard) :].strip())
            self.rewrite()


def _release(attempt: Attempt | None, reason: str) -> None:
    """Leave the tools of an attempt that was cut off for `reason` to their policies."""
    if attempt is not None and reason:
        attempt.calling.release(reason)
