"""The agent that `turnscope evaluate` measures: any agent's ears and policies, with a voice and a text of our own."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from turnscope._errors import ConfigError
from turnscope.providers import PiperTTS, ScriptedLLM, SileroVAD, WhisperSTT
from turnscope.session import Agent
from turnscope.sim._agent_table import make_agent
from turnscope.sim._evaluating import MONOLOGUE
from turnscope.sim._kept_voice import KeptTTS
from turnscope.sim._tables import read_toml

__all__ = ["agent_from_json", "agent_table", "agent_to_evaluate"]


def agent_to_evaluate(path: Path | None = None) -> Agent:
    """An agent that talks on and on, and whose speech is synthesized once only.

    Args:
        path: A TOML file with a table ``[agent]``, such as a scenario, whose ears and settings are to be measured; None
            for the defaults with local models.

    Raises:
        ConfigError: The file cannot be read, or its table is wrong.
    """
    if path is None:
        return _talking(_default())
    try:
        return _talking(_from_table(agent_table(path), path.parent))
    except ConfigError as error:
        message = str(error)
        raise ConfigError(message if message.startswith(f"{path}:") else f"{path}: {message}") from error


def agent_table(path: Path) -> Mapping[str, object]:
    """The table ``[agent]`` of a TOML file.

    Raises:
        ConfigError: The file cannot be read, or has no such table. The message names the file.
    """
    try:
        table = read_toml(path).get("agent")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if isinstance(table, str):
        return {"factory": table}
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: agent: is missing")
    return table


def agent_from_json(table: str, folder: str) -> Agent:
    """The same agent from its table as JSON text, which can be sent to other processes.

    Args:
        table: The table ``agent``; what it does not say is as in a scenario.
        folder: What relative paths in it are relative to.

    Raises:
        ConfigError: The table is wrong. The message begins with the key path.
    """
    return _talking(_from_table(json.loads(table), Path(folder)))


def _talking(agent: Agent) -> Agent:
    return replace(agent, llm=ScriptedLLM([], fallback=MONOLOGUE), tts=KeptTTS(agent.tts))


def _default() -> Agent:
    return Agent(vad=SileroVAD(), stt=WhisperSTT(), llm=ScriptedLLM([], fallback=MONOLOGUE), tts=PiperTTS())


def _from_table(table: Mapping[str, object], folder: Path) -> Agent:
    if "factory" not in table:
        table = {"llm": {"provider": "scripted", "rules": [], "fallback": "-"}, **table}
    listed = make_agent(table, folder)
    if listed.servers:
        raise ConfigError(f"{listed.servers[0]}: a program outside knows nothing of virtual time")
    return listed.agent
