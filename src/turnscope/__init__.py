"""A Trio-native framework for voice agents that can be interrupted."""
