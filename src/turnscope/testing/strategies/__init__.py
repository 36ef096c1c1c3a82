"""CONVERSATIONS FOR PROPERTY TESTS: strategies of Hypothesis, which is an extra: ``turnscope[hypothesis]``.

Nothing else of Turnscope imports this, so that Hypothesis is needed here only.
"""

from turnscope._errors import ConfigError

try:
    import hypothesis as _hypothesis
except ImportError as _error:
    raise ConfigError('strategies: Hypothesis is not installed: pip install "turnscope[hypothesis]"') from _error

from turnscope.testing.strategies._agents import agents, fake_llms, fake_stts, fake_ttss, slow_tools
from turnscope.testing.strategies._conversations import conversations
from turnscope.testing.strategies._faulty import faulty
from turnscope.testing.strategies._lines import lines
from turnscope.testing.strategies._scripts import moments, scripts
from turnscope.testing.strategies._settings import call_settings
from turnscope.testing.strategies._sounds import backchannels, coughs, noises, utterances

__all__ = [
    "agents",
    "backchannels",
    "call_settings",
    "conversations",
    "coughs",
    "fake_llms",
    "fake_stts",
    "fake_ttss",
    "faulty",
    "lines",
    "moments",
    "noises",
    "scripts",
    "slow_tools",
    "utterances",
]

del _hypothesis
