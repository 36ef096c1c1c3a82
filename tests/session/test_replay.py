"""The Floor's inputs, as the event log has them, replay to the same decisions."""

import json

from tests.session.calls import AGENT, barge_in, cough
from turnscope.core import Emit, Event, Floor, FloorInput, input_from_dict
from turnscope.sim import HangUp, Moment, simulate


def test_the_logged_inputs_replay_to_the_same_events() -> None:
    *steps, _ = barge_in()
    call = simulate(AGENT, [*steps, cough(0.3, "agent_starts", reply=2), HangUp(Moment(0.5, "agent_stops", 2))], seed=3)
    logged = [json.loads(line) for line in call.jsonl().splitlines()]
    floor = Floor(AGENT.floor_settings)
    replayed: list[Event] = []
    for data in logged:
        if "input" in data:
            item: FloorInput = input_from_dict(data)
            replayed += [order.event for order in floor.receive(item) if isinstance(order, Emit)]
    kinds = {type(event) for event in replayed}
    assert len(kinds) >= 10
    assert replayed == [event for event in call.events if type(event) in kinds]
