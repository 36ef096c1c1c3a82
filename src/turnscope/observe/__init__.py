"""READS EVENTS, never drives: event log, timeline, report."""

from turnscope.observe._event_log import EventLog
from turnscope.observe._report import make_report
from turnscope.observe._timeline import render_timeline
from turnscope.observe._timeline_svg import timeline_svg

__all__ = ["EventLog", "make_report", "render_timeline", "timeline_svg"]
