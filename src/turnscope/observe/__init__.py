"""READS EVENTS, never drives: event log, timeline, report."""

from turnscope.observe._event_log import EventLog

__all__ = ["EventLog"]
