"""Makes a corpus out of synthesized voices, synthesized noises and synthesized rooms, the same from the same seed.

Speakers, rooms and noises are shared out among the splits before anything is mixed: no clip of the test has a speaker,
a room or a noise that a clip for training or choosing has.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples, db_to_gain
from turnscope.sim._corpus import Clip, Label, Split, write_manifest
from turnscope.sim._corpus_noise import NOISES, hum, noise
from turnscope.sim._corpus_rooms import ROOMS, echo_path, in_room, level_db, mixed
from turnscope.sim._corpus_texts import BACKCHANNEL_TEXTS, HUMS, SENTENCES, WORDS
from turnscope.sim._corpus_voices import SHARES, Speaker, find_speakers, part
from turnscope.transports import write_wav

__all__ = ["make_corpus"]

SHARE_OF_LABEL: dict[Label, float] = {"interruption": 0.5, "backchannel": 0.25, "noise": 0.21, "echo": 0.04}

SNRS_DB: tuple[float | None, ...] = (None, None, 20.0, 15.0, 10.0, 5.0)
VARIANTS = 5
"""Members of each family of noises."""

BEFORE_S, AFTER_S = 0.4, 0.5
NOISE_S = 8.0
HISS_DB = -70.0
"""A microphone is never silent."""

BACKGROUNDS = ("fan", "street", "music", "keys", "water", "babble")
"""What speech can be said over. The others come and go, and would be heard before it."""

Progress = Callable[[int, int], None]


def make_corpus(
    folder: Path,
    *,
    clips: int = 1000,
    seed: int = 0,
    engines: Sequence[str] = ("piper",),
    progress: Progress = lambda done, total: None,
) -> tuple[Clip, ...]:
    """Make a corpus in `folder`: WAV files and a manifest. The same arguments and voices give the same files.

    Args:
        folder: Where to; it is made if need be, and must hold no corpus.
        clips: About how many.
        seed: Another seed is another corpus of the same speakers, rooms and noises.
        engines: Who speaks: see `turnscope.sim.ENGINES`.
        progress: Called after each clip with how many are done, and how many there will be.

    Raises:
        ConfigError: An argument is wrong, a synthesizer is not installed, or there is a corpus already.
    """
    if not 10 <= clips <= 1_000_000:
        raise ConfigError(f"clips: must be between 10 and 1000000, got {clips}")
    if (folder / "manifest.jsonl").exists():
        raise ConfigError(f"{folder}: there is a corpus already")
    folder.mkdir(parents=True, exist_ok=True)
    plan = _plan(clips)
    cast = _Cast(find_speakers(engines))
    made: list[Clip] = []
    for number, (split, label) in enumerate(plan):
        rng = _rng(seed, split, label, number)
        clip, samples = _MAKERS[label](cast, split, rng, f"{split}-{label}-{number:05d}.wav")
        write_wav(folder / clip.path, samples, CLOCK_HZ)
        made.append(clip)
        progress(number + 1, len(plan))
    write_manifest(folder, made)
    return tuple(made)


def _plan(clips: int) -> list[tuple[Split, Label]]:
    return [
        (split, label)
        for split, share in SHARES.items()
        for label, part_of_it in SHARE_OF_LABEL.items()
        for _ in range(max(1, round(clips * share * part_of_it)))
    ]


def _rng(*names: object) -> np.random.Generator:
    digest = hashlib.blake2b("/".join(map(str, names)).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


class _Cast:
    """Who and what there is, for each split."""

    def __init__(self, speakers: Sequence[Speaker]) -> None:
        families = sorted({speaker.name.split("-")[0] for speaker in speakers})
        splits: dict[str, Split] = {}
        for family in families:  # each by itself, so that another engine moves nobody to another split
            splits |= part(s.name for s in speakers if s.name.split("-")[0] == family)
        self._speakers = {split: [s for s in speakers if splits[s.name] == split] for split in SHARES}
        rooms = part(ROOMS)
        self._rooms = {split: [room for room in ROOMS if rooms[room] == split] for split in SHARES}
        self._noises: dict[tuple[Split, str], list[str]] = {}
        for kind in NOISES:
            members = part(f"{kind}-{k}" for k in range(1, VARIANTS + 1))
            for split in SHARES:
                self._noises[split, kind] = sorted(name for name in members if members[name] == split)

    def speaker(self, split: Split, rng: np.random.Generator) -> Speaker:
        return self._speakers[split][rng.integers(len(self._speakers[split]))]

    def room(self, split: Split, rng: np.random.Generator) -> str:
        return self._rooms[split][rng.integers(len(self._rooms[split]))]

    def noise(self, split: Split, kind: str, rng: np.random.Generator, duration_s: float) -> tuple[str, Samples]:
        """A noise of a kind, and its name, which says from which seed its character comes."""
        if kind == "babble":
            return f"babble-{split}", self._babble(split, rng, duration_s)
        names = self._noises[split, kind]
        name = names[rng.integers(len(names))]
        return name, noise(kind, _rng(name, rng.integers(1 << 16)), duration_s)

    def _babble(self, split: Split, rng: np.random.Generator, duration_s: float) -> Samples:
        """Several people who talk to one another, somewhere behind."""
        crowd = np.zeros(round(duration_s * CLOCK_HZ), np.float32)
        for _ in range(int(rng.integers(3, 7))):
            who, at = self.speaker(split, rng), -int(rng.integers(CLOCK_HZ))
            while at < len(crowd):
                said = who.say(str(rng.choice(SENTENCES)), _pace(rng))
                said = said * np.float32(rng.uniform(0.3, 1) / max(float(np.abs(said).max(initial=0.0)), 1e-6))
                begin, piece = max(at, 0), said[max(-at, 0) :]
                crowd[begin : begin + len(piece)] += piece[: len(crowd) - begin]
                at += len(said) + int(rng.integers(CLOCK_HZ // 2))
        room = [room for room in self._rooms[split] if room.startswith("room")]
        return in_room(crowd, room[rng.integers(len(room))])[: len(crowd)]


# The clips


def _pace(rng: np.random.Generator) -> float:
    """In few steps, so that what was synthesized once can be used again."""
    return float(rng.choice([0.9, 1.0, 1.1, 1.2]))


def _interruption(cast: _Cast, split: Split, rng: np.random.Generator, path: str) -> tuple[Clip, Samples]:
    kind = str(rng.choice(["word", "word", "sentence"]))
    text = str(rng.choice(WORDS if kind == "word" else SENTENCES))
    who = cast.speaker(split, rng)
    return _spoken(cast, split, rng, path, "interruption", kind, text, who, who.say(text, _pace(rng)))


def _backchannel(cast: _Cast, split: Split, rng: np.random.Generator, path: str) -> tuple[Clip, Samples]:
    who = cast.speaker(split, rng)
    if rng.random() < 0.35:
        text = str(rng.choice(sorted(HUMS)))
        syllables, breathy = HUMS[text]
        voice = hum(rng, who.pitch_hz, syllables=syllables, breathy=breathy)
        return _spoken(cast, split, rng, path, "backchannel", "hum", text, who, voice)
    text = str(rng.choice(BACKCHANNEL_TEXTS))
    voice = who.say(text, _pace(rng))
    return _spoken(cast, split, rng, path, "backchannel", "word", text, who, voice)


def _spoken(
    cast: _Cast,
    split: Split,
    rng: np.random.Generator,
    path: str,
    label: Label,
    kind: str,
    text: str,
    who: Speaker,
    voice: Samples,
) -> tuple[Clip, Samples]:
    room = cast.room(split, rng)
    quieter_db = rng.uniform(3, 9) if label == "backchannel" else 0.0  # people nod more quietly than they speak up
    heard = _at_level(in_room(voice, room), rng.uniform(-30, -20) - quieter_db)
    start = round(BEFORE_S * CLOCK_HZ)
    length = start + len(heard) + round(AFTER_S * CLOCK_HZ)
    snr_db = SNRS_DB[rng.integers(len(SNRS_DB))]
    if snr_db is None:
        name, samples = "", np.zeros(length, np.float32)
        samples[start : start + len(heard)] = heard
    else:
        name, background = cast.noise(split, str(rng.choice(BACKGROUNDS)), rng, length / CLOCK_HZ)
        samples = mixed(heard, np.resize(background, length), start, snr_db)
    clip = Clip(
        path=path,
        label=label,
        kind=kind,
        text=text,
        onset_s=start / CLOCK_HZ,
        end_s=(start + len(voice)) / CLOCK_HZ,
        speaker=who.name,
        room=room,
        noise=name,
        snr_db=snr_db,
        split=split,
    )
    return clip, _finished(samples, rng)


def _noise(cast: _Cast, split: Split, rng: np.random.Generator, path: str) -> tuple[Clip, Samples]:
    kind = str(rng.choice(["cough", "cough", "cough", "babble", *sorted(NOISES)]))
    name, samples = cast.noise(split, kind, rng, NOISE_S)
    room = cast.room(split, rng)
    heard = _at_level(in_room(samples, room)[: len(samples)], rng.uniform(-38, -22))
    return Clip(path=path, label="noise", kind=kind, room=room, noise=name, split=split), _finished(heard, rng)


def _echo(cast: _Cast, split: Split, rng: np.random.Generator, path: str) -> tuple[Clip, Samples]:
    room = cast.room(split, rng)
    loss_db = float(rng.choice([12, 18, 24, 30]))
    clip = Clip(path=path, label="echo", kind=f"{loss_db:g} dB", room=room, split=split)
    return clip, echo_path(room, loss_db)


def _at_level(samples: Samples, dbfs: float) -> Samples:
    return (samples * np.float32(db_to_gain(dbfs - level_db(samples)))).astype(np.float32)


def _finished(samples: Samples, rng: np.random.Generator) -> Samples:
    hiss = rng.normal(0, db_to_gain(HISS_DB), len(samples))
    return np.clip(samples + hiss, -1, 1).astype(np.float32)


_MAKERS: dict[Label, Callable[[_Cast, Split, np.random.Generator, str], tuple[Clip, Samples]]] = {
    "interruption": _interruption,
    "backchannel": _backchannel,
    "noise": _noise,
    "echo": _echo,
}
