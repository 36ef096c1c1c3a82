import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.session.calls import AGENT, agent, barge_in, cough, speech, wait_for_event
from tests.sim.random_calls import random_call
from turnscope import ConfigError
from turnscope.core import (
    DeadlineReached,
    Emit,
    Endpointing,
    Floor,
    FloorInput,
    FloorSettings,
    InterruptionSettings,
    MinSpeech,
    MinWords,
    SayRequested,
    SessionOpened,
    SilenceSettings,
    StateChanged,
    TurnReserved,
    WordsPolicy,
    input_from_dict,
    input_to_dict,
    to_samples,
)
from turnscope.observe import Recorder, Recording, load_recording
from turnscope.session import Agent, Session
from turnscope.sim import (
    HangUp,
    Moment,
    Step,
    changed_settings,
    parse_changes,
    replay,
    simulate,
    simulate_async,
)

COUGHED: list[Step] = [
    speech("two lattes please.", 0.2),
    cough(0.5, "agent_starts"),
    speech("yeah", 1.0, "previous"),
    HangUp(Moment(2.0, "quiet")),
]


def recording_of(folder: Path, script: list[Step], spoken_to: Agent = AGENT) -> Recording:
    simulate(spoken_to, script, seed=3, recorder=Recorder(folder))
    return load_recording(folder)


def judged_by(recording: Recording, **changes: object) -> dict[str, FloorSettings]:
    settings = recording.floor_settings()
    return {name: replace(each, **changes) for name, each in settings.items()}  # type: ignore[arg-type]


# The same decisions


def assert_replayed(seed: int, folder: Path, *, realtime: bool = False) -> None:
    held = random_call(seed, longest_s=6.0 if realtime else 12.0)
    call = simulate(
        held.agent,
        held.script,
        seed=held.seed,
        realtime=realtime,
        drive=held.drive,
        frame_s=held.frame_s,
        recorder=Recorder(folder),
    )
    recording = load_recording(folder)
    assert recording.complete
    assert recording.events == call.events
    again = replay(recording)
    assert again.identical, (seed, again.differences[0])
    assert again.inputs == len(recording.decisions) > 10
    same = replay(recording, recording.floor_settings())
    assert same.identical
    assert same.changed == (), seed


@pytest.mark.feature("X7")
@pytest.mark.parametrize("seed", range(0, 100, 12))
def test_the_decisions_of_a_recording_are_replayed_exactly(seed: int, tmp_path: Path) -> None:
    assert_replayed(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80))
