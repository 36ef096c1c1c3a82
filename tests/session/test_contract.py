"""Any conversation whatever: the promises hold after each of its steps.

The machine says, coughs, types, interrupts, breaks providers and hangs up, in any order and at any time. The session is
a real one in virtual time (`tests.session.live_call`) and stops after each step to be looked at.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import trio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.session.calls import agent, cough, speech
from tests.session.live_call import LiveCall, Sent
from turnscope._errors import SessionClosed
from turnscope.core import (
    PHASES,
    AttemptCancelled,
    Event,
    Filler,
    Floor,
    GateShut,
    InterruptionSettings,
    ModelAsked,
    Outcome,
    PhaseProfile,
    Phases,
    Reaction,
    SessionEnded,
    Speculation,
    SpeculationPolicy,
    State,
    ThinkingSound,
    ToolCalled,
    ToolSettled,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    UtteranceDismissed,
    WordsHeard,
    WordsPolicy,
    input_from_dict,
    input_to_dict,
)
from turnscope.providers import Rule, ScriptedCall, ScriptedLLM
from turnscope.session import OnInterruption, Session, SpeechHandle, Tool, ToolContext, tool
from turnscope.sim import FakeSTT, FakeTTS, broken_promises

WAITS = st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5, 1.0, 2.5])
WORDS = st.sampled_from(
    [
        "mm-hm",
        "wait",
        "wait three",
        "two lattes please",
        "and a tea with",
        "go on",
        "brew cancel",
        "brew keep",
        "brew both",
    ]
)
"""Nods, interruptions, questions, what sounds unfinished, and what needs tools."""

BREWS = ("cancel", "keep", "discard", "detach")


class Fragile:
    """A provider like `inner` that breaks when it is told to: its next stream fails, or stops giving anything."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.name: str = inner.name
        self.input_hz = self.output_hz = 16_000
        self.mood = ""

    @asynccontextmanager
    async def connect(self, resources: Any) -> AsyncGenerator["Fragile"]:
        async with self.inner.connect(resources) as self._connection:
            yield self

    @asynccontextmanager
    async def open_stream(self, *arguments: Any, **options: Any) -> AsyncGenerator["_FragileStream"]:
        mood, self.mood = self.mood, ""
        if mood == "cannot be reached":
            raise OSError("no route to host")
        async with self._connection.open_stream(*arguments, **options) as stream:
            yield _FragileStream(stream, mood)
        if mood == "fails to close":
            raise OSError("the socket was gone")


class _FragileStream:
    def __init__(self, stream: Any, mood: str) -> None:
        self._stream = stream
        self._mood = mood
        self._given = 0

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        self._given += 1
        if self._given > 1 and self._mood == "breaks off":
            raise OSError("the wire is cut")
        if self._given > 1 and self._mood == "falls silent":
            await trio.sleep_forever()
        if self._mood == "is late and stubborn":
            with trio.CancelScope(shield=True):
                await trio.sleep(0.4)
        return await anext(self._stream)

    def __getattr__(self, name: str) -> Any:  # send_audio and flush, of the STT
        return getattr(self._stream, name)


HASTY = Phases(thinking=PhaseProfile(policy=WordsPolicy(min_speech_s=0.01)))
"""Any sound takes an answer back that was not heard yet."""

FILLER_WORDS = ["Er", "Hang", "about"]
"""None of them is in an answer."""

FILLERS = [None, Filler(texts=["Er.", "Hang about."], after_s=0.05, at_most=3), ThinkingSound(after_s=0.15)]
"""Few fakes are slow, so the fillers are quick."""

MOODS = ["cannot be reached", "breaks off", "falls silent", "fails to close", "is late and stubborn"]


def brew(policy: OnInterruption) -> Tool:
    """A tool that takes 1.2 s, and half-way cannot be undone."""

    async def run(context: ToolContext) -> str:
        await trio.sleep(0.6)
        if policy == "finish_keep":
            context.committed()
        await trio.sleep(0.6)
        return "brewed"

    name = f"brew_{policy.removeprefix('finish_')}"
    return tool(name=name, description="Brews.", on_interruption=policy)(run)


TOOLS = tuple(brew(policy) for policy in ("cancel", "finish_keep", "finish_discard", "detach"))

RULES = [
    Rule(when="", reply="It is brewed. Enjoy your cup of it while it is hot.", after="brew_cancel"),
    Rule(when="", reply="It is brewed and kept.", after="brew_keep"),
    Rule(when="", reply="It is brewed, who knows.", after="brew_discard"),
    Rule(when="", reply="It is being brewed.", after="brew_detach"),
    Rule(when="brew both", reply="", calls=[ScriptedCall("brew_keep", {}), ScriptedCall("brew_cancel", {})]),
    *(Rule(when=f"brew {name}", reply="One moment.", calls=[ScriptedCall(f"brew_{name}", {})]) for name in BREWS),
    Rule(when="wait", reply="Fine, that makes three large ones. I bring them to your table in ten minutes."),
    Rule(when="tea", reply="Do you take milk?"),
]


