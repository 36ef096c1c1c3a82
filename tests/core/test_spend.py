"""What answers cost adds up, by cause and by turn."""

import pytest

from turnscope.core import AttemptSpent, Event, Spend, SpendLedger, fold_spend

pytestmark = pytest.mark.feature("X12")

EVENTS: list[Event] = [
    AttemptSpent(100, 1, 1, "user_resumed", 10, 4, 0, True, 1600, 0),
    AttemptSpent(200, 1, 2, "interrupted", 12, 20, 5, False, 32_000, 8_000),
    AttemptSpent(300, 3, 1, "completed", 20, 6, 6, False, 16_000, 16_000),
    AttemptSpent(400, 4, 1, "interrupted", 30, 7, 0, False, 0, 0),
]


def test_each_turn_has_a_ledger_and_all_of_them_have_one() -> None:
    record = fold_spend(EVENTS)
    assert record.turns == {
        1: SpendLedger(
            spent=Spend(22, 24, 33_600),
            used=Spend(12, 5, 8_000),
            wasted={"user_resumed": Spend(10, 4, 1600), "interrupted": Spend(0, 15, 24_000)},
            estimated=True,
        ),
        3: SpendLedger(spent=Spend(20, 6, 16_000), used=Spend(20, 6, 16_000)),
        4: SpendLedger(spent=Spend(30, 7, 0), wasted={"interrupted": Spend(30, 7, 0)}),
    }
    assert record.total.spent == Spend(72, 37, 49_600)
    assert record.total.wasted == {"user_resumed": Spend(10, 4, 1600), "interrupted": Spend(30, 22, 24_000)}
    assert record.total.spent == record.total.used + record.total.all_wasted
    assert record.total.all_wasted.speech_s == 1.6


def test_a_conversation_without_answers_cost_nothing() -> None:
    assert fold_spend([]).total == SpendLedger()
