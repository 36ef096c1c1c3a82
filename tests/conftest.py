"""What holds for every test: one thread for sums. Virtual time comes from Turnscope's own pytest plugin.

The thread counts are read when numpy is loaded, so they are set before anything else is imported.
"""

import os

for _count in ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_count] = "1"

import hypothesis

hypothesis.settings.register_profile("turnscope", deadline=None)  # how fast the machine is, is nobody's fault
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)  # the same examples each time
hypothesis.settings.load_profile("turnscope")
