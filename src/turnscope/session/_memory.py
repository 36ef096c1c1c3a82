"""What a session remembers: its history, whose changes are events, and whose counter of tokens cannot harm a turn."""

import logging
from collections.abc import Callable
from dataclasses import replace

from turnscope.core import (
    Event,
    History,
    HistoryChange,
    HistoryChanged,
    HistorySettings,
    Message,
    TokenCounter,
    estimate_tokens,
)
from turnscope.session._clock import SessionClock

__all__ = ["keep_safe", "remember"]

_logger = logging.getLogger("turnscope")


def remember(settings: HistorySettings, clock: SessionClock, publish: Callable[[Event], None]) -> History:
    """An empty history that publishes its changes."""

    def tell(change: HistoryChange) -> None:
        publish(HistoryChanged(clock.now(), change.kind, change.messages, change.turn_id))

    return History(keep_safe(settings), on_change=tell)


def keep_safe(settings: HistorySettings) -> HistorySettings:
    """`settings`, with a counter of tokens that never fails."""
    return replace(settings, count_tokens=_safe(settings.count_tokens))


def _safe(count: TokenCounter) -> TokenCounter:
    """`count`, or an estimate where it fails: a turn is being ended, and what was heard must be kept."""
    failed = False

    def counted(message: Message) -> int:
        nonlocal failed
        try:
            return int(count(message))
        except Exception:
            if not failed:
                _logger.exception("count_tokens failed; tokens are estimated where it does")
            failed = True
            return estimate_tokens(message)

    return counted
