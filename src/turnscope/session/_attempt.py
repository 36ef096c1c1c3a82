"""One try at answering: the model thinks, and in a speech scope inside it its words are spoken."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from turnscope.core import AttemptSpent, Clause, Message, SpokenText, StartAttempt
from turnscope.session._metering import Meter, MeteredLLM, MeteredTTS
from turnscope.session._playout import Voice
from turnscope.session._speaking import Speaking
from turnscope.session._thinking import Thinking

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Attempt"]


class Attempt:
    """An attempt is run once, by its turn. Cancelling its scope, at any time, takes it back.

    Args:
        order: What to answer.
        context: The session, as far as a turn may use it.
        on_failure: Told at once when a part of the attempt fails.
    """

    def __init__(
        self, order: StartAttempt, context: "TurnContext", on_failure: Callable[[BaseException], None]
    ) -> None:
        self.order: StartAttempt = order
        self.scope: trio.CancelScope = trio.CancelScope()
        self.speech_scope: trio.CancelScope = trio.CancelScope()
        self.voice: Voice = context.open_voice(order)
        self.spoken: SpokenText = SpokenText(context.playout.hz)
        self.busy: list[str] = []
        """Providers whose streams are open."""
        self.cancelled_for: str = ""
        """Why it was taken back, if it was."""
        self._meter = Meter()
        self._context = replace(
            context, llm=MeteredLLM(context.llm, self._meter), tts=MeteredTTS(context.tts, self._meter)
        )
        self._finished = False
        self._on_failure = on_failure

    async def run(self, messages: tuple[Message, ...]) -> bool:
        """Answer `messages`. Returns whether the attempt ran to its end."""
        if self.scope.cancel_called:
            return False
        with self.scope:
            thinking = Thinking(self.order, self._context, self.spoken, self.busy)
            speaking = Speaking(self.order, self._context, self.spoken, self.voice, self.busy)
            clauses_out, clauses_in = trio.open_memory_channel[Clause](1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._guarded, partial(thinking.run, messages, clauses_out))
                with self.speech_scope:
                    await self._guarded(partial(speaking.run, clauses_in))
        self._finished = not self.scope.cancelled_caught
        return self._finished

    def cancel(self, cause: str) -> None:
        """Take it back; nothing of it was heard."""
        self.cancelled_for = cause
        self.voice.shut()
        self.scope.cancel(reason=cause)

    def spent(self, ending: str) -> AttemptSpent:
        """What it has cost by now. `ending` is how its turn ended, if it was not taken back before."""
        cause, made, wrote = self.cancelled_for or ending, self._meter.samples, self._meter.output_tokens
        if cause == "completed":
            played = made
        else:
            played = min(self._context.playout.to_clock(self.voice.playback.heard_until), made)
        return AttemptSpent(
            self._context.now(),
            self.order.turn_id,
            self.order.attempt,
            cause,
            self._meter.input_tokens,
            wrote,
            wrote if self._finished else round(wrote * self._heard_share()),
            self._meter.estimated,
            made,
            played,
        )

    def _heard_share(self) -> float:
        """How much of the text was heard, by its length."""
        length = len(self.spoken.text.strip())
        return len(self.spoken.heard(self.voice.playback.heard_until).heard) / length if length else 0.0

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`; if it fails, say so at once, and not only when everything else of the attempt has ended."""
        try:
            await work()
        except* Exception as errors:
            self._on_failure(errors)
            raise
