"""A CALL WITHOUT A PHONE: virtual time, scripted callers, fakes, scenarios."""

from turnscope.sim._caller import CallerTransport, HangUp, Moment, Placed, Play, Step
from turnscope.sim._clip_result import ClipResult
from turnscope.sim._corpus import MANIFEST, Clip, Label, Split, load_corpus, write_manifest
from turnscope.sim._corpus_making import make_corpus
from turnscope.sim._corpus_noise import NOISES, hum, noise
from turnscope.sim._corpus_rooms import ROOMS, echo_path, in_room
from turnscope.sim._corpus_voices import ENGINES, Speaker, find_speakers
from turnscope.sim._evaluating import MONOLOGUE, MakeAgent, observe_clips, play_clips
from turnscope.sim._evaluation import GOALS, Cell, Evaluation, evaluation_to_dict, summarize
from turnscope.sim._evaluation_agent import agent_to_evaluate
from turnscope.sim._fake_detector import FakeDetector
from turnscope.sim._fakes import FakeSTT, FakeTTS, FakeVAD
from turnscope.sim._frontier import POLICIES, FrontierPoint, Observed, frontier
from turnscope.sim._kept_voice import KeptTTS
from turnscope.sim._promises import broken_promises
from turnscope.sim._scenario import Scenario, load_scenario
from turnscope.sim._simulate import Call, Drive, simulate, simulate_async
from turnscope.sim._virtual import StandstillError, VirtualCompute, run_virtual, seeded_scheduler
from turnscope.sim._wordcode import LEVEL, encode_words, read_words

__all__ = [
    "ENGINES",
    "GOALS",
    "LEVEL",
    "MANIFEST",
    "MONOLOGUE",
    "NOISES",
    "POLICIES",
    "ROOMS",
    "Call",
    "CallerTransport",
    "Cell",
    "Clip",
    "ClipResult",
    "Drive",
    "Evaluation",
    "FakeDetector",
    "FakeSTT",
    "FakeTTS",
    "FakeVAD",
    "FrontierPoint",
    "HangUp",
    "KeptTTS",
    "Label",
    "MakeAgent",
    "Moment",
    "Observed",
    "Placed",
    "Play",
    "Scenario",
    "Speaker",
    "Split",
    "StandstillError",
    "Step",
    "VirtualCompute",
    "agent_to_evaluate",
    "broken_promises",
    "echo_path",
    "encode_words",
    "evaluation_to_dict",
    "find_speakers",
    "frontier",
    "hum",
    "in_room",
    "load_corpus",
    "load_scenario",
    "make_corpus",
    "noise",
    "observe_clips",
    "play_clips",
    "read_words",
    "run_virtual",
    "seeded_scheduler",
    "simulate",
    "simulate_async",
    "summarize",
    "write_manifest",
]
