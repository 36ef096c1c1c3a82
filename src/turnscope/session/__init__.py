"""OWNS TASKS: runtime, sessions, ears, watcher, turns, attempts, the playout gate."""

from turnscope.session._agent import Agent
from turnscope.session._blame import outermost_error
from turnscope.session._bus import Record, Sink
from turnscope.session._handles import SpeechHandle, TurnSource
from turnscope.session._hooks import Hook, HookHandle
from turnscope.session._lexicon import load_lexicon
from turnscope.session._opening import open_session
from turnscope.session._parts import DrivingClock, Pace, Part
from turnscope.session._runtime import Runtime, ThreadCompute, open_runtime
from turnscope.session._session import Session
from turnscope.session._tap import (
    AgentKnown,
    AudioHeard,
    Decision,
    Fact,
    FrameCleared,
    FrameReceived,
    FrameSent,
    Given,
    Opening,
    StreamClosed,
    StreamGave,
    StreamKind,
    StreamOpened,
    StreamTook,
    Tap,
    WindowJudged,
)
from turnscope.session._tasks import tasks_below
from turnscope.session._tool import OnInterruption, Tool, tool
from turnscope.session._tool_context import ToolContext
from turnscope.session._zombies import unblock

__all__ = [
    "Agent",
    "AgentKnown",
    "AudioHeard",
    "Decision",
    "DrivingClock",
    "Fact",
    "FrameCleared",
    "FrameReceived",
    "FrameSent",
    "Given",
    "Hook",
    "HookHandle",
    "OnInterruption",
    "Opening",
    "Pace",
    "Part",
    "Record",
    "Runtime",
    "Session",
    "Sink",
    "SpeechHandle",
    "StreamClosed",
    "StreamGave",
    "StreamKind",
    "StreamOpened",
    "StreamTook",
    "Tap",
    "ThreadCompute",
    "Tool",
    "ToolContext",
    "TurnSource",
    "WindowJudged",
    "load_lexicon",
    "open_runtime",
    "open_session",
    "outermost_error",
    "tasks_below",
    "tool",
    "unblock",
]
