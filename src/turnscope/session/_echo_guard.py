"""Keeps the agent's own voice, as the caller's microphone picks it up, from counting as the caller's.

It stands between the edges of speech and the Floor, and only while the agent is, or has just been, audible.
"""

import math
from collections.abc import Callable

import numpy as np

from turnscope.core import (
    ECHO_MAX_DELAY_S,
    EdgeProfile,
    RingBuffer,
    SpeechBegan,
    SpeechEdge,
    SpeechEnded,
    echo_score,
    to_samples,
)
from turnscope.session._far_end import FarEnd

__all__ = ["EchoGuard"]

ECHO_SCORE = 0.65
"""Speech that is an echo to this share or more is one. See `turnscope.core.echo_score` for how that was measured."""

CLEAR_SCORE = 0.5
"""What has waited is let go when its score is below `ECHO_SCORE` twice running, or once below this."""

ENOUGH = to_samples(0.2)
"""The agent must have been audible for so long until a score says anything."""

SHORT = to_samples(0.1)
"""The score of less speech than this says nothing: there are more taps in the filter than samples to explain."""

TRUSTED_SCORE = 0.9
TRUST_AFTER = to_samples(1.0)
"""After so much of the agent's speech in which the microphone heard none, onsets pass unless an echo is that clear.

With headphones there is nothing to guard against, and a caller should be noticed at once. So what is shorter than
`SHORT` passes, too, and scores are not told before there is as much speech as is `JUDGED` at most: short words of
others have been taken for echoes.
"""

BEFORE = to_samples(0.4)
"""How much before the onset is looked at, too, because it shows the way that an echo takes."""

JUDGED = to_samples(0.4)
"""How much of the newest speech is judged: short enough to notice soon that a caller joins in."""

AGAIN = to_samples(0.06)
"""How often what is taken for an echo is judged again while it is new.

Later, and what may be one, half as often; what is clearly none, a quarter as often.
"""

_EVER = 1 << 62

_BLOCK = to_samples(0.01)
_AUDIBLE = 1e-7
"""Mean power, −70 dB re full scale, of a block in which the agent was audible."""


