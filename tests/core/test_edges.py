"""Edges of speech: each setting is enforced, and edges alternate whatever the detector says."""

from dataclasses import FrozenInstanceError
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from turnscope._errors import ConfigError, ProtocolError
from turnscope.core._audio import to_samples
from turnscope.core._edges import (
    BARGE_IN_EDGES,
    DIP_S,
    TURN_EDGES,
    EnvironmentProfile,
    SpeechBegan,
    SpeechEdge,
    SpeechEdges,
    SpeechEdgeSettings,
    SpeechEnded,
)

WINDOW = 512
"""Samples of Silero's windows: 32 ms."""


def settings(**changes: float | None) -> SpeechEdgeSettings:
    """Threshold 0.5, release 0.35; three windows begin speech, four end it; no padding."""
    values: dict[str, float | None] = {
        "threshold": 0.5,
        "min_speech_s": 0.096,
        "min_silence_s": 0.128,
        "prefix_padding_s": 0.0,
    }
    return SpeechEdgeSettings(**(values | changes))  # type: ignore[arg-type]


def hear(probabilities: list[float], chosen: SpeechEdgeSettings, window: int = WINDOW) -> list[SpeechEdge]:
    edges = SpeechEdges(chosen)
    found = [edges.receive(p, i * window, (i + 1) * window) for i, p in enumerate(probabilities)]
    return [edge for edge in found if edge is not None]


# ---- beginning


def test_speech_begins_at_its_first_window_and_is_sure_after_the_minimum() -> None:
    found = hear([0, 0, 0.5, 0.75, 1.0, 1.0], settings())
    assert found == [SpeechBegan(onset=2 * WINDOW, confirmed_at=5 * WINDOW, confidence=0.75, audio_start=2 * WINDOW)]


@pytest.mark.feature(37)
@pytest.mark.parametrize(("windows", "begins"), [(1, False), (2, False), (3, True), (4, True)])
def test_min_speech_is_enforced(windows: int, begins: bool) -> None:
    assert bool(hear([0] + [0.9] * windows + [0] * 20, settings(min_speech_s=0.096))) is begins


def test_min_speech_is_met_to_the_window() -> None:
    """97 ms are more than three windows of 32 ms."""
    (began,) = hear([0.9] * 6, settings(min_speech_s=0.097))
    assert began.confirmed_at == 4 * WINDOW


def test_without_min_speech_the_first_window_is_enough() -> None:
    (began,) = hear([0, 0.5, 0], settings(min_speech_s=0))
    assert began == SpeechBegan(WINDOW, 2 * WINDOW, 0.5, WINDOW)


@pytest.mark.feature(37)
@pytest.mark.parametrize(("probability", "begins"), [(0.49, False), (0.5, True), (0.51, True)])
def test_the_threshold_is_enforced(probability: float, begins: bool) -> None:
    assert bool(hear([probability] * 10, settings(threshold=0.5))) is begins


def test_a_cough_of_80_ms_does_not_start_a_turn_but_does_start_a_barge_in() -> None:
    """As Silero sees one: half a dozen windows, because it does not let go at once."""
    cough = [0.05, 0.45, 0.7, 0.6, 0.45, 0.3, 0.26, 0.1, 0.05] + [0.02] * 20
    assert hear(cough, TURN_EDGES) == []
    assert [type(edge) for edge in hear(cough, BARGE_IN_EDGES)] == [SpeechBegan, SpeechEnded]


def test_a_short_word_starts_a_turn() -> None:
    """A "no" takes 0.35 s: eleven windows."""
    word = [0.05, 0.3, 0.5, *[0.9] * 8, 0.5, 0.2] + [0.02] * 20
    assert [type(edge) for edge in hear(word, TURN_EDGES)] == [SpeechBegan, SpeechEnded]


def test_barge_ins_are_noticed_before_turns() -> None:
    speech = [0.0, *[0.9] * 30]
    (barge_in,) = hear(speech, BARGE_IN_EDGES)
    (turn,) = hear(speech, TURN_EDGES)
    assert barge_in.confirmed_at == 2 * WINDOW
    assert barge_in.confirmed_at < turn.confirmed_at


def test_between_release_and_threshold_speech_goes_on_but_does_not_begin() -> None:
    assert hear([0.4] * 20, settings()) == []
    (began,) = hear([0.4, 0.5, 0.4, 0.4], settings())
    assert isinstance(began, SpeechBegan)
    assert (began.onset, began.confirmed_at) == (WINDOW, 4 * WINDOW)


