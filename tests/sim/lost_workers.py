"""Jobs for other processes: good ones, failing ones, and such as kill the process that does them."""

import os
import signal
from pathlib import Path


def do(job: tuple[str, str]) -> str:
    """Do what the first part says; the second is a name, or a file that remembers."""
    what, name = job
    if what == "fail":
        raise ValueError(f"no {name}")
    if what == "die" or (what == "die once" and not Path(name).exists()):
        Path(name).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return name