class Conversation(RuleBasedStateMachine):
    call: LiveCall

    def __init__(self) -> None:
        super().__init__()
        self.handles: list[SpeechHandle] = []
        self.looked_at = 0
        self.ended: dict[int, TurnEnded] = {}
        self.silent_from: dict[int, int] = {}
        self.silenced: set[str] = set()
        """What was heard of turns, also of those whose text goes on."""
        self.running_tools: set[str] = set()
        self.settled_tools: set[str] = set()
        self.taken_back: set[tuple[int, int]] = set()
        self.asked_for: dict[str, tuple[int, int]] = {}
        self.over = False

    @initialize(
        reaction=st.sampled_from(["pause", "duck", "continue"]),
        timings=st.booleans(),
        lead_s=st.sampled_from([0.0, 0.1]),
        tokens_per_s=st.sampled_from([15.0, 60.0]),
        guesses=st.sampled_from(["off", "discard", "use_if_similar", "always_use"]),
        hasty=st.booleans(),
        filler=st.sampled_from(FILLERS),
        seed=st.integers(0, 3),
    )
    def opens(
        self,
        reaction: Reaction,
        timings: bool,
        lead_s: float,
        tokens_per_s: float,
        guesses: SpeculationPolicy,
        hasty: bool,
        filler: Filler | ThinkingSound | None,
        seed: int,
    ) -> None:
        self.providers = {
            "stt": Fragile(FakeSTT()),
            "llm": Fragile(ScriptedLLM(RULES, fallback="Two lattes it is, one moment.", tokens_per_s=tokens_per_s)),
            "tts": Fragile(FakeTTS(timings=timings)),
        }
        self.timings = timings
        self.agent = agent(
            **self.providers,
            interruption=InterruptionSettings(reaction=reaction, phases=HASTY if hasty else PHASES),
            speculation=Speculation(policy=guesses, synthesize=seed % 2 == 0),
            provider_timeout_s=3.0,
            tools=TOOLS,
            filler=filler,
            max_queued_says=1000,
        )
        self.call = LiveCall(self.agent, seed=seed, lead_s=lead_s)

    def _do(self, act: Callable[[Session], Awaitable[object]]) -> None:
        async def step(session: Session) -> None:
            try:
                await act(session)
            except SessionClosed:
                assert session.state is State.ENDED

        self.call.do(step)

    # What can happen

    @rule(seconds=WAITS)
    def time_passes(self, seconds: float) -> None:
        self.call.pass_time(seconds)

    @rule(text=WORDS, then=WAITS)
    def the_caller_speaks(self, text: str, then: float) -> None:
        self.call.plays(speech(text, 0).audio)
        self.call.pass_time(then)

    @rule(length_s=st.sampled_from([0.03, 0.2, 0.6]), then=WAITS)
    def the_caller_coughs(self, length_s: float, then: float) -> None:
        self.call.plays(cough(0, length_s=length_s).audio)
        self.call.pass_time(then)

    @rule(text=st.sampled_from(["two teas", "wait, something else", "brew detach", "brew discard", "brew both"]))
    def the_caller_types(self, text: str) -> None:
        self._do(lambda session: session.send_text(text))

    @rule(protected=st.booleans())
    def something_is_to_be_said(self, protected: bool) -> None:
        async def say(session: Session) -> None:
            self.handles.append(await session.say("Welcome to the shop.", allow_interruptions=not protected))

        self._do(say)

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def it_is_not_to_be_said_any_more(self, data: st.DataObject) -> None:
        handle = data.draw(st.sampled_from(self.handles), label="handle")

        async def cancel(session: Session) -> None:
            handle.cancel("changed my mind")

        self._do(cancel)

    @rule(speech_only=st.booleans())
    def the_application_interrupts(self, speech_only: bool) -> None:
        async def interrupt(session: Session) -> None:
            if speech_only:
                session.interrupt_speech("user_clicked_stop")
            else:
                session.interrupt("user_clicked_stop")

        self._do(interrupt)

    @rule(which=st.sampled_from(["stt", "llm", "tts"]), mood=st.sampled_from(MOODS))
    def a_provider_is_about_to_break(self, which: str, mood: str) -> None:
        self.providers[which].mood = mood

    @precondition(lambda self: len(self.call.happened) > 400)
    @rule()
    def the_caller_hangs_up(self) -> None:
        self.call.hangs_up()
        self.call.pass_time(0.1)
        assert self.call.session.state is State.ENDED

    # What always holds

    @invariant()
    def every_promise_holds(self) -> None:
        if self.over:
            return
        for item in self.call.happened[self.looked_at :]:
            if isinstance(item, Sent):
                self._gate(item)
            elif isinstance(item, Event):
                self._event(item)
                self._tool_event(item)
        self.looked_at = len(self.call.happened)
        self._history()
        self._tasks()

    def _gate(self, item: Sent) -> None:
        """Silence is first: of a turn whose gate has shut, nothing but its fade passes."""
        silent_from = self.silent_from.get(item.turn_id)
        assert silent_from is None or item.at + len(item.samples) <= silent_from, f"{item} after {silent_from}"

    def _event(self, event: Event) -> None:
        match event:
            case GateShut(turn_id=turn_id, silence=silence):
                self.silent_from[turn_id] = max(silence or 0, event.sample)
            case TurnEnded(turn_id=turn_id, outcome=outcome):
                assert turn_id not in self.ended, f"turn {turn_id} ended twice"
                self.ended[turn_id] = event
                self._heard_is_what_was_played(turn_id, outcome)
            case WordsHeard(words=words):
                self.silenced.add(" ".join(word.text for word in words))
            case TurnStarted(turn_id=turn_id) | UtteranceDismissed(turn_id=turn_id):
                assert turn_id not in self.ended

    def _tool_event(self, event: Event) -> None:
        """Each call that is started is settled once, before a model is asked again; no dead answer starts one."""
        match event:
            case AttemptCancelled(turn_id=turn_id, attempt=attempt):
                self.taken_back.add((turn_id, attempt))
            case ToolCalled(turn_id=turn_id, attempt=attempt, call_id=call_id):
                self.asked_for[call_id] = (turn_id, attempt)
            case ToolStarted(turn_id=turn_id, call_id=call_id):
                assert self.asked_for[call_id] not in self.taken_back
                assert turn_id not in self.ended
                self.running_tools.add(call_id)
            case ToolSettled(call_id=call_id):
                assert call_id not in self.settled_tools
                self.settled_tools.add(call_id)
                self.running_tools.discard(call_id)
            case ModelAsked():
                assert not self.running_tools

    def _heard_is_what_was_played(self, turn_id: int, outcome: Outcome) -> None:
        """Committed text never exceeds played samples; where places are estimated, by one word at most."""
        claimed = [word.strip(".,?") for word in outcome.heard.split()]
        played = [word for word in self.call.played_words(turn_id) if word not in FILLER_WORDS]
        if not self.timings:
            assert len(claimed) <= len(played) + 1, f"turn {turn_id}: {claimed} are not all in {played}"
            return
        rest = iter(played)
        assert all(word in rest for word in claimed), f"turn {turn_id}: {claimed} are not all in {played}"

    def _history(self) -> None:
        """What the model will be told that was said is what turns ended with, or the part of it after a tool."""
        heard = {"", *(event.outcome.heard for event in self.ended.values()), *self.silenced}
        heard = {_bare(text) for text in heard}
        for message in self.call.session.history.messages:
            text = _bare(message.text)
            assert not message.interrupted or any(words.endswith(text) for words in heard), message

    def _tasks(self) -> None:
        """When no turn is left, no task of one is."""
        session = self.call.session
        if not session._turns.running and session.state is not State.ENDED:
            names = [task.name for task in session._nursery.child_tasks]
            assert not [name for name in names if name.startswith("turn ")], names

    def teardown(self) -> None:
        """The call is over: what holds of whole conversations holds of this one, and its log replays."""
        if not hasattr(self, "call"):
            return
        self.over = True
        call = self.call.end()
        assert call is not None
        assert broken_promises(call) == []
        assert isinstance(call.events[-1], SessionEnded)
        floor = Floor(self.agent.floor_settings)
        for item in self.call.inputs:
            floor.receive(input_from_dict(input_to_dict(item)))
        assert floor.state is State.ENDED
        assert np.isfinite(call.agent).all()


def _bare(text: str) -> str:
    return " ".join(word.strip(".,?") for word in text.split())


LIMITS = settings(
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class TestAnyConversation(Conversation.TestCase):  # type: ignore[misc, valid-type]  # made at run time
    settings = settings(LIMITS, max_examples=100)


@pytest.mark.slow
class TestManyConversations(Conversation.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(LIMITS, max_examples=5000)


def test_a_guess_that_is_admitted_and_taken_back_at_one_instant_starts_no_tool() -> None:
    """Found by the machine: it went on to its call before it noticed that it had been cancelled."""
    conversation = Conversation()
    conversation.opens(
        "pause", timings=True, lead_s=0.0, tokens_per_s=15.0, guesses="discard", hasty=True, filler=None, seed=0
    )
    conversation.the_caller_speaks("brew cancel", 0.2)
    conversation.the_caller_coughs(0.2, 1.0)
    conversation.the_caller_coughs(0.2, 0.05)
    conversation.every_promise_holds()
    conversation.teardown()
    assert not [event for event in conversation.call.events if isinstance(event, ToolStarted)]
