import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.session.calls import AGENT
from turnscope import AudioError, ConfigError, OpenAIChatLLM
from turnscope.core import (
    BARGE_IN_EDGES,
    CLOCK_HZ,
    PHASES,
    ClauseSettings,
    Completed,
    Endpointing,
    Filler,
    InterruptionSettings,
    MinSpeech,
    MinWords,
    PhaseProfile,
    SpeechEdgeSettings,
    ThinkingSound,
    WordsPolicy,
)
from turnscope.providers import ScriptedLLM
from turnscope.sim import HangUp, Moment, Play, Scenario, broken_promises, load_scenario, load_scenarios, read_words
from turnscope.transports import write_wav

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples").rglob("*.scenario.toml"))

FAKES = """
version = 1
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
llm = { provider = "scripted", rules = [], fallback = "Sure." }
"""
CALLER = """
[[caller]]
words = "two lattes"
at_s = 0.5
"""

Load = Callable[[str], Scenario]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Scenario:
        path = tmp_path / "call.toml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)

    return load


def play(scenario: Scenario, index: int) -> Play:
    step = scenario.script[index]
    assert isinstance(step, Play)
    return step


def step(text: str) -> str:
    return f"{FAKES}\n[[caller]]\n{text}\n"


def test_a_scenario_says_who_answers_and_what_the_caller_does(load: Load) -> None:
    scenario = load(
        """
        version = 1
        name = "latte"
        seed = 3
        frame_ms = 10
        max_s = 60
        """
        + FAKES.replace("version = 1", "")
        + """
        instructions = "Be brief."
        join_deadline_s = 0.5
        interruption = { fade_s = 0.02, policy = { kind = "words", transcripts = 1, lexicon = ["yes"] } }
        endpointing = { min_delay_s = 0.3 }
        barge_in_edges = { threshold = 0.6 }

        [[caller]]
        words = "two lattes"
        at_s = 0.5

        [[caller]]
        words = "wait"
        after_agent_starts_s = 1
        reply = 2

        [[caller]]
        hang_up = true
        after_quiet_s = 2
        """
    )
    assert (scenario.name, scenario.seed, scenario.frame_s, scenario.max_s) == ("latte", 3, 0.01, 60)
    assert (scenario.agent.instructions, scenario.agent.join_deadline_s) == ("Be brief.", 0.5)
    policy = WordsPolicy(lexicon=frozenset({"yes"}), transcripts=1)
    assert scenario.agent.interruption == InterruptionSettings(fade_s=0.02, policy=policy)
    assert scenario.agent.endpointing == Endpointing(min_delay_s=0.3)
    assert scenario.agent.barge_in_edges == replace(BARGE_IN_EDGES, threshold=0.6)
    assert [part.name for part in (scenario.agent.vad, scenario.agent.stt, scenario.agent.llm)] == [
        "fake-vad",
        "fake-stt",
        "scripted",
    ]
    assert [name for name, _ in read_words(play(scenario, 0).audio)] == ["two", "lattes"]
    assert [part.moment for part in scenario.script] == [
        Moment(0.5),
        Moment(1.0, "agent_starts", 2),
        Moment(2.0, "quiet"),
    ]


@pytest.mark.feature(40)
def test_surroundings_phases_and_who_ends_turns_can_be_written(load: Load) -> None:
    scenario = load(
        FAKES
        + """
        environment = "noisy"
        turn_mode = "manual"
        [agent.interruption]
        mute = ["until_first_speech", "tools"]
        make_good = "reprompt"
        phases.thinking = { reaction = "continue" }
        phases.protected = { handling = "discard" }
        phases.speaking = { policy = { kind = "min_words", min_words = 2 } }
        """
        + CALLER
    )
    agent, settings = scenario.agent, scenario.agent.interruption
    assert agent.edges["turn"] == SpeechEdgeSettings(threshold=0.7, min_speech_s=0.35, min_silence_s=0.6)
    assert (agent.turn_mode, list(settings.mute), settings.make_good) == (
        "manual",
        ["until_first_speech", "tools"],
        "reprompt",
    )
    assert settings.phases.thinking == replace(PHASES.thinking, reaction="continue")
    assert settings.phases.protected == PhaseProfile("discard")
    assert settings.policy_for("speaking") == MinWords(2)
    assert settings.policy_for("thinking") == PHASES.thinking.policy


