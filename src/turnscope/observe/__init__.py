"""READS EVENTS, never drives: event log, timeline, report, and metrics of recorded calls."""

from turnscope.observe._activity import SCORING_EDGES, bridge_gaps, find_speech, on_ticks
from turnscope.observe._caller_segments import (
    CallerKind,
    CallerSegment,
    caller_segments,
    read_labels,
    segments_by_words,
)
from turnscope.observe._event_log import EventLog, read_events
from turnscope.observe._full_duplex import AGENT_GAP_S, TAKEOVER_S, USER_GAP_S, FullDuplex, score_full_duplex
from turnscope.observe._interaction import Interaction, InteractionEvent, InteractionWindows, score_interaction
from turnscope.observe._rates import Latency, PerMinute, Rate, latency_of
from turnscope.observe._recorder import Recorder
from turnscope.observe._recording import RecordedFrame, RecordedStream, Recording, load_recording
from turnscope.observe._report import make_report
from turnscope.observe._score import Score, score_call, score_to_dict
from turnscope.observe._spans import Span
from turnscope.observe._stops import StopTimes, stop_times
from turnscope.observe._timeline import render_strip, render_timeline
from turnscope.observe._timeline_html import timeline_html
from turnscope.observe._timeline_svg import timeline_svg

__all__ = [
    "AGENT_GAP_S",
    "SCORING_EDGES",
    "TAKEOVER_S",
    "USER_GAP_S",
    "CallerKind",
    "CallerSegment",
    "EventLog",
    "FullDuplex",
    "Interaction",
    "InteractionEvent",
    "InteractionWindows",
    "Latency",
    "PerMinute",
    "Rate",
    "RecordedFrame",
    "RecordedStream",
    "Recorder",
    "Recording",
    "Score",
    "Span",
    "StopTimes",
    "bridge_gaps",
    "caller_segments",
    "find_speech",
    "latency_of",
    "load_recording",
    "make_report",
    "on_ticks",
    "read_events",
    "read_labels",
    "render_strip",
    "render_timeline",
    "score_call",
    "score_full_duplex",
    "score_interaction",
    "score_to_dict",
    "segments_by_words",
    "stop_times",
    "timeline_html",
    "timeline_svg",
]
