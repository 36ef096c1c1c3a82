"""OWNS TASKS: runtime, sessions, ears, watcher, turns, attempts, the playout gate."""

from turnscope.session._agent import Agent
from turnscope.session._bus import Record, Sink
from turnscope.session._handles import SayHandle
from turnscope.session._lexicon import load_lexicon
from turnscope.session._runtime import Runtime, ThreadCompute, open_runtime
from turnscope.session._session import Session, open_session
from turnscope.session._zombies import unblock

__all__ = [
    "Agent",
    "Record",
    "Runtime",
    "SayHandle",
    "Session",
    "Sink",
    "ThreadCompute",
    "load_lexicon",
    "open_runtime",
    "open_session",
    "unblock",
]
