"""Whole calls, scored by their tracks alone: what comes out is what the simulator knows to be true."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.observe.calls import barge_in, cough, held, overlap, say
from turnscope import ConfigError
from turnscope.core import CLOCK_HZ, Interrupted, Samples, TurnEnded
from turnscope.observe import (
    CallerSegment,
    EventLog,
    Rate,
    Score,
    Span,
    bridge_gaps,
    caller_segments,
    find_speech,
    read_events,
    read_labels,
    score_call,
    score_to_dict,
    stop_times,
)
from turnscope.providers import EnergyVAD, SileroVAD
from turnscope.sim import Call, FakeVAD, HangUp, Moment
from turnscope.transports import read_audio

EAR = EnergyVAD(adapt_s=10)
WINDOW_S = 0.02
"""Of that detector: how exact it can be."""

RECORDING = Path(__file__).parent.parent / "data" / "order_two_lattes.flac"


def score(call: Call, **more: object) -> Score:
    return score_call(call.user, call.agent, EAR, **more)  # type: ignore[arg-type]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * CLOCK_HZ), np.float32)


def tone(seconds: float) -> Samples:
    return np.where(np.arange(round(seconds * CLOCK_HZ)) % 40 < 20, 0.2, -0.2).astype(np.float32)


def track(*parts: Samples) -> Samples:
    return np.concatenate(parts)


# Tracks made by hand


def test_speech_is_found_where_it_is_to_the_window() -> None:
    samples = track(silence(0.513), tone(1.007), silence(0.6), tone(0.4))
    (first, second) = find_speech(samples, EAR)
    for found, start_s, stop_s in ((first, 0.513, 1.52), (second, 2.12, 2.52)):
        assert abs(found.start / CLOCK_HZ - start_s) <= WINDOW_S
        assert abs(found.stop / CLOCK_HZ - stop_s) <= WINDOW_S
    assert find_speech(silence(0), EAR) == ()


def test_speech_ends_with_the_track_at_the_latest() -> None:
    (found,) = find_speech(track(silence(1), tone(1.003)), EAR)
    assert found.stop == 32_048
    (found,) = find_speech(tone(1.003), Certain())
    assert found == Span(0, 16_048)


class Certain(FakeVAD):
    """Believes that somebody speaks all the time."""

    def process(self, window: Samples) -> float:
        return 1.0


def test_a_detector_of_another_rate_is_refused() -> None:
    with pytest.raises(ConfigError, match="listens at 8000 Hz"):
        find_speech(silence(1), EnergyVAD(input_hz=8_000, window_samples=160))


def test_gaps_that_are_known_come_out_of_the_tracks() -> None:
    user = track(silence(1), tone(1), silence(3), tone(1.5), silence(4.5))
    agent = track(silence(2.7), tone(2.6), silence(1.5), tone(2), silence(2.2))
    made = score_call(user, agent, EAR)
    panel, duplex = made.interaction, made.full_duplex
    assert panel.yield_latency.mean == pytest.approx(0.3, abs=WINDOW_S)  # from 5.0 to 5.3
    assert panel.response_latency.mean == pytest.approx((0.7 + 0.3) / 2, abs=WINDOW_S)
    assert duplex.stop_latency.mean == pytest.approx(0.3, abs=WINDOW_S)
    assert duplex.response_latency.mean == pytest.approx((0.7 + 0.3) / 2, abs=WINDOW_S)
    assert (panel.response_rate, panel.yield_rate, duplex.takeovers) == (Rate(2, 2), Rate(1, 1), Rate(2, 2))


def test_a_pause_between_sentences_is_no_yield_and_can_be_made_one() -> None:
    user = track(silence(2), tone(0.5), silence(7.5))
    agent = track(tone(2.2), silence(0.3), tone(5), silence(2.5))
    assert score_call(user, agent, EAR).interaction.yield_rate == Rate(0, 1)
    strict = score_call(user, agent, EAR, agent_gap_s=0.1)
    assert strict.interaction.yield_latency.mean == pytest.approx(0.2, abs=WINDOW_S)


def test_a_person_s_labels_say_what_a_sound_is_and_when() -> None:
    user = track(silence(2), tone(0.5), silence(2), tone(0.5), silence(5))
    agent = track(tone(8), silence(2))
    labels = [CallerSegment(32_160, 39_000, "backchannel", "mm")]
    made = score_call(user, agent, EAR, labels=labels)
    assert [(segment.kind, segment.start) for segment in made.caller] == [("backchannel", 32_160), ("speech", 72_000)]
    assert made.interaction.rate("backchannel") == Rate(1, 1)
    assert made.interaction.yield_rate == Rate(0, 1)


def test_what_is_labelled_counts_even_where_no_speech_was_found() -> None:
    free, labelled = Span(0, 100), CallerSegment(500, 700, "noise")
    assert caller_segments([free], [labelled]) == (CallerSegment(0, 100), labelled)


# Calls whose truth is known


@pytest.mark.feature("X6")
def test_a_simulated_barge_in_is_scored_as_it_was_to_the_window() -> None:
    call = barge_in()
    made = score(call)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.silence is not None
    onset = call.placed[1].start
    assert made.interaction.yield_rate == Rate(1, 1)
    assert made.interaction.yield_latency.mean == pytest.approx((outcome.silence - onset) / CLOCK_HZ, abs=WINDOW_S)
    responses = [turn.latency.response_s for turn in call.turns]
    assert made.interaction.response_rate == Rate(2, 2)
    found = [event.latency_s for event in made.interaction.events if event.category == "response"]
    assert found == pytest.approx(responses, abs=0.05 + WINDOW_S)  # words end in 0.05 s of silence, which is no speech


@pytest.mark.feature("X6")
def test_a_stop_is_taken_apart_and_its_parts_add_up() -> None:
    call = barge_in()
    (stop,) = stop_times(call.events, call.agent)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    last = int(np.flatnonzero(call.agent[: call.turns[1].audio_started])[-1]) + 1
    assert (stop.onset, stop.decision, stop.cancelled, stop.last_task, stop.last_sample) == (
        outcome.cause.onset,
        outcome.cause.decision,
        outcome.gate_shut,
        call.turns[0].ended,
        last,
    )
    assert stop.onset_to_decision_s is not None
    assert stop.cancel_to_last_sample_s is not None
    whole = stop.onset_to_decision_s + stop.decision_to_cancel_s + stop.cancel_to_last_sample_s
    assert whole == pytest.approx(stop.onset_to_last_sample_s)
    assert (stop.decision_to_cancel_s, stop.cancel_to_last_task_s) == (0.0, 0.0)


def test_the_words_that_were_understood_say_what_a_nod_and_a_cough_are() -> None:
    call = overlap()
    made = score(call, events=call.events)
    assert [(segment.kind, segment.text) for segment in made.caller][:2] == [
        ("speech", "two lattes coffee please"),
        ("backchannel", "mhm"),
    ]
    assert made.interaction.rate("backchannel") == Rate(1, 1)
    assert score(call).interaction.yield_rate == Rate(0, 1), "without events, it is taken for an interruption"


def test_a_nod_that_nobody_speaks_over_is_an_answer_and_speech_of_which_nothing_is_known_is_speech() -> None:
    call = held(say("yes", 0.5, "agent_stops"), HangUp(Moment(1, "agent_stops", 2)))
    assert [segment.kind for segment in score(call, events=call.events).caller] == ["speech", "speech"]
    assert [segment.kind for segment in score(call, events=call.events[:1]).caller] == ["speech", "speech"]


def test_labels_count_more_than_the_words_that_were_understood() -> None:
    call = overlap()
    labels = [CallerSegment(call.placed[1].start, call.placed[1].stop, "non_directed")]
    assert "backchannel" not in {segment.kind for segment in score(call, events=call.events, labels=labels).caller}


def test_of_a_task_that_was_left_behind_no_end_is_told() -> None:
    events = [replace(event, joined=False) if isinstance(event, TurnEnded) else event for event in barge_in().events]
    (stop,) = stop_times(events, barge_in().agent)
    assert (stop.last_task, stop.cancel_to_last_task_s) == (None, None)


def test_a_nod_for_which_the_agent_stops_is_its_error() -> None:
    call = overlap()
    late = call.placed[1].start + 3_200
    stopped = call.agent.copy()
    stopped[late:] = 0
    made = score_call(call.user, stopped, EAR, events=call.events)
    assert made.interaction.rate("backchannel") == Rate(0, 1)


def test_a_noise_in_which_no_word_was_found_is_noise() -> None:
    call = held(cough(1.5, "agent_starts"), HangUp(Moment(3.0, "agent_stops", 1)))
    made = score(call, events=call.events)
    assert [segment.kind for segment in made.caller] == ["speech", "noise"]
    assert made.interaction.rate("noise") == Rate(1, 1)


def test_real_speech_is_found_by_silero() -> None:
    speech = bridge_gaps(find_speech(read_audio(RECORDING, CLOCK_HZ), SileroVAD()), 0.6)
    assert len(speech) == 1


def test_a_score_is_plain_json_and_the_same_every_time() -> None:
    call = barge_in()
    written = [json.dumps(score_to_dict(score(call, events=call.events)), allow_nan=False) for _ in "ab"]
    assert written[0] == written[1]
    assert json.loads(written[0])["stops"][0]["turn"] == 1


# Files


def test_a_log_is_read_as_it_was_written_and_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog()
    for record in barge_in().records:
        log(record)
    path.write_text(log.text(), encoding="utf-8")
    assert read_events(path) == barge_in().events
    path.write_text(log.text() + '{"event": "Odd"}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"events.jsonl:{log.text().count(chr(10)) + 1}: unknown event 'Odd'"):
        read_events(path)
    path.write_text("[1]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"events.jsonl:1: must be a JSON object"):
        read_events(path)
    with pytest.raises(ConfigError, match=r"nowhere.jsonl: cannot be read"):
        read_events(tmp_path / "nowhere.jsonl")


def test_labels_come_as_json_or_as_audacity_writes_them(tmp_path: Path) -> None:
    table, listed = tmp_path / "labels.txt", tmp_path / "labels.json"
    table.write_text("2.5\t3\tinterruption: no stop\n\\\t100\t200\n1.0\t1.25\tbackchannel\n", encoding="utf-8")
    listed.write_text(
        '[{"start_s": 2.5, "end_s": 3, "kind": "turn", "text": "no stop"},'
        ' {"start_s": 1, "end_s": 1.25, "kind": "backchannel"}]',
        encoding="utf-8",
    )
    expected = (CallerSegment(16_000, 20_000, "backchannel"), CallerSegment(40_000, 48_000, "speech", "no stop"))
    assert read_labels(table) == read_labels(listed) == expected


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.tsv", "1.0\t2.0", "a.tsv:1: must be start, end and label"),
        ("a.tsv", "one\t2.0\tnoise", "a.tsv:1: start and end must be seconds, got 'one'"),
        ("a.tsv", "\n1.0\t2.0\tnod", "a.tsv:2: kind: must be one of speech, turn"),
        ("a.tsv", "2.0\t1.0\tnoise", "a.tsv:1: end_s: must be after start_s"),
        ("a.tsv", "nan\t1.0\tnoise", "a.tsv:1: end_s: must be after start_s"),
        ("a.json", "{", "a.json: "),
        ("a.json", '[{"start_s": 1, "end_s": 2, "kind": "noise", "why": 3}]', "a.json: .*why"),
        ("a.json", '[{"start_s": 1, "end_s": 2, "kind": "nod"}]', "a.json: label 1: kind"),
    ],
)
def test_a_wrong_label_is_told_with_its_place(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        read_labels(tmp_path / name)
    with pytest.raises(ConfigError, match=r"nowhere.tsv: cannot be read"):
        read_labels(tmp_path / "nowhere.tsv")
