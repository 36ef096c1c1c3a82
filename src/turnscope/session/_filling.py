"""What fills the wait for an answer: words or a sound, in front of its voice at the gate, and no part of it."""

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import trio

from turnscope.core import (
    FillerBegins,
    FillerEnding,
    FillerEnds,
    FillerFinished,
    FillerStarted,
    ProviderFailed,
    Resampler,
    Samples,
    StartAttempt,
    ThinkingSound,
    WordTiming,
    fade_in,
)
from turnscope.session._blame import as_provider_error
from turnscope.session._metering import Meter, MeteredTTS
from turnscope.session._requests import Request
from turnscope.session._synthesis import make_speech
from turnscope.session._voice import Voice, VoiceNews

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Filling"]

_logger = logging.getLogger("turnscope")

FADE_IN_S = 0.02
"""A sound comes up in so long, as it may begin anywhere."""

PIECE_S = 0.5
"""Most of a sound that is made at once."""


class Filling:
    """Fills the waits of one attempt, one at a time.

    Words are heard when all of them have been made, so that once begun they do not stand still, and if the answer comes
    meanwhile they are not begun. Of what was begun, a sound fades out when the answer comes, and words are finished.

    Args:
        order: Whose waits they are.
        request: How the application wants it, if it has asked for it.
        context: The session, as far as a turn may use it.
        answer: The voice of the answer.
        busy: Holds the names of the providers whose streams are open.
    """

    def __init__(
        self, order: StartAttempt, request: Request, context: "TurnContext", answer: Voice, busy: list[str]
    ) -> None:
        self.meter: Meter = Meter()
        self.heard: int = 0
        """Samples of words that were heard, at the transport's rate."""
        self._order = order
        self._options = request.way_to_speak(context.agent.voice)
        tapped = context.taps.tts(context.tts, context.agent.tts.name, order.turn_id, order.attempt)
        self._context = replace(context, tts=MeteredTTS(tapped, self.meter))
        self._answer = answer
        self._busy = busy
        self._number = 0
        self._count = 0
        self._asked = trio.Event()
        self._at_rest = trio.Event()
        """Nothing is being made, and no sound is being played."""
        self._at_rest.set()
        self._wanted = False
        """It was asked for, and neither has the answer come nor was it stopped."""
        self._making = trio.CancelScope()
        self._voice: Voice | None = None
        """Its place at the gate, while it has one."""
        self._fade: tuple[int | None, int | None] = (None, None)
        """What `Voice.shut` said of the newest that was cut off."""
        self._stepped_back = False
        """It was cut off because the agent steps back, and nothing was heard since."""
        answer.on_speech = self._answered

    async def run(self) -> None:
        """Fill whenever that is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked, self._at_rest = trio.Event(), trio.Event()
            try:
                with trio.CancelScope() as self._making:
                    await self._fill()
            finally:
                self._at_rest.set()

    async def finish(self) -> None:
        """The answer is at its end: wait until nothing is being made any more, which a synthesizer may refuse."""
        self._answered()
        await self._at_rest.wait()

    def ask(self, number: int) -> None:
        """Fill the wait, if it is one still. It is filler `number` of the session."""
        if not (self._answer.playback.buffered or self._answer.playback.ended):
            self._number, self._wanted = number, True
            self._asked.set()

    def duck(self, gain: float) -> None:
        """Go down to `gain`; 1.0 comes up again."""
        if self._voice is not None:
            self._voice.duck(gain)

    def stop(self, cause: FillerEnding = "stopped") -> tuple[int | None, int | None]:
        """Have nothing more of it heard but a fade. Synchronous and idempotent.

        Returns:
            What `Voice.shut` does, also if it was cut off before and nothing was heard since.
        """
        self._wanted = False
        self._making.cancel()
        if self._voice is not None:
            self._fade, self._stepped_back = self._voice.shut(), cause == "stopped"
            self._end(self._voice, cause)
        last_sent, silence = self._fade
        fades = silence is not None and silence > self._context.now()
        return (last_sent, silence) if fades or self._stepped_back else (None, None)

    def resume(self) -> None:
        """The agent does not step back any more. What was stopped is not begun again."""
        self._stepped_back = False
        self.duck(1.0)

    # Inside

    def _answered(self) -> None:
        """The answer has speech, or is at its end."""
        words_begun = self._voice is not None and self._voice.handed_over and self._voice.playback.ended
        if self._wanted and not words_begun:
            self.stop("answered")

    async def _fill(self) -> None:
        filler = self._context.agent.filler if self._wanted else None
        if isinstance(filler, ThinkingSound):
            await self._play(filler)
        elif filler is not None:
            await self._say(filler.texts[self._number % len(filler.texts)])

    async def _say(self, text: str) -> None:
        pieces: list[Samples] = []

        async def take(samples: Samples, words: tuple[WordTiming, ...]) -> None:
            pieces.append(samples)

        try:
            await make_speech(self._context, text, self._options, self._busy, take)
        except* Exception as errors:
            pieces.clear()
            self._complain(errors)
        if sum(map(len, pieces)) and (voice := self._open(text)) is not None:
            self._context.playout.far_end.say(text)
            voice.playback.push(np.concatenate(pieces))
            voice.end()

    def _complain(self, errors: BaseException) -> None:
        """The wait is not filled. That is all that comes of it."""
        failure = as_provider_error(self._context.agent.tts.name, errors)
        turn_id, now = self._order.turn_id, self._context.now()
        _logger.warning("turn %d: the wait was not filled: %s", turn_id, failure, exc_info=failure)
        self._context.publish(ProviderFailed(now, turn_id, failure.provider, failure.message))

    async def _play(self, sound: ThinkingSound) -> None:
        voice = self._open("")
        if voice is None:
            return
        hz, loop, size = self._context.playout.hz, sound.loop(), round(PIECE_S * sound.hz)
        resampler = Resampler(sound.hz, hz)
        begun = False
        while True:
            for start in range(0, len(loop), size):
                piece = resampler.process(loop[start : start + size])
                await voice.send(piece if begun else fade_in(piece, round(FADE_IN_S * hz)))
                begun = begun or len(piece) > 0

    def _open(self, text: str) -> Voice | None:
        """A place in front of the answer; None when there is no wait to fill any more."""
        if not self._wanted:
            return None
        playout, interruption = self._context.playout, self._context.agent.interruption
        self._count += 1
        voice = playout.open(
            f"{self._order.turn_id}.{self._order.attempt}.filler{self._count}",
            VoiceNews(started=partial(self._begin, text), played=self._ended),
            fade_s=interruption.fade_s,
            duck_ramp_s=interruption.duck_ramp_s,
            admitted=False,
        )
        if playout.admit(voice, before=self._answer):
            self._voice = voice
        return self._voice

    def _begin(self, text: str) -> None:
        context, order = self._context, self._order
        self._stepped_back = False
        context.publish(FillerBegins(context.now(), order.turn_id, order.attempt, text))
        if self._voice is not None:  # unless whoever was told has stopped it
            context.feed(FillerStarted(context.now(), order.turn_id))

    def _ended(self) -> None:
        if self._voice is not None:
            self._end(self._voice, "played")

    def _end(self, voice: Voice, cause: FillerEnding) -> None:
        self._voice, self._wanted = None, False
        if voice.playback.ended:
            self.heard += voice.playback.heard_until
        if voice.handed_over:
            context, order = self._context, self._order
            context.publish(FillerEnds(context.now(), order.turn_id, order.attempt, cause))
            context.feed(FillerFinished(context.now(), order.turn_id, cause))
