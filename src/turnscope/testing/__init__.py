"""IN YOUR TESTS: what the pytest plugin does, which `pytest_turnscope` loads when a test asks for it.

And conversations as values, for property tests: `turnscope.testing.strategies` draws them by Hypothesis.
"""

from turnscope.testing._planned_call import PlannedCall
from turnscope.testing._simulate import Simulate
from turnscope.testing._slow_tool import slow_tool
from turnscope.testing._sounds import Noise, Recording, Sound, Utterance

__all__ = ["Noise", "PlannedCall", "Recording", "Simulate", "Sound", "Utterance", "slow_tool"]
