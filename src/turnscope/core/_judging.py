"""Asks a policy, which may be anybody's code, and survives what it does."""

from turnscope.core._evidence import Evidence, InterruptionPolicy, Ruling
from turnscope.core._policies import WordsPolicy

__all__ = ["judge_safely"]

_FALLBACK = WordsPolicy()
"""Judges where the session's own policy cannot: a caller must be able to interrupt an agent with a broken policy."""


def judge_safely(policy: InterruptionPolicy, evidence: Evidence) -> tuple[Ruling, str]:
    """The policy's ruling and an empty string, or the default policy's and what the policy did wrong."""
    try:
        ruling = policy.judge(evidence)
    except Exception as error:
        complaint = f"{type(error).__name__}: {error}{_place(error)}"
    else:
        if isinstance(ruling, Ruling):
            return ruling, ""
        complaint = f"judge() must return a Ruling, got {type(ruling).__name__}"
    return _FALLBACK.judge(evidence), complaint


def _place(error: Exception) -> str:
    """Where it was raised."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" (in {trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place
