"""The agent that `turnscope evaluate` measures: any agent's ears and policies, with a voice and a text of our own."""

import tomllib
from dataclasses import replace
from pathlib import Path

from turnscope._errors import ConfigError
from turnscope.providers import PiperTTS, ScriptedLLM, SileroVAD, WhisperSTT
from turnscope.session import Agent
from turnscope.sim._agent_table import make_agent
from turnscope.sim._evaluating import MONOLOGUE
from turnscope.sim._kept_voice import KeptTTS

__all__ = ["agent_to_evaluate"]


def agent_to_evaluate(path: Path | None = None) -> Agent:
    """An agent that talks on and on, and whose speech is synthesized once only.

    Args:
        path: A TOML file with a table ``[agent]``, such as a scenario, whose ears and settings are to be measured; None
            for the defaults with local models.

    Raises:
        ConfigError: The file cannot be read, or its table is wrong.
    """
    agent = _default() if path is None else _from_file(path)
    return replace(agent, llm=ScriptedLLM([], fallback=MONOLOGUE), tts=KeptTTS(agent.tts))


def _default() -> Agent:
    return Agent(vad=SileroVAD(), stt=WhisperSTT(), llm=ScriptedLLM([], fallback=MONOLOGUE), tts=PiperTTS())


def _from_file(path: Path) -> Agent:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("agent")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: agent: is missing")
    try:
        listed = make_agent({"llm": {"provider": "scripted", "rules": [], "fallback": "-"}, **table}, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if listed.servers:
        raise ConfigError(f"{path}: {listed.servers[0]}: a program outside knows nothing of virtual time")
    return listed.agent
