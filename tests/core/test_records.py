"""What the events of a conversation add up to, turn by turn."""

from turnscope.core import (
    AttemptCancelled,
    AttemptStarted,
    Cause,
    ClauseReady,
    Completed,
    Event,
    FirstToken,
    Interrupted,
    Latency,
    OverlapRecord,
    Resumed,
    SpeechStartsPlaying,
    ToolCalled,
    ToolRecord,
    ToolSettled,
    ToolStarted,
    TurnEnded,
    TurnOpened,
    TurnRecord,
    TurnStarted,
    UtteranceDismissed,
    Yielded,
    fold,
    to_samples,
)


def at(seconds: float) -> int:
    return to_samples(seconds)


ASKED: list[Event] = [
    TurnOpened(at(1.1), 1, at(1.0), None),
    TurnStarted(at(2.5), 1, "speech", at(1.0)),
    AttemptStarted(at(2.5), 1, 1, "two lattes", at(2.0)),
    FirstToken(at(2.75), 1, 1),
    ClauseReady(at(2.8), 1, 1, "Your order is two lattes. "),
    SpeechStartsPlaying(at(3.0), 1),
]

INTERRUPTED = Interrupted(
    Cause("user_speaking", at(4.5), at(4.0), "words"), "Your order", "is two lattes.", at(4.5), at(4.2), at(4.25)
)


def test_a_turn_that_is_completed() -> None:
    conversation = fold([*ASKED, TurnEnded(at(6.0), 1, Completed("Your order is two lattes."))])
    assert conversation.overlaps == []
    assert conversation.turns == [
        TurnRecord(
            turn_id=1,
            origin="speech",
            onset=at(1.0),
            speech_end=at(2.0),
            text="two lattes",
            attempts=1,
            attempt_started=at(2.5),
            first_token=at(2.75),
            audio_started=at(3.0),
            yielded=None,
            outcome=Completed("Your order is two lattes."),
            ended=at(6.0),
            joined=True,
            reply=["Your order is two lattes. "],
        )
    ]
    assert conversation.turns[0].latency == Latency(
        end_of_turn_s=0.5, first_token_s=0.25, first_audio_s=0.5, response_s=1.0
    )


def test_a_turn_that_is_interrupted() -> None:
    events = [*ASKED, Yielded(at(4.125), 1, 2, at(4.0), "pause"), TurnEnded(at(4.75), 1, INTERRUPTED)]
    latency = fold(events).turns[0].latency
    assert latency.onset_to_yield_s == 0.125
    assert latency.onset_to_decision_s == 0.5
    assert latency.onset_to_silence_s == 0.25
    assert latency.decision_to_silence_s == 0.0, "it was silent already"
    assert latency.decision_to_join_s == 0.25


def test_an_agent_that_carried_on_yields_with_the_decision() -> None:
    latency = fold([*ASKED, TurnEnded(at(4.75), 1, INTERRUPTED)]).turns[0].latency
    assert latency.onset_to_yield_s == 0.5


def test_a_yield_that_was_taken_back_is_not_the_one_that_counts() -> None:
    events = [
        *ASKED,
        Yielded(at(3.5), 1, 2, at(3.4), "pause"),
        Resumed(at(3.7), 1),
        Yielded(at(4.0625), 1, 3, at(4.0), "pause"),
        TurnEnded(at(4.75), 1, INTERRUPTED),
    ]
    assert fold(events).turns[0].latency.onset_to_yield_s == 0.0625
    assert fold(events[:-2]).turns[0].yielded is None


def test_silence_that_comes_after_the_decision() -> None:
    cause = Cause("client_request", at(4.0))
    outcome = Interrupted(cause, "Your", "order", at(4.0), at(4.0), at(4.0625))
    latency = fold([*ASKED, TurnEnded(at(4.5), 1, outcome)]).turns[0].latency
    assert latency.decision_to_silence_s == 0.0625
    assert latency.onset_to_yield_s is None, "nobody spoke"
    assert latency.onset_to_decision_s is None
    assert latency.onset_to_silence_s is None