def test_a_dip_of_two_windows_is_forgiven_but_not_counted() -> None:
    (began,) = hear([0.9, 0.1, 0.1, 0.9, 0.9, 0.9], settings())
    assert isinstance(began, SpeechBegan)
    assert (began.onset, began.confirmed_at) == (0, 5 * WINDOW)
    assert began.confidence == pytest.approx(0.9)


def test_a_dip_of_three_windows_starts_over() -> None:
    (began,) = hear([0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9], settings())
    assert isinstance(began, SpeechBegan)
    assert (began.onset, began.confirmed_at) == (5 * WINDOW, 8 * WINDOW)


def test_sparse_clicks_never_add_up() -> None:
    assert hear([0.9, 0, 0, 0] * 50, settings(min_speech_s=0.064)) == []


def test_the_onset_after_a_dropped_candidate_needs_the_threshold_again() -> None:
    assert hear([0.9, 0, 0, 0, *[0.4] * 20], settings()) == []


# ---- ending


def test_speech_ends_where_its_last_window_ended() -> None:
    found = hear([0.9] * 5 + [0.1] * 4, settings())
    assert found[1:] == [SpeechEnded(end=5 * WINDOW, confirmed_at=9 * WINDOW)]


@pytest.mark.feature(37)
@pytest.mark.parametrize(("windows", "ends"), [(3, False), (4, True)])
def test_min_silence_is_enforced(windows: int, ends: bool) -> None:
    found = hear([0.9] * 5 + [0.1] * windows + [0.9] * 5, settings(min_silence_s=0.128))
    assert [type(edge) for edge in found] == ([SpeechBegan, SpeechEnded, SpeechBegan] if ends else [SpeechBegan])


def test_without_min_silence_one_window_ends_speech() -> None:
    found = hear([0.9] * 5 + [0.1], settings(min_silence_s=0))
    assert found[1:] == [SpeechEnded(end=5 * WINDOW, confirmed_at=6 * WINDOW)]


@pytest.mark.parametrize(("probability", "ends"), [(0.29, True), (0.3, False)])
def test_the_release_threshold_is_enforced(probability: float, ends: bool) -> None:
    found = hear([0.9] * 5 + [probability] * 20, settings(release_threshold=0.3))
    assert isinstance(found[-1], SpeechEnded) is ends


def test_silence_is_counted_from_the_last_window_of_speech() -> None:
    found = hear([0.9] * 5 + [0.1, 0.1, 0.4] + [0.1] * 4, settings())
    assert found[1:] == [SpeechEnded(end=8 * WINDOW, confirmed_at=12 * WINDOW)]


# ---- prefix padding


@pytest.mark.feature(37)
def test_listeners_are_given_the_prefix_padding() -> None:
    (began,) = hear([0] * 20 + [0.9] * 3, settings(prefix_padding_s=0.3))
    assert isinstance(began, SpeechBegan)
    assert began.audio_start == began.onset - to_samples(0.3)


def test_the_prefix_padding_does_not_reach_before_the_stream() -> None:
    edges = SpeechEdges(settings(prefix_padding_s=0.3, min_speech_s=0.0))
    assert edges.receive(0.1, 1000, 1512) is None
    assert edges.receive(0.9, 1512, 2024) == SpeechBegan(1512, 2024, 0.9, audio_start=1000)


def test_the_prefix_padding_does_not_reach_into_the_speech_before() -> None:
    found = hear([0.9] * 5 + [0.1] * 4 + [0.9] * 3, settings(prefix_padding_s=1.0))
    _, ended, again = found
    assert isinstance(ended, SpeechEnded)
    assert isinstance(again, SpeechBegan)
    assert again.audio_start == ended.end == 5 * WINDOW


# ---- what can be asked on the way


def test_the_state_follows_the_windows() -> None:
    edges = SpeechEdges(settings())
    seen = []
    for i, probability in enumerate([0.1, 0.6, 0.8, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1]):
        edges.receive(probability, i * WINDOW, (i + 1) * WINDOW)
        seen.append((edges.in_speech, edges.current_onset, round(edges.confidence, 6)))
    assert seen == [
        (False, None, 0.0),
        (False, WINDOW, 0.6),
        (False, WINDOW, 0.7),
        (True, WINDOW, 0.8),
        (True, WINDOW, 0.8),
        (True, WINDOW, 0.8),
        (True, WINDOW, 0.8),
        (False, None, 0.0),
        (False, None, 0.0),
    ]


def test_confidence_weighs_windows_by_their_length() -> None:
    edges = SpeechEdges(settings(min_speech_s=1.0))
    edges.receive(1.0, 0, 300)
    edges.receive(0.5, 300, 400)
    assert edges.confidence == pytest.approx(0.875)


