"""The local models give the same bytes whatever the process, the order, the hash seed, and whoever was interrupted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.models


def run(seed: int, count: int) -> dict[str, str]:
    script = Path(__file__).with_name("same_bytes.py")
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run(
        [sys.executable, str(script), str(seed), str(count)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    made: dict[str, str] = json.loads(done.stdout)
    return made


@pytest.mark.parametrize("count", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_order_process_hash_seed_and_interruptions_change_no_byte(count: int) -> None:
    first, second = run(1, count), run(2, count)
    assert len(first) == count
    assert first == second
