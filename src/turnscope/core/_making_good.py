"""Making good: the agent was interrupted by what brought no words. It says the rest, or asks: it is not just silent."""

from turnscope.core._interruption_settings import InterruptionSettings, MakeGood

__all__ = ["remedy"]

_MARKS = " \t\n,.;:!?…)]}—–-\"'”’"
"""Nothing is resumed with these: they end what was heard already."""


def remedy(settings: InterruptionSettings, unheard: str) -> tuple[MakeGood, str]:
    """What the agent does after a false interruption, and what it says.

    Args:
        settings: What it should do.
        unheard: What it had still to say when it was interrupted, as far as it was known.
    """
    text = {"resume": unheard.lstrip(_MARKS), "reprompt": settings.reprompt_text, "nothing": ""}[
        settings.make_good
    ].strip()
    return (settings.make_good, text) if text else ("nothing", "")