# ---- gaps in the audio


def test_a_gap_counts_as_silence() -> None:
    edges = SpeechEdges(settings())
    for i in range(5):
        edges.receive(0.9, i * WINDOW, (i + 1) * WINDOW)
    assert edges.receive(0.1, 40 * WINDOW, 41 * WINDOW) == SpeechEnded(end=5 * WINDOW, confirmed_at=41 * WINDOW)


def test_speech_after_a_long_gap_is_new_speech() -> None:
    edges = SpeechEdges(settings())
    for i in range(5):
        edges.receive(0.9, i * WINDOW, (i + 1) * WINDOW)
    found = [edges.receive(0.5, i * WINDOW, (i + 1) * WINDOW) for i in range(40, 44)]
    assert found == [
        SpeechEnded(end=5 * WINDOW, confirmed_at=41 * WINDOW),
        None,
        SpeechBegan(onset=40 * WINDOW, confirmed_at=43 * WINDOW, confidence=0.5, audio_start=40 * WINDOW),
        None,
    ]


def test_a_gap_between_clicks_starts_over() -> None:
    edges = SpeechEdges(settings())
    assert edges.receive(0.9, 0, WINDOW) is None
    assert edges.receive(0.9, 40 * WINDOW, 41 * WINDOW) is None
    assert edges.current_onset == 40 * WINDOW


def test_a_short_gap_changes_nothing() -> None:
    edges = SpeechEdges(settings(min_speech_s=0.064))
    assert edges.receive(0.9, 0, WINDOW) is None
    began = edges.receive(0.9, 2 * WINDOW, 3 * WINDOW)
    assert isinstance(began, SpeechBegan)
    assert began.onset == 0


# ---- misuse


@pytest.mark.parametrize("probability", [-0.01, 1.01, float("nan"), float("inf")])
def test_what_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ProtocolError, match="a probability of speech is 0 to 1"):
        SpeechEdges(settings()).receive(probability, 0, WINDOW)


def test_windows_must_be_in_order() -> None:
    edges = SpeechEdges(settings())
    edges.receive(0.9, 0, WINDOW)
    with pytest.raises(ProtocolError, match="overlap"):
        edges.receive(0.9, WINDOW - 1, 2 * WINDOW)
    with pytest.raises(ProtocolError, match="empty"):
        edges.receive(0.9, WINDOW, WINDOW)
    assert edges.receive(0.9, WINDOW, 2 * WINDOW) is None
    assert edges.receive(0.9, 2 * WINDOW, 3 * WINDOW) is not None


# ---- settings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 0.0),
        ("threshold", 1.1),
        ("threshold", float("nan")),
        ("threshold", "0.5"),
        ("threshold", True),
        ("release_threshold", 0.0),
        ("release_threshold", 0.6),
        ("release_threshold", float("nan")),
        ("min_speech_s", -0.1),
        ("min_speech_s", 250),
        ("min_silence_s", -0.1),
        ("min_silence_s", 500),
        ("min_silence_s", float("inf")),
        ("prefix_padding_s", -0.1),
        ("prefix_padding_s", 300),
        ("prefix_padding_s", None),
    ],
)
def test_wrong_settings_are_named(field: str, value: float | None) -> None:
    with pytest.raises(ConfigError, match=f"^{field} must be"):
        settings(**{field: value})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        settings().threshold = 0.9  # type: ignore[misc]


@pytest.mark.parametrize(("threshold", "release"), [(0.5, 0.35), (0.4, 0.25), (0.1, 0.01), (0.01, 0.01), (1.0, 0.85)])
def test_release_follows_the_threshold(threshold: float, release: float) -> None:
    assert settings(threshold=threshold).release == pytest.approx(release)


def test_a_release_threshold_may_equal_the_threshold() -> None:
    assert settings(release_threshold=0.5).release == 0.5


@pytest.mark.parametrize(
    ("name", "threshold", "min_speech_s", "min_silence_s"),
    [("quiet", 0.4, 0.2, 0.4), ("normal", 0.5, 0.25, 0.5), ("noisy", 0.7, 0.35, 0.6)],
)
def test_environment_profiles_have_their_values(
    name: str, threshold: float, min_speech_s: float, min_silence_s: float
) -> None:
    expected = SpeechEdgeSettings(threshold=threshold, min_speech_s=min_speech_s, min_silence_s=min_silence_s)
    assert SpeechEdgeSettings.for_environment(name) == expected
    assert SpeechEdgeSettings.for_environment(EnvironmentProfile(name)) == expected


