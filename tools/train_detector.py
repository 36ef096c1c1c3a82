"""Trains the network that tells interruptions from nods and noises, and writes the weights that the package ships.

How the shipped ones were made, `recordings` being those of the page "Evaluation" in the documentation that are for
training::

    turnscope corpus out/corpus --clips 3000 --seed 1 --voices piper,flite,espeak-ng
    python tools/train_detector.py recordings out/corpus --cache out/looks --out weights.npz

Takes any number of corpora (`turnscope.sim.load_corpus`) and fits on their splits ``train`` and ``dev``, never on
``test``. Each clip is heard as a session would hear it: voice activity detection finds the onset, and from there on
the growing window is looked at.

The network: the numbers that `Glancer.features` gives, a layer of 32 rectified units, three classes; cross-entropy over
all looks, each stretch of sound with the same weight and each class with the same sum; weight decay, dropout of inputs
and units (N. Srivastava et al., "Dropout", JMLR 15, 2014), Adam (D. Kingma and J. Ba, 2015). Several networks are
trained from different seeds and their outputs averaged: as one wide network, whose layers are theirs side by side.
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from turnscope.core import BARGE_IN_EDGES, CLOCK_HZ, Samples, SpeechBegan, SpeechEdges
from turnscope.providers import SileroVAD
from turnscope.providers._whisper_decode import load_whisper
from turnscope.providers._whisper_detector import FIRST_S, LAST_S, LEAD_S, STEP_S
from turnscope.providers._whisper_glance import CLASSES, Glancer
from turnscope.sim import Clip, load_corpus
from turnscope.transports import read_audio

HIDDEN = 32
MEMBERS = 4
EPOCHS = 30
DECAY = 2e-3
DROP = 0.2
BATCH = 128
RATE = 3e-3

MOST_ONSETS = 8
"""Of a noise that the detector of speech takes for speech, so many onsets are used."""

TOLERANCE_S = 0.4
"""An onset so far from the labelled one is not that of the labelled speech."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What was seen of one stretch of sound: features of shape ``(looks, size)``, and its class."""

    features: Array
    target: int


# Looking


def stretches(samples: Samples, vad: SileroVAD) -> Iterator[tuple[int, int]]:
    """Where speech was noticed: the onset, and where it was over."""
    stream, edges = vad.open_stream(), SpeechEdges(BARGE_IN_EDGES)
    onset: int | None = None
    for start in range(0, len(samples) - vad.window_samples + 1, vad.window_samples):
        stop = start + vad.window_samples
        edge = edges.receive(stream.process(samples[start:stop]), start, stop)
        if isinstance(edge, SpeechBegan):
            onset = edge.onset
        elif edge is not None and onset is not None:
            yield onset, edge.confirmed_at
            onset = None
    if onset is not None:
        yield onset, len(samples)


def wanted(clip: Clip, found: Sequence[tuple[int, int]], samples: Samples) -> list[tuple[int, int]]:
    """The stretches that the label is about. Of a noise that is not taken for speech, its loudest second is."""
    if clip.label == "noise":
        return list(found[:MOST_ONSETS]) or [_loudest(samples)]
    near = [each for each in found if abs(each[0] / CLOCK_HZ - clip.onset_s) <= TOLERANCE_S]
    if not near:
        return []
    end = near[0][1] if clip.end_s is None else round((clip.end_s + 0.25) * CLOCK_HZ)
    return [(near[0][0], min(max(stop for _, stop in near), end))]


