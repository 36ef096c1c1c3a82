"""A CALL WITHOUT A PHONE: virtual time, scripted callers, fakes, scenarios."""

from turnscope.sim._agent_import import load_agent, load_function, load_object
from turnscope.sim._audit import audit
from turnscope.sim._audit_findings import Audit, Finding, Offence
from turnscope.sim._audit_places import Place
from turnscope.sim._audit_uses import Exercise
from turnscope.sim._background import Background
from turnscope.sim._barge_in import BargeIn
from turnscope.sim._call_files import check_folder, report_call, write_call
from turnscope.sim._caller import CallerTransport, HangUp, Moment, Placed, Play, Step
from turnscope.sim._cases import Case
from turnscope.sim._clip_result import ClipResult
from turnscope.sim._corpus import MANIFEST, Clip, Label, Split, load_corpus, write_manifest
from turnscope.sim._corpus_making import make_corpus
from turnscope.sim._corpus_noise import NOISES, hum, noise
from turnscope.sim._corpus_rooms import ROOMS, echo_path, in_room
from turnscope.sim._corpus_voices import ENGINES, Speaker, find_speakers
from turnscope.sim._distributions import Distribution, LogNormal, Normal, Uniform
from turnscope.sim._evaluating import MONOLOGUE, MakeAgent, observe_clips, play_clips
from turnscope.sim._evaluation import GOALS, Cell, Evaluation, evaluation_to_dict, summarize
from turnscope.sim._evaluation_agent import agent_table, agent_to_evaluate
from turnscope.sim._expecting import Failure
from turnscope.sim._exploring import Breach, Exploration, explore
from turnscope.sim._fake_detector import FakeDetector
from turnscope.sim._fakes import FakeSTT, FakeTTS, FakeVAD
from turnscope.sim._faults import Behaviour, Fault, FaultKind, FaultPlace
from turnscope.sim._faulty import Faulty
from turnscope.sim._frontier import POLICIES, FrontierPoint, Observed, frontier
from turnscope.sim._grid import Grid, Setting, load_grid
from turnscope.sim._kept_voice import KeptTTS
from turnscope.sim._media import Codec, Media, MediaTransport, Packets
from turnscope.sim._policy_changes import changed_settings, parse_changes
from turnscope.sim._promises import broken_promises
from turnscope.sim._reactions import AgentSays, AgentWords, Happens, Reaction
from turnscope.sim._recompute import Recomputed, agent_of, recompute
from turnscope.sim._rehearsal import WAYS, Check, Hold, LikeSimulate, Rehearsal, Take, Way
from turnscope.sim._replay import Difference, Replay, replay
from turnscope.sim._rulings import Compared, Ruled
from turnscope.sim._scenario import SCENARIO_SUFFIX, Scenario, load_scenario, load_scenarios
from turnscope.sim._schema import scenario_schema
from turnscope.sim._simulate import Call, Drive, simulate, simulate_async
from turnscope.sim._sweep_plot import write_plot
from turnscope.sim._sweep_table import clips_csv, pareto, sweep_rows, table_csv, write_parquet
from turnscope.sim._sweeping import SweptSetting, sweep
from turnscope.sim._targets import load_conversation
from turnscope.sim._virtual import StandstillError, VirtualCompute, run_virtual, seeded_scheduler
from turnscope.sim._wordcode import LEVEL, encode_words, read_words
from turnscope.sim._work_memory import WorkMemory
from turnscope.sim._workers import LostJob, Workers, dask_workers, local_workers, run_jobs

__all__ = [
    "ENGINES",
    "GOALS",
    "LEVEL",
    "MANIFEST",
    "MONOLOGUE",
    "NOISES",
    "POLICIES",
    "ROOMS",
    "SCENARIO_SUFFIX",
    "WAYS",
    "AgentSays",
    "AgentWords",
    "Audit",
    "Background",
    "BargeIn",
    "Behaviour",
    "Breach",
    "Call",
    "CallerTransport",
    "Case",
    "Cell",
    "Check",
    "Clip",
    "ClipResult",
    "Codec",
    "Compared",
    "Difference",
    "Distribution",
    "Drive",
    "Evaluation",
    "Exercise",
    "Exploration",
    "Failure",
    "FakeDetector",
    "FakeSTT",
    "FakeTTS",
    "FakeVAD",
    "Fault",
    "FaultKind",
    "FaultPlace",
    "Faulty",
    "Finding",
    "FrontierPoint",
    "Grid",
    "HangUp",
    "Happens",
    "Hold",
    "KeptTTS",
    "Label",
    "LikeSimulate",
    "LogNormal",
    "LostJob",
    "MakeAgent",
    "Media",
    "MediaTransport",
    "Moment",
    "Normal",
    "Observed",
    "Offence",
    "Packets",
    "Place",
    "Placed",
    "Play",
    "Reaction",
    "Recomputed",
    "Rehearsal",
    "Replay",
    "Ruled",
    "Scenario",
    "Setting",
    "Speaker",
    "Split",
    "StandstillError",
    "Step",
    "SweptSetting",
    "Take",
    "Uniform",
    "VirtualCompute",
    "Way",
    "WorkMemory",
    "Workers",
    "agent_of",
    "agent_table",
    "agent_to_evaluate",
    "audit",
    "broken_promises",
    "changed_settings",
    "check_folder",
    "clips_csv",
    "dask_workers",
    "echo_path",
    "encode_words",
    "evaluation_to_dict",
    "explore",
    "find_speakers",
    "frontier",
    "hum",
    "in_room",
    "load_agent",
    "load_conversation",
    "load_corpus",
    "load_function",
    "load_grid",
    "load_object",
    "load_scenario",
    "load_scenarios",
    "local_workers",
    "make_corpus",
    "noise",
    "observe_clips",
    "pareto",
    "parse_changes",
    "play_clips",
    "read_words",
    "recompute",
    "replay",
    "report_call",
    "run_jobs",
    "run_virtual",
    "scenario_schema",
    "seeded_scheduler",
    "simulate",
    "simulate_async",
    "summarize",
    "sweep",
    "sweep_rows",
    "table_csv",
    "write_call",
    "write_manifest",
    "write_parquet",
    "write_plot",
]
