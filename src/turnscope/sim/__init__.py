"""A CALL WITHOUT A PHONE: virtual time, scripted callers, fakes, scenarios."""

from turnscope.sim._caller import CallerTransport, HangUp, Moment, Placed, Play, Step
from turnscope.sim._fakes import FakeSTT, FakeTTS, FakeVAD
from turnscope.sim._promises import broken_promises
from turnscope.sim._scenario import Scenario, load_scenario
from turnscope.sim._simulate import Call, Drive, simulate, simulate_async
from turnscope.sim._virtual import StandstillError, VirtualCompute, run_virtual, seeded_scheduler
from turnscope.sim._wordcode import LEVEL, encode_words, read_words

__all__ = [
    "LEVEL",
    "Call",
    "CallerTransport",
    "Drive",
    "FakeSTT",
    "FakeTTS",
    "FakeVAD",
    "HangUp",
    "Moment",
    "Placed",
    "Play",
    "Scenario",
    "StandstillError",
    "Step",
    "VirtualCompute",
    "broken_promises",
    "encode_words",
    "load_scenario",
    "read_words",
    "run_virtual",
    "seeded_scheduler",
    "simulate",
    "simulate_async",
]