def test_a_policy_of_one_number_can_be_given_by_its_number(load: Load) -> None:
    written = "interruption = { min_words = 2, phases.speaking = { min_speech_s = 0.3, reaction = 'duck' } }"
    settings = load(f"{FAKES}{written}{CALLER}").agent.interruption
    assert settings.policy == MinWords(2)
    assert settings.phases.speaking == PhaseProfile(policy=MinSpeech(0.3), reaction="duck")


@pytest.mark.parametrize(("written", "meant"), [('"none"', None), ('"auto"', "auto")])
def test_an_ear_for_interruptions_can_be_named_or_switched_off(load: Load, written: str, meant: str | None) -> None:
    assert load(f"{FAKES}detector = {written}{CALLER}").agent.detector == meant


def test_what_a_scenario_does_not_say_has_defaults(load: Load) -> None:
    scenario = load(FAKES + CALLER)
    assert (scenario.name, scenario.seed, scenario.frame_s, scenario.max_s) == ("call", 0, 0.02, 600)
    assert scenario.agent.interruption == InterruptionSettings()
    assert scenario.agent.barge_in_edges == BARGE_IN_EDGES
    assert scenario.script[-1] == HangUp(Moment(3.0, "quiet"))


def test_without_a_word_on_models_an_agent_is_made_of_the_local_ones(load: Load, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.full(160, 0.1, np.float32), CLOCK_HZ)
    llm = '[agent]\nllm = { provider = "scripted", rules = [] }'
    agent = load(f'version = 1\n{llm}\n[[caller]]\naudio = "a.wav"\nat_s = 0').agent
    assert [part.name for part in (agent.vad, agent.stt, agent.tts)] == ["silero", "whisper", "piper"]


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("endpointing", Endpointing(min_delay_s=0.3)),
        ("turn_edges", SpeechEdgeSettings(threshold=0.4, release_threshold=0.3)),
        ("clauses", ClauseSettings(min_chars=20, abbreviations=frozenset({"mr"}))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_setting_of_a_settings_class_can_be_written(load: Load, key: str, settings: object) -> None:
    lines = []
    for field in fields(settings):  # type: ignore[arg-type]  # a dataclass
        value = getattr(settings, field.name)
        value = sorted(value) if isinstance(value, frozenset) else value
        if value is not None:
            lines.append(f"{field.name} = {json.dumps(value)}")
    text = "\n".join(lines)
    assert getattr(load(f"{FAKES}\n[agent.{key}]\n{text}\n{CALLER}").agent, key) == settings


def test_a_filler_can_be_written(load: Load) -> None:
    words = load(f'{FAKES}\n[agent.filler]\nkind = "words"\ntexts = ["One moment."]\nafter_s = 2\n{CALLER}')
    assert words.agent.filler == Filler(texts=["One moment."], after_s=2)
    sound = load(f'{FAKES}\n[agent.filler]\nkind = "sound"\nvolume = 0.5\n{CALLER}').agent.filler
    assert isinstance(sound, ThinkingSound)
    assert sound.volume == 0.5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_scenarios(path: Path) -> None:
    for scenario in load_scenarios(path):
        assert scenario.script
        if path.parent.name == "fakes":
            assert scenario.check(scenario.run()) == ()


BAD = {
    "no TOML": ("x = [", "not valid TOML: "),
    "two lines in one message": ('version = "\n1"', "not valid TOML: "),
    "no version": ("", "version: must be 1, "),
    "a later version": ("version = 2", "version: must be 1, "),
    "no agent": ("version = 1", "agent: is missing"),
    "no caller": (FAKES, "caller: is missing"),
    "no step": (FAKES.replace("[agent]", "caller = []\n[agent]"), "caller: must have at least one step"),
    "unknown key": (FAKES.replace("[agent]", "sead = 1\n[agent]") + CALLER, "sead: unknown key; known here: version, "),
    "unknown agent key": (FAKES + "instruction = ''" + CALLER, "agent.instruction: unknown key; known here: vad, "),
    "unknown step key": (step('words = "a"\nat_s = 1\nloud = 1'), "caller[0].loud: unknown key; known here: audio, "),
    "unknown option": (
        FAKES.replace('"fake"', '"fake", speed = 2', 1) + CALLER,
        "agent.vad.speed: unknown key; known here: window_s",
    ),
    "unknown rule key": (
        FAKES.replace("rules = []", 'rules = [{ when = "a", reply = "b" }, { when = "a", says = "b" }]') + CALLER,
        "agent.llm.rules[1].says: unknown key; known here: when, reply, turn",
    ),
    "rule without a reply": (
        FAKES.replace("rules = []", 'rules = [{ when = "a" }]') + CALLER,
        "agent.llm.rules[0].reply: is missing",
    ),
    "rule with a bad pattern": (
        FAKES.replace("rules = []", 'rules = [{ when = "(", reply = "b" }]') + CALLER,
        "agent.llm.rules[0].when: is not a regular expression: ",
    ),
    "no llm": (FAKES[: FAKES.index("llm")] + CALLER, "agent.llm: is missing"),
    "no provider": (FAKES.replace('provider = "scripted", ', "") + CALLER, "agent.llm.provider: is missing; one of "),
    "unknown provider": (
        FAKES.replace('"scripted"', '"gpt"') + CALLER,
        "agent.llm.provider: unknown provider 'gpt'; one of scripted, openai",
    ),
    "unknown policy": (
        FAKES + '[agent.interruption]\npolicy = { kind = "luck" }' + CALLER,
        "agent.interruption.policy.kind: unknown kind 'luck'; one of detector, words, ",
    ),
    "setting out of range": (
        FAKES + "[agent.interruption]\nfade_s = 1" + CALLER,
        "agent.interruption.fade_s: must be between 0 and 0.1, got 1",
    ),
    "policy in a policy": (
        FAKES
        + """
        [agent.interruption.policy]
        kind = "veto"
        veto = { kind = "score_veto", name = "echo" }
        policy = { kind = "all_confirm", policies = [{ kind = "words" }, { kind = "min_words", min_words = 0 }] }
        """
        + CALLER,
        "agent.interruption.policy.policy.policies[1].min_words: must be at least 1, got 0",
    ),
    "unknown surroundings": (
        FAKES + 'environment = "loud"' + CALLER,
        "agent.environment: must be one of 'quiet', 'normal', 'noisy', got 'loud'",
    ),
    "unknown mute": (
        FAKES + '[agent.interruption]\nmute = ["always"]' + CALLER,
        "agent.interruption.mute",
    ),
    "lexicon that is not there": (
        FAKES + '[agent.interruption]\npolicy = { kind = "words", lexicon = "none.txt" }' + CALLER,
        "agent.interruption.policy.lexicon: ",
    ),
    "setting of a policy out of range": (
        FAKES + '[agent.interruption]\npolicy = { kind = "words", transcripts = 9 }' + CALLER,
        "agent.interruption.policy.transcripts: must be between 1 and 4, got 9",
    ),
    "filler of no kind": (
        FAKES + '[agent.filler]\ntexts = ["One moment."]' + CALLER,
        "agent.filler.kind: is missing; one of words, sound",
    ),
    "filler without words": (
        FAKES + '[agent.filler]\nkind = "words"\ntexts = []' + CALLER,
        "agent.filler.texts: must be a list of texts, none of them empty, got []",
    ),
    "sound in a file": (
        FAKES + '[agent.filler]\nkind = "sound"\nsamples = [0.1]' + CALLER,
        "agent.filler.samples: it can only be given in code",
    ),
    "no such choice": (
        FAKES + '[agent.interruption]\nreaction = "shout"' + CALLER,
        "agent.interruption.reaction: must be one of 'pause', 'duck', 'continue', got 'shout'",
    ),
    "text for a number": (step('words = "a"\nat_s = "1"'), "caller[0].at_s: must be a number, got text"),
    "number for text": (step("words = 1\nat_s = 1"), "caller[0].words: must be text, got a whole number"),
    "list for a table": (FAKES + "endpointing = []" + CALLER, "agent.endpointing: must be a table, got a list"),
    "text for a step": (FAKES.replace("[agent]", 'caller = ["a"]\n[agent]'), "caller[0]: must be a table, got text"),
    "negative time": (
        CALLER.join([FAKES, '[[caller]]\nwords="a"\nafter_previous_s=-1']),
        "caller[1].after_previous_s: ",
    ),
    "time that is none": (
        step('words = "a"\nat_s = nan'),
        "caller[0].at_s: must be a finite number of seconds, got nan",
    ),
    "time after the end": (step('words = "a"\nat_s = 700'), "caller[0].at_s: must not be after max_s (600), got 700"),
    "no time": (step('words = "a"'), "caller[0]: must have exactly one of at_s, "),
    "two times": (step('words = "a"\nat_s = 1\nafter_quiet_s = 1'), "caller[0]: must have exactly one of at_s, "),
    "nothing done": (step("at_s = 1"), "caller[0]: must have exactly one of audio, words, noise and hang_up"),
    "two things done": (step('words = "a"\nhang_up = true\nat_s = 1'), "caller[0]: must have exactly one of audio, "),
    "no words": (step('words = " "\nat_s = 1'), "caller[0].words: must hold a word"),
    "words for a real stt": (
        FAKES.replace('stt = { provider = "fake" }', "") + CALLER,
        'caller[0].words: only stt "fake" understands them',
    ),
    "reply counted from 0": (
        step('words = "a"\nafter_agent_stops_s = 1\nreply = 0'),
        "caller[0].reply: counts from 1, got 0",
    ),
    "reply to no agent": (step('words = "a"\nat_s = 1\nreply = 1'), "caller[0].reply: only means something beside "),
    "step after hanging up": (step("hang_up = true\nat_s = 1") + CALLER, "caller[1]: the caller has hung up before it"),
    "hanging up loudly": (
        step("hang_up = true\nat_s = 1\ngain_db = 6"),
        "caller[0].gain_db: means nothing for hang_up",
    ),
    "label of a noise": (
        step('words = "a"\nat_s = 1\nspeech = false\nspeech_starts_s = 0.1'),
        "caller[0].speech_starts_s: means nothing beside speech = false",
    ),
    "label after the end": (
        step('words = "a"\nat_s = 1\nspeech_starts_s = 9'),
        "caller[0].speech_starts_s: must lie inside the sound, which lasts ",
    ),
    "deafening": (step('words = "a"\nat_s = 1\ngain_db = 99'), "caller[0].gain_db: must be from -100 to 60, got 99"),
    "frames of no samples": (
        FAKES.replace("[agent]", "frame_ms = 0\n[agent]") + CALLER,
        "frame_ms: must be from 1 to ",
    ),
    "frames of half samples": (
        FAKES.replace("[agent]", "frame_ms = 10.01\n[agent]") + CALLER,
        "frame_ms: must be from 1 to 1000 and a whole number of samples, got 10.01",
    ),
    "no time at all": (FAKES.replace("[agent]", "max_s = 0\n[agent]") + CALLER, "max_s: must be positive, got 0"),
    "key in the file": (
        FAKES.replace("rules = []", 'model = "m", api_key = "k"').replace('"scripted"', '"openai"') + CALLER,
        "agent.llm.api_key: a secret does not belong in a file",
    ),
    "key not in the environment": (
        FAKES.replace('rules = [], fallback = "Sure."', 'model = "m", api_key_env = "NOT_SET_ANYWHERE"').replace(
            '"scripted"', '"openai"'
        )
        + CALLER,
        "agent.llm.api_key_env: the environment variable NOT_SET_ANYWHERE is not set",
    ),
    "two policies": (
        FAKES + 'interruption = { policy = { kind = "words" }, min_words = 2 }' + CALLER,
        "agent.interruption.min_words: is a policy, and so is agent.interruption.policy; only one can be given",
    ),
    "policy of one wrong number": (
        FAKES + "interruption.phases.thinking.min_confidence = 2" + CALLER,
        "agent.interruption.phases.thinking.min_confidence: must be between 0 and 1, got 2",
    ),
    "missing recording": (step('audio = "no.wav"\nat_s = 1'), "caller[0].audio: "),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_in_one_line_that_names_file_and_key(
    load: Load, tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises((ConfigError, AudioError)) as caught:
        load(text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'call.toml'}: {complaint}")
    assert "\n" not in message


def test_a_missing_file_and_a_folder_are_no_scenarios(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml: there is no such file$"):
        load_scenario(tmp_path / "no.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_scenario(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"not audio", b"RIFF\x24\x00\x00\x00WAVE"], ids=["empty", "text", "cut short"]
)
def test_a_broken_recording_is_named(load: Load, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"call\.toml: caller\[0\]\.audio: .*broken\.wav: "):
        load(step('audio = "broken.wav"\nat_s = 1'))


def test_a_recording_without_a_sample_is_none(load: Load, tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.float32), CLOCK_HZ)
    with pytest.raises(AudioError, match=r"caller\[0\]\.audio: .*empty\.wav"):
        load(step('audio = "empty.wav"\nat_s = 1'))


def test_a_recording_may_have_any_rate_and_channels_and_lies_beside_the_scenario(load: Load, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    tone = np.sin(np.arange(4000) * 0.3).astype(np.float32) * 0.5
    soundfile.write(tmp_path / "audio/tone.flac", np.stack([tone, tone], axis=1), 8000)
    scenario = load(step('audio = "audio/tone.flac"\nat_s = 1'))
    assert len(play(scenario, 0).audio) == 8000
    assert play(scenario, 0).name == "audio/tone.flac"


def test_a_label_is_a_sample_and_a_noise_has_none(load: Load) -> None:
    labelled = load(step('words = "a b c"\nat_s = 1\nspeech_starts_s = 0.0625'))
    noise = load(step('words = "a b c"\nat_s = 1\nspeech = false'))
    assert (play(labelled, 0).speech_start, play(noise, 0).speech_start) == (1000, None)


def test_gain_is_in_decibels(load: Load) -> None:
    plain = play(load(step('words = "a"\nat_s = 1')), 0).audio
    softer = play(load(step('words = "a"\nat_s = 1\ngain_db = -20')), 0).audio
    assert np.array_equal(softer, plain * np.float32(0.1))


def test_the_key_of_a_server_comes_from_the_environment(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "very-secret")
    llm = 'llm = { provider = "openai", model = "m", base_url = "http://localhost:9/v1", api_key_env = "MY_KEY" }'
    scenario = load(FAKES[: FAKES.index("llm")] + llm + CALLER)
    assert isinstance(scenario.agent.llm, OpenAIChatLLM)
    assert scenario.servers == ("agent.llm",)
    with pytest.raises(ConfigError, match=r"agent\.llm: a server knows no virtual time"):
        scenario.run()


def test_the_caller_hangs_up_some_seconds_after_the_last_sound(load: Load) -> None:
    call = load(FAKES.replace("[agent]", "hang_up_after_s = 2\n[agent]") + CALLER).run()
    last = int(np.flatnonzero(call.agent)[-1])
    assert [type(placed.step) for placed in call.placed] == [Play, HangUp]
    assert 0 <= call.placed[-1].start - (last + 2 * CLOCK_HZ) <= CLOCK_HZ // 10
    assert abs(len(call.user) - call.placed[-1].start) <= 320


def test_a_caller_who_is_interrupted_by_nobody_waits_for_the_whole_answer(load: Load) -> None:
    barge_in = '[[caller]]\nwords = "wait please stop"\nafter_agent_starts_s = 0.5'
    long = FAKES.replace("Sure.", "Your order is two lattes and a large mocha with oat milk.")
    call = load(f"{long}{CALLER}{barge_in}").run()
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted", "completed"]
    assert broken_promises(call) == []


def test_a_call_ends_though_nobody_ever_answers(load: Load) -> None:
    call = load(step('words = "a"\nat_s = 0.5\ngain_db = -100')).run()
    assert call.turns == []
    assert len(call.user) < 5 * CLOCK_HZ


def test_a_call_can_be_held_with_an_agent_of_ones_own(load: Load) -> None:
    scenario = load(FAKES + CALLER)
    other = replace(AGENT, llm=ScriptedLLM([], fallback="Somebody else speaks."))
    call = scenario.run(other)
    assert [turn.outcome for turn in call.turns][:1] == [Completed("Somebody else speaks.")]
    assert call.turns[0].text == scenario.run().turns[0].text


def test_a_scenario_comes_out_the_same_each_time(load: Load) -> None:
    scenario = load(FAKES + CALLER)
    calls = [scenario.run(seed=seed) for seed in (1, 1, 2)]
    assert calls[0].jsonl() == calls[1].jsonl()
    assert calls[0].agent.tobytes() == calls[1].agent.tobytes() == calls[2].agent.tobytes()