def test_an_unknown_environment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="environment must be one of quiet, normal, noisy; got 'loud'"):
        SpeechEdgeSettings.for_environment("loud")


# ---- properties

probabilities = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
any_settings = st.builds(
    lambda threshold, below, speech, silence, prefix: SpeechEdgeSettings(
        threshold=threshold,
        release_threshold=None if below is None else max(0.01, threshold - below),
        min_speech_s=speech,
        min_silence_s=silence,
        prefix_padding_s=prefix,
    ),
    st.floats(0.05, 1),
    st.none() | st.floats(0, 0.5),
    st.floats(0, 0.3),
    st.floats(0, 0.3),
    st.floats(0, 0.5),
)
windows = st.lists(
    st.tuples(probabilities, st.sampled_from([160, 320, 512]), st.sampled_from([0, 0, 0, 0, 0, 700, 20000])),
    max_size=120,
)
"""Probability, length, and the gap before it."""


def placed(chosen: list[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
    """Windows as probability, start, stop."""
    found, position = [], 5000
    for probability, length, gap in chosen:
        found.append((probability, position + gap, position + gap + length))
        position += gap + length
    return found


@given(windows, any_settings)
@example([(0.9, 512, 0)] * 10 + [(0.9, 512, 20000)] * 10, BARGE_IN_EDGES)
def test_edges_alternate_in_order_and_none_is_early(
    chosen: list[tuple[float, int, int]], chosen_settings: SpeechEdgeSettings
) -> None:
    edges = SpeechEdges(chosen_settings)
    heard: list[SpeechEdge] = []
    for probability, start, stop in placed(chosen):
        edge = edges.receive(probability, start, stop)
        if edge is not None:
            assert edge.confirmed_at == stop
            heard.append(edge)
        assert edges.in_speech == bool(heard and isinstance(heard[-1], SpeechBegan))
        if edges.in_speech:
            assert isinstance(heard[-1], SpeechBegan)
            assert edges.current_onset == heard[-1].onset
    kinds = [type(edge) for edge in heard]
    assert kinds == [SpeechBegan, SpeechEnded] * (len(kinds) // 2) + [SpeechBegan] * (len(kinds) % 2)
    for before, after in pairwise(heard):
        if isinstance(before, SpeechBegan):
            assert isinstance(after, SpeechEnded)
            assert before.confirmed_at <= after.end < after.confirmed_at
        else:
            assert isinstance(after, SpeechBegan)
            assert before.end <= after.audio_start
            assert after.onset - before.end >= max(1, to_samples(chosen_settings.min_silence_s))


@given(windows, any_settings)
def test_every_edge_has_the_speech_or_the_silence_that_it_needs(
    chosen: list[tuple[float, int, int]], chosen_settings: SpeechEdgeSettings
) -> None:
    edges = SpeechEdges(chosen_settings)
    received: list[tuple[float, int, int]] = []
    for probability, start, stop in placed(chosen):
        received.append((probability, start, stop))
        edge = edges.receive(probability, start, stop)
        if isinstance(edge, SpeechBegan):
            spoken = [w for w in received if w[1] >= edge.onset and w[0] >= chosen_settings.release]
            assert spoken[0][0] >= chosen_settings.threshold
            assert sum(w[2] - w[1] for w in spoken) >= to_samples(chosen_settings.min_speech_s)
            assert all(b[1] - a[2] <= to_samples(DIP_S) for a, b in pairwise(spoken))
            assert min(w[0] for w in spoken) - 1e-9 <= edge.confidence <= max(w[0] for w in spoken) + 1e-9
            assert edge.onset - to_samples(chosen_settings.prefix_padding_s) <= edge.audio_start <= edge.onset
        elif isinstance(edge, SpeechEnded):
            silent = [w for w in received if edge.end <= w[1]]
            assert edge.confirmed_at - edge.end >= to_samples(chosen_settings.min_silence_s)
            assert all(w[0] < chosen_settings.release for w in silent[:-1])


@given(st.lists(st.floats(0, 0.349), max_size=200))
def test_silence_never_makes_an_edge(quiet: list[float]) -> None:
    assert hear(quiet, settings(min_speech_s=0.0, min_silence_s=0.0)) == []


@given(windows, any_settings)
def test_the_same_windows_make_the_same_edges(
    chosen: list[tuple[float, int, int]], chosen_settings: SpeechEdgeSettings
) -> None:
    one, two = SpeechEdges(chosen_settings), SpeechEdges(chosen_settings)
    assert [one.receive(*w) for w in placed(chosen)] == [two.receive(*w) for w in placed(chosen)]
