"""OWNS TASKS: runtime, sessions, ears, watcher, turns, attempts, the playout gate."""

from turnscope.session._agent import Agent
from turnscope.session._blame import outermost_error
from turnscope.session._bus import Record, Sink
from turnscope.session._handles import SpeechHandle, TurnSource
from turnscope.session._hooks import Hook, HookHandle
from turnscope.session._lexicon import load_lexicon
from turnscope.session._opening import open_session
from turnscope.session._runtime import Runtime, ThreadCompute, open_runtime
from turnscope.session._session import Session
from turnscope.session._tasks import tasks_below
from turnscope.session._tool import OnInterruption, Tool, tool
from turnscope.session._tool_context import ToolContext
from turnscope.session._zombies import unblock

__all__ = [
    "Agent",
    "Hook",
    "HookHandle",
    "OnInterruption",
    "Record",
    "Runtime",
    "Session",
    "Sink",
    "SpeechHandle",
    "ThreadCompute",
    "Tool",
    "ToolContext",
    "TurnSource",
    "load_lexicon",
    "open_runtime",
    "open_session",
    "outermost_error",
    "tasks_below",
    "tool",
    "unblock",
]
