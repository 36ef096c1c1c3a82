"""Policies made of policies. A ruling that waits is asked for again as soon as one of them wants to be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._evidence import Evidence, InterruptionPolicy, Ruling, Verdict

__all__ = ["AllConfirm", "AnyConfirms", "FirstDecides", "Veto"]


def _check_policies(policies: Sequence[InterruptionPolicy]) -> None:
    if not policies:
        raise ConfigError("policies must hold one at least")


def _together(verdict: Verdict, rulings: Iterable[Ruling], joint: str) -> Ruling:
    """One ruling of several that say the same, or that wait for each other."""
    rulings = list(rulings)
    evidence = dict.fromkeys(ruling.evidence for ruling in rulings if ruling.verdict is verdict)
    times = [ruling.review_at for ruling in rulings if ruling.review_at is not None]
    return Ruling(verdict, joint.join(evidence), min(times, default=None) if verdict is Verdict.WAIT else None)


def _poll(
    policies: Sequence[InterruptionPolicy], evidence: Evidence, one_is_enough: Verdict, all_needed: Verdict
) -> Ruling:
    """Ask all: the first that says `one_is_enough` decides; `all_needed` is what they have to agree on."""
    rulings = [policy.judge(evidence) for policy in policies]
    alone = next((ruling for ruling in rulings if ruling.verdict is one_is_enough), None)
    if alone is not None:
        return alone
    waiting = any(ruling.verdict is Verdict.WAIT for ruling in rulings)
    return _together(Verdict.WAIT if waiting else all_needed, rulings, " and ")


@dataclass(frozen=True, slots=True)
class FirstDecides:
    """The first of several policies that does not wait decides.

    Attributes:
        policies: In the order in which they are asked.
    """

    policies: Sequence[InterruptionPolicy]

    def __post_init__(self) -> None:
        _check_policies(self.policies)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        waiting: list[Ruling] = []
        for policy in self.policies:
            ruling = policy.judge(evidence)
            if ruling.verdict is not Verdict.WAIT:
                return ruling
            waiting.append(ruling)
        return _together(Verdict.WAIT, waiting, "; ")


@dataclass(frozen=True, slots=True)
class AllConfirm:
    """It is an interruption when all policies say so, and none as soon as one says that.

    Attributes:
        policies: All are asked.
    """

    policies: Sequence[InterruptionPolicy]

    def __post_init__(self) -> None:
        _check_policies(self.policies)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        return _poll(self.policies, evidence, Verdict.DISMISS, Verdict.CONFIRM)


@dataclass(frozen=True, slots=True)
class AnyConfirms:
    """It is an interruption as soon as one policy says so, and none when all say that.

    Attributes:
        policies: All are asked.
    """

    policies: Sequence[InterruptionPolicy]

    def __post_init__(self) -> None:
        _check_policies(self.policies)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        return _poll(self.policies, evidence, Verdict.CONFIRM, Verdict.DISMISS)


@dataclass(frozen=True, slots=True)
class Veto:
    """One policy decides, unless another says that it is no interruption.

    Attributes:
        veto: Only what it dismisses counts, and it is asked first.
        policy: Decides everything else.
    """

    veto: InterruptionPolicy
    policy: InterruptionPolicy

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        objection = self.veto.judge(evidence)
        if objection.verdict is Verdict.DISMISS:
            return objection
        ruling = self.policy.judge(evidence)
        if ruling.verdict is not Verdict.WAIT:
            return ruling
        times = [each.review_at for each in (objection, ruling) if each.review_at is not None]
        return Ruling(Verdict.WAIT, ruling.evidence, min(times, default=None))