def _loudest(samples: Samples) -> tuple[int, int]:
    tenth = CLOCK_HZ // 10
    power = np.square(samples[: len(samples) // tenth * tenth], dtype=np.float64).reshape(-1, tenth).mean(axis=1)
    onset = int(power.argmax()) * tenth
    return onset, min(onset + CLOCK_HZ, len(samples))


def look_at(clip: Clip, folder: Path, glancer: Glancer, vad: SileroVAD, stride: int) -> list[Looks]:
    """All looks at a clip; every `stride`-th of those that a session would take."""
    samples = read_audio(folder / clip.path, CLOCK_HZ)
    quiet = np.random.default_rng(0).normal(0, 3e-4, CLOCK_HZ // 2)  # that speech at the very beginning has an onset
    samples = np.concatenate([quiet, samples, quiet[: CLOCK_HZ // 4]]).astype(np.float32)
    found = [(a - len(quiet), b - len(quiet)) for a, b in stretches(samples, vad)]
    looks: list[Looks] = []
    for onset, stop in wanted(clip, found, samples[len(quiet) :]):
        begin = max(0, onset + len(quiet) - round(LEAD_S * CLOCK_HZ))
        rows = [
            glancer.features(samples[begin : until + len(quiet)], (until - onset) / CLOCK_HZ)
            for until in range(
                onset + round(FIRST_S * CLOCK_HZ),
                min(stop, onset + round(LAST_S * CLOCK_HZ)),
                stride * round(STEP_S * CLOCK_HZ),
            )
        ]
        kept = [row for row in rows if row is not None]
        if kept:
            looks.append(Looks(np.stack(kept), CLASSES.index(clip.label)))
    return looks


def looks_of(folder: Path, splits: Sequence[str], cache: Path, stride: int) -> list[Looks]:
    """The looks at a corpus, kept in a file for each label."""
    return [each for label in CLASSES for each in _looks_of_label(folder, label, splits, cache, stride)]


def _looks_of_label(folder: Path, label: str, splits: Sequence[str], cache: Path, stride: int) -> list[Looks]:
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.blake2b(f"{folder.resolve()} {sorted(splits)} {stride}".encode(), digest_size=8).hexdigest()
    path = cache / f"{folder.name}-{label}-{key}.npz"
    target = CLASSES.index(label)
    if path.exists():
        with np.load(path) as file:
            return [Looks(part, target) for part in np.split(file["features"], np.cumsum(file["lengths"])[:-1])]
    glancer, vad = Glancer(load_whisper(None, "en"), None), SileroVAD()
    looks: list[Looks] = []
    clips = [clip for clip in load_corpus(folder) if clip.split in splits and clip.label == label]
    for number, clip in enumerate(clips):
        looks += look_at(clip, folder, glancer, vad, stride)
        if number % 100 == 0:
            print(f"{folder.name}: {label}: {number} of {len(clips)} clips", flush=True)
    np.savez(
        path,
        features=np.concatenate([each.features for each in looks]).astype(np.float16),
        lengths=[len(each.features) for each in looks],
    )
    return looks


# Fitting


def fit(looks: Sequence[Looks], seed: int) -> dict[str, Array]:
    """One network."""
    features = np.concatenate([each.features for each in looks]).astype(np.float32)
    targets = np.concatenate([np.full(len(each.features), each.target) for each in looks])
    weights = np.concatenate([np.full(len(each.features), 1 / len(each.features)) for each in looks])
    for target in range(len(CLASSES)):
        weights[targets == target] /= max(float(weights[targets == target].sum()), 1e-9)
    weights *= len(weights) / weights.sum()
    mean, scale = features.mean(axis=0), 1 / (features.std(axis=0) + 1e-4)
    seen = np.clip((features - mean) * scale, -6, 6).astype(np.float32)
    rng = np.random.default_rng(seed)
    size = seen.shape[1]
    w = {
        "w1": rng.normal(0, size**-0.5, (size, HIDDEN)),
        "b1": np.zeros(HIDDEN),
        "w2": rng.normal(0, HIDDEN**-0.5, (HIDDEN, len(CLASSES))),
        "b2": np.zeros(len(CLASSES)),
    }
    first = {name: np.zeros_like(value) for name, value in w.items()}
    second = {name: np.zeros_like(value) for name, value in w.items()}
    step = 0
    for epoch in range(EPOCHS):
        rate = RATE * (1 - epoch / EPOCHS) + 1e-5
        for batch in np.array_split(rng.permutation(len(seen)), max(1, len(seen) // BATCH)):
            step += 1
            slopes = _slopes(w, seen[batch], targets[batch], weights[batch], rng)
            for name, slope in slopes.items():
                first[name] = 0.9 * first[name] + 0.1 * slope
                second[name] = 0.999 * second[name] + 0.001 * slope**2
                grown = np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8
                w[name] = w[name] - rate * first[name] / (1 - 0.9**step) / grown
    return {"mean": mean, "scale": scale, **{name: value.astype(np.float32) for name, value in w.items()}}


def _slopes(
    w: dict[str, npt.NDArray[np.float64]],
    seen: Array,
    targets: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[np.float64]]:
    """The gradient of the loss over one batch."""
    shown = seen * (rng.random(seen.shape) > DROP) / (1 - DROP)
    alive = (rng.random((len(seen), HIDDEN)) > DROP) / (1 - DROP)
    hidden = np.maximum(shown @ w["w1"] + w["b1"], 0) * alive
    raw = hidden @ w["w2"] + w["b2"]
    shares = np.exp(raw - raw.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    shares[np.arange(len(seen)), targets] -= 1
    error = shares * weights[:, np.newaxis] / len(seen)
    back = (error @ w["w2"].T) * (hidden > 0) * alive
    return {
        "w1": shown.T @ back + DECAY * w["w1"],
        "b1": back.sum(axis=0),
        "w2": hidden.T @ error + DECAY * w["w2"],
        "b2": error.sum(axis=0),
    }


def joined(members: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Several networks as one, whose outputs are the means of theirs."""
    return {
        "mean": members[0]["mean"],
        "scale": members[0]["scale"],
        "w1": np.concatenate([member["w1"] for member in members], axis=1),
        "b1": np.concatenate([member["b1"] for member in members]),
        "w2": np.concatenate([member["w2"] for member in members]) / np.float32(len(members)),
        "b2": np.mean([member["b2"] for member in members], axis=0),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", metavar="CORPUS", type=Path, nargs="+", help="folders with a manifest.jsonl")
    parser.add_argument("--cache", metavar="DIR", type=Path, required=True, help="where what was seen is kept")
    parser.add_argument("--out", metavar="FILE.npz", type=Path, required=True, help="where the weights go")
    parser.add_argument("--stride", metavar="N", type=int, default=2, help="take every N-th look (default: 2)")
    options = parser.parse_args()
    looks = [each for c in options.corpora for each in looks_of(c, ("train", "dev"), options.cache, options.stride)]
    for target, name in enumerate(CLASSES):
        print(f"{name}: {sum(each.target == target for each in looks)} stretches of sound")
    weights = joined([fit(looks, seed) for seed in range(MEMBERS)])
    np.savez_compressed(options.out, **{name: value.astype(np.float16) for name, value in weights.items()})  # type: ignore[arg-type]
    print(f"{options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