def test_the_decisions_of_any_recording_are_replayed_exactly(seed: int, tmp_path: Path) -> None:
    assert_replayed(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.parametrize("seed", range(80, 100))
def test_the_decisions_of_a_recording_made_in_real_time_are_replayed_exactly(seed: int, tmp_path: Path) -> None:
    assert_replayed(seed, tmp_path, realtime=True)


def test_a_number_that_was_reserved_before_a_deadline_stays_taken_in_a_replay() -> None:
    settings = FloorSettings(silence=SilenceSettings(after_s=1.0, say="Are you there?"))
    inputs: list[FloorInput] = [
        SessionOpened(0),
        TurnReserved(16000, 1),
        DeadlineReached(16000),  # opens a turn by itself
        SayRequested(16001, 1, "Hello."),
    ]
    first, again = Floor(settings), Floor(settings)
    orders = [first.receive(item) for item in inputs]
    assert [order.event.turn_id for order in orders[2] if isinstance(order, Emit) and "Started" in str(order)] == [2, 2]  # type: ignore[attr-defined]
    assert [again.receive(input_from_dict(input_to_dict(item))) for item in inputs] == orders


class CreepingClock(trio.abc.Clock):
    """Goes on a little each time that somebody looks at it, as a clock does while code runs; leaps when all wait."""

    def __init__(self) -> None:
        self._now = 0.0

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        self._now += 0.0004
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        if deadline < 1e9:
            self._now = max(self._now, deadline)
        return 0.0


def test_a_deadline_between_a_number_and_the_request_for_it_is_replayed() -> None:
    quick = agent(silence=SilenceSettings(after_s=0.3, say="Are you there?", times=9))
    hit = 0
    for step in range(25):

        async def speak_up(session: Session, before_s: float = step * 0.0004) -> None:
            for _ in range(3):
                await wait_for_event(
                    session, lambda event: isinstance(event, StateChanged) and event.new == "listening"
                )
                await trio.sleep(0.3 - before_s)
                await session.say("Hello.")

        with tempfile.TemporaryDirectory() as folder:
            recorder = Recorder(Path(folder))

            async def main(drive: object = speak_up, recorder: Recorder = recorder) -> None:
                await simulate_async(quick, [HangUp(Moment(5.0))], drive=drive, recorder=recorder)  # type: ignore[arg-type]

            trio.run(main, clock=CreepingClock())
            recording = load_recording(folder)
        assert replay(recording).identical
        kinds = [type(decision.item) for decision in recording.decisions]
        hit += any(kinds[i : i + 2] == [TurnReserved, DeadlineReached] for i in range(len(kinds)))
    assert hit


def test_timers_that_are_late_are_late_again(tmp_path: Path) -> None:
    async def main() -> None:
        await simulate_async(AGENT, COUGHED, recorder=Recorder(tmp_path))

    trio.run(main, clock=CreepingClock())
    recording = load_recording(tmp_path)
    same = replay(recording, recording.floor_settings())
    assert len(same.compared) == 3
    assert same.identical
    assert same.changed == ()


def test_a_recording_that_lost_lines_is_not_replayed(tmp_path: Path) -> None:
    simulate(AGENT, barge_in(), seed=3, recorder=Recorder(tmp_path, backlog_bytes=3000))
    with pytest.raises(ConfigError, match="too slow and lost"):
        replay(load_recording(tmp_path))


# Other decisions


@pytest.mark.feature("X7")
def test_what_another_policy_would_have_decided_is_told(tmp_path: Path) -> None:
    recording = recording_of(tmp_path, barge_in())
    again = replay(recording, judged_by(recording, interruption=InterruptionSettings(policy=MinWords(3))))
    (changed,) = again.changed
    assert (changed.was.verdict, changed.was.evidence, changed.was.text) == (
        "confirm",
        "words: wait three",
        "wait three",
    )
    assert (changed.would.verdict, changed.would.evidence) == ("dismiss", "2 of 3 words")
    assert changed.would.decided is not None
    assert changed.was.decided is not None
    assert changed.would.decided > changed.was.decided
    assert not changed.certain  # the agent had fallen silent by then
    assert len(again.compared) == 2
    assert len(again.differences) == 1


def test_each_utterance_is_judged_anew_although_an_earlier_one_is_judged_otherwise(tmp_path: Path) -> None:
    recording = recording_of(tmp_path, COUGHED)
    again = replay(recording, judged_by(recording, interruption=InterruptionSettings(policy=MinSpeech(0.1))))
    assert [each.was.verdict for each in again.compared] == ["answer", "dismiss", "dismiss"]
    assert [each.would.verdict for each in again.compared] == ["answer", "confirm", "confirm"]
    assert all(each.certain for each in again.compared)  # the confirmations come first


def test_what_another_policy_decides_earlier_is_what_the_session_itself_would_have_decided(tmp_path: Path) -> None:
    quick = InterruptionSettings(policy=MinSpeech(0.1))
    recording = recording_of(tmp_path / "a", COUGHED)
    again = replay(recording, judged_by(recording, interruption=quick))
    held = recording_of(tmp_path / "b", COUGHED, agent(interruption=quick))
    there = replay(held, held.floor_settings())
    assert again.compared[1].would == there.compared[1].was


def test_what_the_agent_did_after_another_decision_is_no_evidence(tmp_path: Path) -> None:
    hasty = InterruptionSettings(policy=MinWords(5), reaction="continue", decision_window_s=0.3, nearly_finished_s=0.0)
    script: list[Step] = [
        speech("wait for me", 0.2),
        speech("one two three four", 0.1, "agent_starts", pace=2),
        HangUp(Moment(3.0, "quiet")),
    ]
    recording = recording_of(tmp_path, script, agent(interruption=hasty))
    (_, over, *_) = replay(recording, judged_by(recording, interruption=replace(hasty, decision_window_s=3.0))).compared
    assert (over.was.verdict, over.was.text) == ("dismiss", "")
    assert over.was.decided is not None
    assert (over.would.verdict, over.would.evidence) == ("dismiss", "too few words so far")
    assert over.would.decided == over.was.decided + to_samples(2.7)  # though the agent had finished long before
    assert not over.certain


def test_another_patience_moves_the_answer(tmp_path: Path) -> None:
    recording = recording_of(tmp_path / "a", barge_in())
    patient = Endpointing(min_delay_s=0.8)
    again = replay(recording, judged_by(recording, endpointing=patient))
    held = recording_of(tmp_path / "b", barge_in(), agent(endpointing=patient))
    there = replay(held, held.floor_settings())
    assert again.changed[0] == again.compared[0]
    assert again.compared[0].would == there.compared[0].was


def test_a_policy_that_is_code_is_given(tmp_path: Path) -> None:
    class Own:
        def judge(self, evidence: object) -> object:
            return WordsPolicy().judge(evidence)  # type: ignore[arg-type]

    own = agent(interruption=InterruptionSettings(policy=Own()))  # type: ignore[arg-type]
    recording = recording_of(tmp_path, barge_in(), own)
    with pytest.raises(ConfigError, match="Own, which is code"):
        replay(recording)
    assert replay(recording, {"agent": own.floor_settings}).identical


# Settings


def test_settings_are_changed_key_by_key() -> None:
    before = {"agent": FloorSettings(interruption=InterruptionSettings(policy=WordsPolicy(min_speech_s=0.9)))}
    table = parse_changes(
        [
            "interruption.policy.min_speech_s = 0.7",
            "interruption.reaction=duck",
            "interruption.phases.protected.handling=discard",
            "silence.after_s=3",
            "away_after_s=2.5",
            "filler.after_s=0.7",
        ]
    )
    after = changed_settings(before, table, Path())["agent"]
    assert after.interruption.policy == WordsPolicy(min_speech_s=0.7)
    assert after.interruption.reaction == "duck"
    assert after.interruption.phases.protected.handling == "discard"
    assert after.interruption.phases.thinking == before["agent"].interruption.phases.thinking
    assert after.silence == SilenceSettings(after_s=3)
    assert after.away_after_s == 2.5
    assert after.filler_after_s == 0.7
    assert after.endpointing == before["agent"].endpointing


def test_another_kind_of_policy_begins_with_its_defaults() -> None:
    before = {"agent": FloorSettings(interruption=InterruptionSettings(policy=WordsPolicy(min_speech_s=0.9)))}
    table = parse_changes(["interruption.policy.kind=min_words", "interruption.policy.min_words=2"])
    assert changed_settings(before, table, Path())["agent"].interruption.policy == MinWords(2)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (["nonsense"], "nonsense: must be KEY=VALUE"),
        (["a=1", "a.b=2"], "agent.a: is no table, but 1"),
        (["interruption.nonsense=1"], r"agent\.interruption\.nonsense: unknown key"),
        (["interruption.reaction=jump"], r"agent\.interruption\.reaction: must be one of"),
        (["turn_edges.threshold=0.5"], r"agent\.turn_edges: no decision goes by it"),
        (["filler_after_s=1"], r"agent\.filler_after_s: no decision goes by it"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        changed_settings({"agent": FloorSettings()}, parse_changes(changes), Path())