def test_a_turn_that_never_was_heard_has_no_silence() -> None:
    outcome = Interrupted(Cause("new_input", at(2.75)), "", "", at(2.75), None, None)
    latency = fold([*ASKED[:3], TurnEnded(at(2.75), 1, outcome)]).turns[0].latency
    assert latency == Latency(end_of_turn_s=0.5, decision_to_join_s=0.0)


def test_a_turn_that_did_not_join_has_no_time_to_join() -> None:
    record = fold([*ASKED, TurnEnded(at(5.5), 1, INTERRUPTED, joined=False, blamed="slow")]).turns[0]
    assert not record.joined
    assert record.latency.decision_to_join_s is None


def test_an_answer_that_was_taken_back_leaves_the_times_of_the_next() -> None:
    events = [
        *ASKED[:5],
        AttemptCancelled(at(2.9), 1, 1, "user_speaking"),
        AttemptStarted(at(4.0), 1, 2, "two lattes and a mocha", at(3.5)),
        ClauseReady(at(4.2), 1, 2, "Two lattes, one mocha."),
        SpeechStartsPlaying(at(4.25), 1),
    ]
    record = fold(events).turns[0]
    assert (record.attempts, record.text, record.speech_end) == (2, "two lattes and a mocha", at(3.5))
    assert record.reply == ["Two lattes, one mocha."]
    assert record.first_token is None
    assert record.latency == Latency(end_of_turn_s=0.5, first_audio_s=0.25, response_s=0.75)


def test_what_is_said_by_the_application_was_asked_by_nobody() -> None:
    events = [
        TurnStarted(at(1.0), 5, "say", None),
        AttemptStarted(at(1.0), 5, 1, "Hello.", None),
        SpeechStartsPlaying(at(1.25), 5),
        TurnEnded(at(2.0), 5, Completed("Hello.")),
    ]
    record = fold(events).turns[0]
    assert (record.turn_id, record.origin, record.onset) == (5, "say", None)
    assert record.latency == Latency(first_audio_s=0.25)


def test_speech_over_the_agent_that_was_no_interruption_is_an_overlap() -> None:
    conversation = fold([*ASKED, UtteranceDismissed(at(4.5), 2, at(4.0), "mm-hmm", "backchannel", 1)])
    assert conversation.overlaps == [OverlapRecord(2, 1, at(4.0), "mm-hmm", "backchannel")]
    assert [turn.turn_id for turn in conversation.turns] == [1]


def test_a_noise_while_nobody_spoke_is_no_overlap() -> None:
    conversation = fold([UtteranceDismissed(at(4.5), 2, at(4.0), "", "no words", None)])
    assert (conversation.overlaps, conversation.turns) == ([], [])


def test_turns_stand_in_the_order_in_which_they_began() -> None:
    events = [TurnStarted(at(number), turn_id, "say", None) for number, turn_id in enumerate([3, 1, 2])]
    assert [turn.turn_id for turn in fold(events).turns] == [3, 1, 2]


def test_a_conversation_that_did_not_happen_is_empty() -> None:
    assert fold([]).turns == []
    assert fold(iter([FirstToken(0, 9, 1)])).turns == []


def test_the_tools_of_a_turn_are_in_its_record() -> None:
    events = [
        *ASKED,
        ToolCalled(at(3.0), 1, 1, "1.1.1", "order", "{}"),
        ToolCalled(at(3.0), 1, 1, "1.1.2", "price", "{}"),
        ToolStarted(at(3.5), 1, "1.1.1", "order", "key"),
        ToolSettled(at(5.0), 1, "1.1.1", "order", "returned", "done", "", "key", at(3.5)),
    ]
    order, price = fold(events).turns[0].tools
    assert order == ToolRecord("1.1.1", "order", 1, at(3.0), at(3.5), at(5.0), "returned", "done")
    assert order.duration_s == 1.5
    assert price == ToolRecord("1.1.2", "price", 1, at(3.0))
    assert price.duration_s is None
