"""IN YOUR TESTS: what the pytest plugin does, which `pytest_turnscope` loads when a test asks for it."""

from turnscope.testing._simulate import Simulate

__all__ = ["Simulate"]
