"""A corpus under every setting of a grid: the same table whoever plays it, in which order, and whoever is killed."""

import math
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from turnscope import ConfigError, TurnscopeError
from turnscope.core import CLOCK_HZ, MinWords
from turnscope.observe import Rate
from turnscope.sim import (
    Clip,
    ClipResult,
    Grid,
    Setting,
    SweptSetting,
    Workers,
    clips_csv,
    encode_words,
    load_grid,
    local_workers,
    pareto,
    summarize,
    sweep,
    sweep_rows,
    table_csv,
    write_parquet,
    write_plot,
)
from turnscope.transports import write_wav

GRID = """\
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }

[grid]
interruption.reaction = ["duck"]
interruption.policy = [{ kind = "min_speech", min_speech_s = 0.2 }, { kind = "words" }]
"""


def corpus(folder: Path) -> list[Clip]:
    lead = np.zeros(CLOCK_HZ // 2, np.float32)
    clips = []
    for name, text in (("no.wav", "no stop"), ("wait.wav", "wait for me"), ("yeah.wav", "yeah"), ("mhm.wav", "mhm")):
        write_wav(folder / name, np.concatenate([lead, encode_words(text)[0], lead]), CLOCK_HZ)
        label = "interruption" if " " in text else "backchannel"
        clips.append(Clip(path=name, label=label, onset_s=0.5, text=text))  # type: ignore[arg-type]
    noise = np.random.default_rng(3).normal(scale=0.05, size=CLOCK_HZ // 2).astype(np.float32)
    write_wav(folder / "hiss.wav", noise, CLOCK_HZ)
    return [*clips, Clip(path="hiss.wav", label="noise")]


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    (tmp_path / "grid.toml").write_text(GRID, encoding="utf-8")
    return load_grid(tmp_path / "grid.toml")


HERE = Workers(lambda: ThreadPoolExecutor(1), 1)
"""This process: everything else is as with many."""


def table(grid: Grid, swept: tuple[SweptSetting, ...]) -> str:
    return table_csv(sweep_rows(grid.keys, swept)) + clips_csv(swept)


@pytest.mark.feature("X8")
def test_the_table_has_the_panel_of_every_setting(grid: Grid, tmp_path: Path) -> None:
    quick, words = sweep_rows(grid.keys, sweep(grid, tmp_path, corpus(tmp_path), HERE, tmp_path / "kept"))
    assert quick["interruption.policy"] == '{"kind": "min_speech", "min_speech_s": 0.2}'
    assert (quick["R_Y"], quick["S_BC"], quick["S_noise"], quick["noise_stops_a_minute"]) == (1.0, 0.0, 0.0, 120.0)
    assert (words["R_Y"], words["S_BC"], words["S_noise"], words["noise_stops_a_minute"]) == (1.0, 1.0, 1.0, 0.0)
    assert quick["L_Y_mean_s"] == pytest.approx(0.25, abs=0.02)  # 0.2 s of speech, and the fade
    assert float(words["L_Y_mean_s"] or 0) > float(quick["L_Y_mean_s"] or 0)
    assert (quick["on_frontier"], words["on_frontier"]) == (True, True)
    assert (quick["clips"], quick["failed"]) == (5, 0)


@pytest.mark.feature("X8")
def test_the_table_is_the_same_to_the_byte_when_a_process_is_killed_in_the_middle(grid: Grid, tmp_path: Path) -> None:
    clips = corpus(tmp_path)
    expected = table(grid, sweep(grid, tmp_path, clips, HERE, tmp_path / "calm"))
    killed: list[int] = []

    def kill_one(done: int, total: int, result: ClipResult | None) -> None:
        if done == 2:
            victim = multiprocessing.active_children()[0]
            victim.kill()
            killed.append(victim.pid or 0)

    swept = sweep(grid, tmp_path, clips, local_workers(2), tmp_path / "killed", kill_one)
    assert len(killed) == 1
    assert table(grid, swept) == expected


def test_a_sweep_that_was_stopped_goes_on_where_it_was(grid: Grid, tmp_path: Path) -> None:
    clips, kept = corpus(tmp_path), tmp_path / "kept"
    expected = table(grid, sweep(grid, tmp_path, clips, HERE, tmp_path / "calm"))

    def stop(done: int, total: int, result: ClipResult | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(grid, tmp_path, clips, HERE, kept, stop)
    with kept.open("ab") as file:
        file.write(b'{"case": "half a li')
    seen: list[tuple[int, int]] = []
    swept = sweep(grid, tmp_path, clips, HERE, kept, lambda done, total, result: seen.append((done, total)))
    assert seen == [(done, 10) for done in range(3, 11)]
    assert table(grid, swept) == expected
    assert kept.read_bytes().count(b"\n") == 10
    assert sweep(grid, tmp_path, clips, nobody(), kept) == swept


def nobody() -> Workers:
    """Workers that must not be needed."""

    def refuse() -> None:
        raise AssertionError("something was played")

    return Workers(refuse, 1)  # type: ignore[arg-type]


def test_only_what_has_changed_is_played_again(grid: Grid, tmp_path: Path) -> None:
    clips, kept = corpus(tmp_path), tmp_path / "kept"
    first = sweep(grid, tmp_path, clips, HERE, kept)
    assert sweep(grid, tmp_path, clips, nobody(), kept) == first
    corpus(tmp_path)
    assert (
        sweep(replace(grid, settings=grid.settings[::-1]), tmp_path, clips[:2], nobody(), kept)[1].results
        == (first[0].results[:2])
    )
    write_wav(tmp_path / "hiss.wav", np.zeros(CLOCK_HZ, np.float32), CLOCK_HZ)
    with pytest.raises(AssertionError, match="something was played"):
        sweep(grid, tmp_path, clips, nobody(), kept)
    changed = [replace(clips[0], onset_s=0.4), *clips[1:4]]
    with pytest.raises(AssertionError, match="something was played"):
        sweep(grid, tmp_path, changed, nobody(), kept)


def test_a_case_that_fails_says_why_costs_no_other_and_is_tried_again(grid: Grid, tmp_path: Path) -> None:
    clips = corpus(tmp_path)
    (tmp_path / "wait.wav").write_bytes(b"no audio")
    swept = sweep(grid, tmp_path, clips, HERE, tmp_path / "kept")
    assert [bool(result.error) for result in swept[0].results] == [False, True, False, False, False]
    assert "wait.wav" in swept[0].results[1].error
    row = sweep_rows(grid.keys, swept)[0]
    assert (row["failed"], row["R_Y_of"]) == (1, 1)
    with pytest.raises(AssertionError, match="something was played"):
        sweep(grid, tmp_path, clips, nobody(), tmp_path / "kept")


def test_an_agent_that_cannot_be_made_fails_its_own_cases_only(grid: Grid, tmp_path: Path) -> None:
    broken = Setting(("1", "2"), '{"vad": {"provider": "gone"}}', str(tmp_path))
    mixed = replace(grid, settings=(broken, grid.settings[1]))
    swept = sweep(mixed, tmp_path, corpus(tmp_path)[:1], HERE, tmp_path / "kept")
    assert "ConfigError: agent.vad.provider: unknown provider 'gone'" in swept[0].results[0].error
    assert swept[1].results[0].error == ""
    assert sweep_rows(mixed.keys, swept)[0]["R_Y"] is None


def test_a_file_of_results_that_cannot_be_used_is_named(grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(TurnscopeError, match=r"nowhere/kept: cannot be used"):
        sweep(grid, tmp_path, corpus(tmp_path), nobody(), tmp_path / "nowhere" / "kept")


# The grid


def test_a_grid_is_every_combination_the_last_key_fastest(tmp_path: Path) -> None:
    path = tmp_path / "g.toml"
    path.write_text(
        '[grid]\n"endpointing.min_delay_s" = [0.2, 0.4]\ninterruption.reaction = ["pause", "duck"]\n', encoding="utf-8"
    )
    (tmp_path / "agent.toml").write_text(GRID.partition("[grid]")[0], encoding="utf-8")
    grid = load_grid(path, tmp_path / "agent.toml")
    assert grid.keys == ("endpointing.min_delay_s", "interruption.reaction")
    assert [setting.values for setting in grid.settings] == [
        ("0.2", '"pause"'),
        ("0.2", '"duck"'),
        ("0.4", '"pause"'),
        ("0.4", '"duck"'),
    ]


def test_a_grid_may_vary_a_policy_of_one_number(tmp_path: Path) -> None:
    path = tmp_path / "g.toml"
    path.write_text(GRID.partition("[grid]")[0] + "[grid]\ninterruption.min_words = [1, 2]\n", encoding="utf-8")
    policies = [setting.make_agent().interruption.policy for setting in load_grid(path).settings]
    assert policies == [MinWords(1), MinWords(2)]


def test_the_grid_of_the_examples_is_one() -> None:
    grid = load_grid(Path(__file__).parent.parent.parent / "examples" / "sweep" / "policies.grid.toml")
    assert len(grid.settings) == 8


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "g.toml: grid: is missing, or lists nothing"),
        ("[grid]", "g.toml: grid: is missing, or lists nothing"),
        ("[grid", "g.toml: not valid TOML"),
        ("[gird]\na = [1]", "g.toml: gird: unknown table; known are agent, grid"),
        ("[grid]\naway_after_s = 3", r"g.toml: grid.away_after_s: must be a list of values, got 3"),
        ("[grid]\naway_after_s = []", r"g.toml: grid.away_after_s: must be a list of values, got \[\]"),
        ("[grid]\nhonesty = [1]", r"g.toml: grid: with honesty = 1: agent.honesty: unknown key"),
        ('[grid]\nvad.provider = ["ear"]', r"with vad.provider = 'ear': agent.vad.provider: unknown provider 'ear'"),
        ("[grid]\naway_after_s.x = [1]\n[agent]\naway_after_s = 3", r"agent.away_after_s: is no table, but 3"),
        ("[grid]\naway_after_s = [1979-05-27]", "date is not JSON serializable"),
        ("agent = 3\n[grid]\naway_after_s = [1]", "g.toml: agent: must be a table, got 3"),
        (
            f"[grid]\naway_after_s = {list(range(1, 102))}\njoin_deadline_s = {list(range(1, 101))}",
            "10100 combinations",
        ),
    ],
)
def test_a_wrong_grid_is_told_with_its_file_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "g.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        load_grid(path)


def test_an_agent_that_is_given_twice_is_refused(grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="agent: is given twice"):
        load_grid(tmp_path / "grid.toml", tmp_path / "agent.toml")


# The table


def test_the_frontier_is_what_no_other_beats() -> None:
    points = [(0.1, 0.5), (0.1, 0.5), (0.2, 0.4), (0.3, 0.9), (0.3, 0.8), (math.nan, 1.0), (0.5, 0.9)]
    assert pareto(points) == {0, 1, 3}


def result(label: str, silent_s: float | None, *, over: bool = True) -> ClipResult:
    clip = Clip(path="x.wav", label=label)  # type: ignore[arg-type]
    return ClipResult(clip=clip, duration_s=1.0, spoken_over=over, fell_silent_s=silent_s)


def test_what_counts_as_yielding_is_what_the_panel_says() -> None:
    panel = summarize(
        [
            result("interruption", 1.99),
            result("interruption", 2.0),
            result("interruption", None),
            result("interruption", 0.1, over=False),
            result("backchannel", 0.99),
            result("backchannel", 1.0),
            result("noise", 1.0),
            result("noise", 1.01),
            result("echo", 0.1),
        ]
    ).interaction
    assert panel.yield_rate == Rate(1, 3)
    assert panel.yield_latency.mean == 1.99
    assert panel.rate("backchannel") == Rate(1, 2)
    assert panel.rate("noise") == Rate(1, 2)


@pytest.mark.models
def test_the_table_can_be_had_as_parquet_and_as_a_picture(grid: Grid, tmp_path: Path) -> None:
    from pyarrow import parquet

    empty = SweptSetting(grid.settings[0], (ClipResult(clip=Clip(path="x.wav", label="noise"), error="gone"),))
    swept = (SweptSetting(grid.settings[0], (result("interruption", 0.3), result("backchannel", None))), empty)
    swept = (
        SweptSetting(grid.settings[1], tuple(replace(r, onset_to_decision_s=0.2) for r in swept[0].results)),
        empty,
    )
    rows = sweep_rows(grid.keys, swept)
    write_parquet(tmp_path / "sweep.parquet", rows)
    assert parquet.read_table(tmp_path / "sweep.parquet").to_pylist() == [dict(row) for row in rows]
    for name, drawn in (("a.png", rows), ("b.png", rows), ("c.png", rows[1:])):
        write_plot(tmp_path / name, drawn, "a sweep")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()
