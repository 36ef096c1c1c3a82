"""What other policies would have made of a corpus: each clip is played once, and every policy judges what was known.

A policy is a pure function of the evidence, so it can be asked afterwards. While a clip is played for it, nobody
decides. What follows a decision is not modelled: of each challenger, the first confirmation counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from turnscope.core import (
    CLOCK_HZ,
    DetectorPolicy,
    Evidence,
    InterruptionPolicy,
    MinSpeech,
    Ruling,
    Verdict,
    WordsPolicy,
)
from turnscope.observe import Latency, PerMinute, Rate, latency_of
from turnscope.sim._corpus import Clip

__all__ = ["POLICIES", "FrontierPoint", "Observed", "Observing", "frontier"]

POLICIES: Mapping[str, InterruptionPolicy] = MappingProxyType(
    {
        "0.3 s of speech": MinSpeech(0.3),
        "0.6 s of speech": MinSpeech(0.6),
        "words, in one transcript": WordsPolicy(transcripts=1),
        "words, in two transcripts": WordsPolicy(),
        "detector at 0.5": DetectorPolicy(confirm_at=0.5),
        "detector at 0.7": DetectorPolicy(confirm_at=0.7),
        "detector at 0.8 (default)": DetectorPolicy(),
        "detector at 0.9": DetectorPolicy(confirm_at=0.9),
        "detector at 0.95": DetectorPolicy(confirm_at=0.95),
        "detector at 0.8, doubts below 0.1": DetectorPolicy(doubt_at=0.1),
        "detector at 0.8, doubts below 0.5": DetectorPolicy(doubt_at=0.5),
        "detector at 0.8, nods as all": DetectorPolicy(nod_confirm_at=0.8),
    }
)
"""A small grid of policies, by what they are called."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was known of a clip, moment by moment.

    Attributes:
        clip: The clip.
        onset: Sample of the session's clock at which its label begins.
        duration_s: How long it was listened to, from there on.
        evidence: All that a policy was asked about.
    """

    clip: Clip
    onset: int
    duration_s: float
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class Observing:
    """A policy that keeps what it is asked about and never decides."""

    seen: list[Evidence] = field(default_factory=list)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `turnscope.core.InterruptionPolicy.judge`."""
        self.seen.append(evidence)
        return Ruling(Verdict.WAIT, "observing")


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """What one policy would have made of a corpus.

    Attributes:
        name: The policy's.
        yielded_to: Interruptions that it would have confirmed.
        onset_to_decision: When.
        talked_through: Backchannels that it would not have confirmed.
        noise_stops: How often it would have confirmed a noise.
    """

    name: str
    yielded_to: Rate
    onset_to_decision: Latency
    talked_through: Rate
    noise_stops: PerMinute


def frontier(
    observed: Iterable[Observed], policies: Mapping[str, InterruptionPolicy] = POLICIES
) -> tuple[FrontierPoint, ...]:
    """What each of `policies` would have made of what was observed."""
    clips = list(observed)
    return tuple(_point(name, policy, clips) for name, policy in policies.items())


def _point(name: str, policy: InterruptionPolicy, observed: Sequence[Observed]) -> FrontierPoint:
    confirmed = [(each, list(_confirmations(policy, each.evidence))) for each in observed]
    spoken = {
        label: [(each, times) for each, times in confirmed if each.clip.label == label]
        for label in ("interruption", "backchannel", "noise")
    }
    late = [
        (min(times) - each.onset) / CLOCK_HZ
        for each, times in spoken["interruption"]
        if times and min(times) >= each.onset - CLOCK_HZ // 10
    ]
    minutes = sum(each.duration_s for each, _ in spoken["noise"]) / 60
    return FrontierPoint(
        name,
        Rate(len(late), len(spoken["interruption"])),
        latency_of(late),
        Rate(sum(not times for _, times in spoken["backchannel"]), len(spoken["backchannel"])),
        PerMinute(sum(len(times) for _, times in spoken["noise"]), minutes),
    )


def _confirmations(policy: InterruptionPolicy, evidence: Sequence[Evidence]) -> Iterator[int]:
    """When the policy would have confirmed, at most once for each challenger."""
    done: set[int] = set()
    for index, known in enumerate(evidence):
        if known.onset in done:
            continue
        following = evidence[index + 1] if index + 1 < len(evidence) else None
        at = _confirms(policy, known, following)
        if at is not None:
            done.add(known.onset)
            yield at


def _confirms(policy: InterruptionPolicy, known: Evidence, following: Evidence | None) -> int | None:
    """When the policy confirms by what is known, be it because time goes by until more is known."""
    ruling = policy.judge(known)
    while ruling.verdict is Verdict.WAIT and ruling.review_at is not None:
        at = ruling.review_at
        if at <= known.sample or following is None or at >= following.sample:
            break
        known = replace(known, sample=at)
        ruling = policy.judge(known)
    return known.sample if ruling.verdict is Verdict.CONFIRM else None
