"""Nods in German: a lexicon from a file, and the words of a call that were no interruption."""

from pathlib import Path
from tempfile import TemporaryDirectory

from turnscope import Agent, InterruptionSettings, ScriptedLLM, WordsPolicy, load_lexicon, simulate
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words

GERMAN = """
# one word or phrase a line
ja
genau
mm-hm
ach so
"""


def says(words: str, moment: Moment) -> Step:
    return Play(encode_words(words)[0], moment)


with TemporaryDirectory() as folder:
    path = Path(folder) / "german.txt"
    path.write_text(GERMAN, encoding="utf-8")
    lexicon = load_lexicon(path)

agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="Der Zug fährt um zwölf Uhr von Gleis drei und ist um vier Uhr in Berlin."),
    tts=FakeTTS(),
    interruption=InterruptionSettings(policy=WordsPolicy(lexicon=lexicon)),
)
call = simulate(
    agent,
    [
        says("wann fährt der Zug", Moment(0.5)),
        says("ach so", Moment(0.5, "agent_starts")),
        says("genau", Moment(0.8, "previous")),
        says("nein nach Hamburg", Moment(0.8, "previous")),
        HangUp(Moment(1.0, "quiet")),
    ],
)
for overlap in call.overlaps:
    print(f"{overlap.text!r}: {overlap.evidence}")
print(call.turns[0].outcome)
