"""A scenario may be about an agent of the user's own, from a module or a file."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from turnscope import Agent, ConfigError, TurnscopeError
from turnscope.sim import Scenario, load_agent, load_scenario

SHOP = """
from turnscope import Agent, InterruptionSettings, Rule, ScriptedLLM
from turnscope.session import tool
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD

made = []

@tool(on_interruption="finish_keep")
async def price(what: str) -> str:
    return "three"

@tool
async def order(what: str) -> str:
    return "ordered"

def make_agent():
    made.append(1)
    return Agent(
        vad=FakeVAD(),
        stt=FakeSTT(),
        llm=ScriptedLLM([Rule("tea", f"Call number {len(made)}.")], fallback="Hm."),
        tts=FakeTTS(),
        instructions="Be brief.",
        tools=[price, order],
        interruption=InterruptionSettings(fade_s=0.02, reaction="duck"),
    )

agent = make_agent()

class menu:
    make = staticmethod(make_agent)

async def slow_agent(): ...
def broken(): raise ValueError("no\\nmilk")
def needy(name): ...
number = 1
"""
CALLER = '[[caller]]\nwords = "tea please"\nat_s = 0.5\n'

Load = Callable[[str], Scenario]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = set(sys.modules)
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    calls = tmp_path / "tests/calls"
    calls.mkdir(parents=True)
    yield calls
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def load(folder: Path) -> Load:
    def load(text: str) -> Scenario:
        path = folder / "call.scenario.toml"
        path.write_text(f"version = 1\n{text}", encoding="utf-8")
        return load_scenario(path)

    return load


def put(folder: Path, name: str, text: str = SHOP) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


PLACES = {
    "a module beside the scenario": ("tests/calls/shop_a.py", "shop_a:make_agent"),
    "a module in the project's top folder": ("shop_b.py", "shop_b:make_agent"),
    "a module in the project's src": ("src/shop_c/agents.py", "shop_c.agents:make_agent"),
    "a file": ("tests/calls/shop.py", "shop.py:make_agent"),
    "a file elsewhere": ("agents/shop.py", "../../agents/shop.py:make_agent"),
    "an agent that is there": ("shop_d.py", "shop_d:agent"),
    "something inside": ("shop_e.py", "shop_e:menu.make"),
}


@pytest.mark.parametrize(("file", "what"), PLACES.values(), ids=PLACES)
def test_an_agent_is_found(folder: Path, load: Load, file: str, what: str) -> None:
    put(folder.parent.parent, file)
    before = list(sys.path)
    assert load_agent(what, folder).instructions == "Be brief."
    scenario = load(f'agent = "{what}"\n{CALLER}')
    assert scenario.agent.instructions == "Be brief."
    assert scenario.check(scenario.run()) == ()
    assert sys.path == before


def test_each_call_has_an_agent_of_its_own(folder: Path, load: Load) -> None:
    put(folder, "shop_f.py")
    scenario = load(f'agent = "shop_f:make_agent"\n{CALLER}')
    said = [scenario.run().turns[0].reply for _ in range(2)]
    assert said == [["Call number 3."], ["Call number 4."]]  # the module has made one, and so has loading the scenario


def test_parts_of_it_can_be_replaced_and_settings_changed(folder: Path, load: Load) -> None:
    put(folder, "shop_g.py")
    agent = load(
        """
        [agent]
        factory = "shop_g:make_agent"
        llm = { provider = "scripted", rules = [], fallback = "Pardon?" }
        interruption = { fade_s = 0.05 }
        tools = [{ name = "order", result = "nothing", on_interruption = "detach" }]
        """
        + CALLER
    ).agent
    assert (agent.instructions, agent.interruption.fade_s, agent.interruption.reaction) == ("Be brief.", 0.05, "duck")
    assert [(tool.name, tool.on_interruption) for tool in agent.tools] == [
        ("price", "finish_keep"),
        ("order", "detach"),
    ]


def test_what_is_wrong_with_what_is_changed_is_said_with_its_key(folder: Path, load: Load) -> None:
    put(folder, "shop_h.py")
    with pytest.raises(ConfigError, match=r"agent\.interruption\.fade_s: must be between 0 and 0\.1, got 1\.0$"):
        load(f'agent = {{ factory = "shop_h:make_agent", interruption = {{ fade_s = 1 }} }}\n{CALLER}')


BAD = {
    "no name": ("shop", "must be 'module:name' or 'file.py:name', got 'shop'"),
    "no module": ("coffee:make", "there is no module coffee in "),
    "no module inside": ("shop_i.deep:make", "there is no module shop_i.deep in "),
    "no file": ("coffee.py:make", "there is no file "),
    "no such name": ("shop_i:make", "shop_i has no 'make'"),
    "no agent": ("shop_i:number", "shop_i:number must be, or make, an Agent, and is int"),
    "async": ("shop_i:slow_agent", "shop_i:slow_agent is async; it must give an Agent without being awaited"),
    "raises": ("shop_i:broken", "shop_i:broken() failed: ValueError: no milk"),
    "wants arguments": ("shop_i:needy", "shop_i:needy() failed: TypeError: needy() missing 1 required "),
    "raises when imported": ("shop_j:make", "shop_j cannot be imported: ZeroDivisionError: division by zero"),
    "imports what is missing": (
        "shop_k:make",
        "shop_k cannot be imported: ModuleNotFoundError: No module ",
    ),
    "is no Python": ("shop_l.py:make", "shop_l.py cannot be imported: SyntaxError: "),
    "is called like another": ("json:make", "json.py is meant, but another json is loaded, "),
}


@pytest.mark.parametrize(("what", "complaint"), BAD.values(), ids=BAD)
def test_what_cannot_be_had_is_said_in_one_line(folder: Path, load: Load, what: str, complaint: str) -> None:
    for name, text in (
        ("shop_i.py", SHOP),
        ("shop_j.py", "1 / 0"),
        ("shop_k.py", "import teapot"),
        ("shop_l.py", "def ("),
        ("json.py", SHOP),
    ):
        put(folder, name, text)
    with pytest.raises(TurnscopeError) as caught:
        load(f'agent = "{what}"\n{CALLER}')
    message = str(caught.value)
    assert message.startswith(f"{folder / 'call.scenario.toml'}: agent: ")
    assert complaint in message
    assert "\n" not in message


def test_an_agent_that_is_one_needs_no_call(folder: Path) -> None:
    put(folder, "shop_m.py")
    assert isinstance(load_agent("shop_m:agent", folder), Agent)
