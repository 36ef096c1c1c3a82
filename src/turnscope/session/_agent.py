"""What an agent is made of: providers and settings, checked once and then left alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from turnscope._errors import ConfigError
from turnscope.core import (
    BARGE_IN_EDGES,
    CLOCK_HZ,
    TURN_EDGES,
    ClauseSettings,
    EdgeProfile,
    Endpointing,
    Environment,
    Filler,
    FloorSettings,
    HistorySettings,
    InterruptionSettings,
    NewInput,
    ResumeSettings,
    SilenceSettings,
    Speculation,
    SpeechEdgeSettings,
    ThinkingSound,
    TurnMode,
)
from turnscope.providers import (
    LLM,
    STT,
    TTS,
    VAD,
    AudioStage,
    InterruptionDetector,
    VoiceOptions,
    WhisperDetector,
    WhisperSTT,
)
from turnscope.session._tool import Tool

__all__ = ["Agent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent, as an immutable value: one can serve many sessions at once.

    Attributes:
        name: Which agent it is, in events; needed when a session is handed over from one to another.
        vad: Notices speech.
        stt: Understands it.
        llm: Answers.
        tts: Speaks the answer.
        instructions: The system message; empty for none.
        tools: What the model can call.
        voice: How to speak.
        turn_edges: What counts as speech when the caller may start a turn.
        barge_in_edges: What counts as speech while the agent is audible.
        detector: Judges by its sound whether somebody who speaks over the agent interrupts it. None for nobody;
            ``"auto"`` for `WhisperDetector` where the STT is Whisper's packaged model, whose weights it shares.
        interruption: What an interruption does, and who says that it is one.
        stages: What the caller's audio passes before anybody hears it, in this order.
        echo_guard: Whether the agent's own voice in the caller's microphone is recognized and ignored.
        endpointing: When the caller's turn is over.
        clauses: How the reply is cut for the synthesizer.
        new_input: What becomes of what the caller said when they say or type something else before anything of its
            answer was heard: ``merge`` has both answered as one, ``answer_newest`` the newer one alone, and ``queue``
            typed ones one after the other.
        resume: Whether the caller can have the agent go on with what was interrupted.
        history: How much of the conversation the model is given, and what it is told about interruptions.
        provider_timeout_s: A model that gives nothing for so long has failed, and its turn with it.
        answer_timeout_s: A turn of which nothing is heard so long after its answer was begun has failed.
        tool_timeout_s: A call of a tool that takes longer has failed, unless the tool says otherwise.
        max_concurrent_tools: So many calls run at once in a session; more wait.
        max_tool_rounds: A turn whose model has called tools so often, and then does so again, has failed.
        join_deadline_s: How long the tasks of a cancelled turn may take to end before their provider is blamed.
        filler: What is heard when an answer is late: words, or a sound. None for nothing.
        speculation: Whether answers are begun before the caller's turn is known to be over.
        parallel_clauses: How many clauses of a reply are synthesized at once, or have been and wait for their turn.
        max_queued_says: How many things may wait to be said; one more is refused.
        turn_mode: Who says when the caller's turn begins and ends.
        environment: Where callers are, ``"quiet"``, ``"normal"`` or ``"noisy"``: edge settings for there, instead of
            the defaults. Those that are given here hold in any surroundings.
        away_after_s: After so long without anybody speaking the caller counts as away; None for never.
        silence: What the agent does when nobody speaks; None for nothing.
        session_timeout_s: The session ends so long after the last sign of life; None for never.
        connect_timeout_s: A provider that is not connected, its models loaded, after so long cannot be had.
    """

    vad: VAD
    stt: STT
    llm: LLM
    tts: TTS
    instructions: str = ""
    tools: Sequence[Tool] = ()
    voice: VoiceOptions = VoiceOptions()
    detector: InterruptionDetector | Literal["auto"] | None = "auto"
    turn_edges: SpeechEdgeSettings = TURN_EDGES
    barge_in_edges: SpeechEdgeSettings = BARGE_IN_EDGES
    interruption: InterruptionSettings = field(default_factory=InterruptionSettings)
    endpointing: Endpointing = field(default_factory=Endpointing)
    stages: tuple[AudioStage, ...] = ()
    echo_guard: bool = True
    clauses: ClauseSettings = field(default_factory=ClauseSettings)
    new_input: NewInput = "merge"
    resume: ResumeSettings = field(default_factory=ResumeSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    provider_timeout_s: float = 10.0
    answer_timeout_s: float = 20.0
    tool_timeout_s: float = 20.0
    max_concurrent_tools: int = 8
    max_tool_rounds: int = 8
    join_deadline_s: float = 1.0
    filler: Filler | ThinkingSound | None = None
    speculation: Speculation = field(default_factory=Speculation)
    parallel_clauses: int = 3
    max_queued_says: int = 20
    turn_mode: TurnMode = "automatic"
    environment: Environment | None = None
    away_after_s: float | None = None
    silence: SilenceSettings | None = None
    session_timeout_s: float | None = 1800.0
    connect_timeout_s: float = 60.0
    name: str = "agent"

    def __post_init__(self) -> None:
        for name, kind in (("vad", VAD), ("stt", STT), ("llm", LLM), ("tts", TTS)):
            part = getattr(self, name)
            if part is None:
                raise ConfigError(f"an agent needs {name}: pass {name}=..., for example one from turnscope.providers")
            if not isinstance(part, kind):
                raise ConfigError(f"{name} must be a {name.upper()} provider, got {type(part).__name__}")
        if self.vad.input_hz != CLOCK_HZ:
            raise ConfigError(f"vad must take {CLOCK_HZ} Hz, but {self.vad.name} takes {self.vad.input_hz} Hz")
        if self.environment is not None:
            SpeechEdgeSettings.for_environment(self.environment)
        if self.detector not in ("auto", None) and not isinstance(self.detector, InterruptionDetector):
            raise ConfigError(f"detector must be an InterruptionDetector, got {type(self.detector).__name__}")
        if not isinstance(self.filler, Filler | ThinkingSound | None):
            raise ConfigError(f"filler must be a Filler or a ThinkingSound, got {type(self.filler).__name__}")
        for name in (
            "provider_timeout_s",
            "answer_timeout_s",
            "tool_timeout_s",
            "join_deadline_s",
            "connect_timeout_s",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("away_after_s", "session_timeout_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} must be positive or None, got {value}")
        for name in ("max_concurrent_tools", "max_tool_rounds", "max_queued_says", "parallel_clauses"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        _ = self.floor_settings  # which are checked when they are made
        self._check_tools()

    def _check_tools(self) -> None:
        object.__setattr__(self, "tools", tuple(self.tools))
        names: set[str] = set()
        for index, tool in enumerate(self.tools):
            if not isinstance(tool, Tool):
                raise ConfigError(f"tools[{index}] must be a Tool, got {type(tool).__name__}; make one with @tool")
            if tool.name in names:
                raise ConfigError(f"tools[{index}] is the second that is called {tool.name!r}")
            names.add(tool.name)

    @property
    def interruption_detector(self) -> InterruptionDetector | None:
        """`detector`, or what ``"auto"`` stands for."""
        if self.detector != "auto":
            return self.detector
        return WhisperDetector() if isinstance(self.stt, WhisperSTT) and self.stt.is_packaged else None

    @property
    def floor_settings(self) -> FloorSettings:
        """The part of the settings that the Floor decides by."""
        return FloorSettings(
            interruption=self.interruption,
            endpointing=self.endpointing,
            join_deadline_s=self.join_deadline_s,
            away_after_s=self.away_after_s,
            answer_timeout_s=self.answer_timeout_s,
            speculation=self.speculation,
            turn_mode=self.turn_mode,
            new_input=self.new_input,
            silence=self.silence,
            session_timeout_s=self.session_timeout_s,
            filler_after_s=None if self.filler is None else self.filler.after_s,
            fillers_at_most=self.filler.at_most if isinstance(self.filler, Filler) else None,
        )

    @property
    def edges(self) -> dict[EdgeProfile, SpeechEdgeSettings]:
        """The edge settings in force: those that were given, else those of the environment, else the defaults."""
        turn, barge_in = self.turn_edges, self.barge_in_edges
        if self.environment is not None:
            there = SpeechEdgeSettings.for_environment(self.environment)
            turn = there if turn == TURN_EDGES else turn
            if barge_in == BARGE_IN_EDGES:
                barge_in = replace(BARGE_IN_EDGES, threshold=there.threshold)
        return {"turn": turn, "barge_in": barge_in}
