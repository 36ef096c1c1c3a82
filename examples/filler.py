"""Two agents whose model thinks for three seconds: one says so, the other plays a soft sound."""

from dataclasses import replace

from turnscope import Agent, Rule, ScriptedLLM, simulate
from turnscope.core import Event, Filler, FillerBegins, FillerEnds, SpeechStartsPlaying, ThinkingSound
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words

TALKER = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([Rule(when="latte", reply="Two lattes, coming up.")], fallback="Pardon?", first_token_s=3),
    tts=FakeTTS(),
    filler=Filler(texts=["One moment.", "Let me see."], after_s=1.5),
)
HUMMER = replace(TALKER, filler=ThinkingSound(after_s=1.0))
SCRIPT: list[Step] = [
    Play(encode_words("two lattes please")[0], Moment(0.2)),
    HangUp(Moment(1, "agent_stops", 2)),
]


def tell(event: Event) -> str:
    """An event in a few words."""
    match event:
        case FillerBegins(text=text):
            return f"filler: {text or 'a sound'}"
        case FillerEnds(cause=cause):
            return f"it ends: {cause}"
        case SpeechStartsPlaying():
            return "the answer"
    return ""


def main() -> None:
    """Hold both calls, and print what was heard, and what the model will be told of it."""
    for agent in (TALKER, HUMMER):
        call = simulate(agent, SCRIPT, max_s=12)
        for event in call.events:
            if text := tell(event):
                print(f"{event.at:7.3f} s  {text}")
        print([message.text for message in call.history])


if __name__ == "__main__":
    main()