class EchoGuard:
    """Passes edges of speech on, except those of the agent's own echo.

    An onset while the agent is audible is passed on at once, if it is no echo. If it is one, or if the agent has not
    been audible for long enough to tell, it waits: until the sound has ended, and is forgotten; or until it is no echo
    (any more), and is passed on with what was said since. While passed-on speech goes on and is judged, the score is
    told again and again, as evidence.

    Args:
        ring: The caller's sound.
        far_end: The agent's.
        pass_on: Takes the edges that count.
        tell: Takes the score, and the sample up to which it accounts for the sound.
        publish: Takes what is to be told about the others.
        judging: Whether the score of what was passed on matters to anybody.
    """

    def __init__(
        self,
        ring: RingBuffer,
        far_end: FarEnd,
        pass_on: Callable[[SpeechEdge, EdgeProfile], None],
        tell: Callable[[float, int], None],
        publish: Callable[[int, int, float], None],
        judging: Callable[[], bool],
    ) -> None:
        self._ring = ring
        self._far_end = far_end
        self._pass_on = pass_on
        self._tell = tell
        self._publish = publish
        self._judging = judging
        self._waiting: dict[EdgeProfile, SpeechBegan] = {}
        self._passed: dict[EdgeProfile, SpeechBegan] = {}
        self._judged_at = -1
        self._score: float | None = None
        self._told = 0.0
        self._unechoed = 0
        """For how long the agent has been audible without that anything was heard, since the last echo."""
        self._quiet_since = 0
        """How much the agent had played when nothing was heard any more."""
        self._doubtful = False
        """The last score left it open whether it is an echo."""
        self._first_onset = 0

    def take(self, edge: SpeechEdge, profile: EdgeProfile) -> None:
        """An edge of speech has become sure."""
        if isinstance(edge, SpeechBegan):
            self._count_unechoed()
            self._begin(edge, profile)
        elif profile in self._waiting:
            self._forget(edge, profile)
        else:
            self._passed.pop(profile, None)
            self._pass_on(edge, profile)
        self._quiet_since = self._far_end.played

    def _count_unechoed(self) -> None:
        """Count how much the agent has played since nothing is heard any more, if nothing is."""
        played = self._far_end.played
        if not (self._waiting or self._passed):
            self._unechoed += played - self._quiet_since
        self._quiet_since = played

    @property
    def calm_until(self) -> int:
        """It does nothing before it has been told that all up to this sample was heard, unless an edge becomes sure."""
        if self._waiting:
            return 0
        if self._passed and self._judging():
            return self._judged_at + self._patience(self._judged_at) - 1
        return _EVER

    def begin_again(self) -> None:
        """Speech will be found anew, by other settings: of what waits or was passed on, no end will be told."""
        self._count_unechoed()
        self._waiting.clear()
        self._passed.clear()

    def hear(self, until: int) -> None:
        """The detector has heard everything up to sample `until`: judge again what goes on, if it is time to."""
        if not (self._waiting or (self._passed and self._judging())):
            return
        if until - self._judged_at >= self._patience(until):
            self._judge_again(until)

    def _judge_again(self, until: int) -> None:
        if not self._near_agent(until - JUDGED):
            if self._passed:
                self._judged_at = until
            else:
                self._release(until)
            return
        onset = min(began.onset for began in (*self._waiting.values(), *self._passed.values()))
        score = self._judge(onset, until)
        if score is not None and until - onset >= self._least_telling:
            if self._passed:
                self._tell_score(score, until)
            if score >= ECHO_SCORE:
                self._unechoed = 0
        doubtful, self._doubtful = self._doubtful, score is not None and score < ECHO_SCORE
        if score is not None and (score < CLEAR_SCORE or (doubtful and self._doubtful)):
            self._release(until)

    def _begin(self, began: SpeechBegan, profile: EdgeProfile) -> None:
        until = began.confirmed_at
        if not self._near_agent(began.onset):
            if self._told:
                self._tell_score(0.0, until)
            self._pass(began, profile)
            return
        score = self._judge(began.onset, until)
        if score is None or score >= self._least_doubtful(until - began.onset):
            self._doubtful = False
            self._waiting[profile] = began
            self._first_onset = min(self._first_onset, began.onset) if len(self._waiting) > 1 else began.onset
        else:
            if until - began.onset >= self._least_telling:
                self._tell_score(score, until)
            self._pass(began, profile)

    @property
    def _least_telling(self) -> int:
        """The score of less speech than this says nothing, or not enough against a long time without an echo."""
        return JUDGED if self._unechoed >= TRUST_AFTER else SHORT

    def _least_doubtful(self, length: int) -> float:
        """The score from which on an onset has to wait."""
        if self._unechoed >= TRUST_AFTER:
            return TRUSTED_SCORE if length >= SHORT else math.inf
        return 0.0 if length < SHORT else ECHO_SCORE

    def _forget(self, ended: SpeechEnded, profile: EdgeProfile) -> None:
        del self._waiting[profile]
        if not self._waiting:
            self._publish(self._first_onset, ended.end, self._score or 0.0)

    def _release(self, until: int) -> None:
        """It is no echo, or none any more: somebody has been speaking for as long as was judged, at most."""
        waiting, self._waiting = self._waiting, {}
        for profile, began in waiting.items():
            onset = max(began.onset, until - JUDGED)
            start = max(began.audio_start, onset - (began.onset - began.audio_start))
            if self._score is not None and profile not in self._passed:
                self._tell_score(self._score, until)
            self._pass(SpeechBegan(onset, until, began.confidence, start), profile)

    def _pass(self, began: SpeechBegan, profile: EdgeProfile) -> None:
        self._passed[profile] = began
        self._pass_on(began, profile)

    def _tell_score(self, score: float, until: int) -> None:
        self._told = score
        self._tell(score, until)

    def _patience(self, until: int) -> int:
        if self._waiting:
            return AGAIN if any(until - began.onset < JUDGED for began in self._waiting.values()) else 2 * AGAIN
        return 2 * AGAIN if (self._score or 0.0) >= CLEAR_SCORE / 2 else 4 * AGAIN

    # The score

    def _near_agent(self, onset: int) -> bool:
        """The agent is audible, or was so shortly before `onset` that its echo may still come."""
        return self._far_end.until > max(onset - to_samples(ECHO_MAX_DELAY_S), 0)

    def _judge(self, onset: int, until: int) -> float | None:
        """The score of the speech since `onset`, of the newest of it; None when there is too little to tell."""
        if until == self._judged_at:
            return self._score
        self._judged_at = until
        self._score = self._score_of(max(onset, until - JUDGED), until)
        return self._score

    def _score_of(self, start: int, until: int) -> float | None:
        begin = max(start - BEFORE, self._ring.begin)
        far = self._far_end.read(begin - to_samples(ECHO_MAX_DELAY_S), until)
        blocks = far[len(far) % _BLOCK :].reshape(-1, _BLOCK)
        energies = np.einsum("bi,bi->b", blocks, blocks)
        audible = int(np.count_nonzero(energies > _AUDIBLE * _BLOCK)) * _BLOCK
        if audible < ENOUGH:
            return None if audible or until - start < SHORT else 0.0
        return echo_score(self._ring.read(begin, until), far, until - start)
