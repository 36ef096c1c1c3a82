"""A Dask scheduler and two workers, each a process of its own, until standard input ends.

Prints a line of JSON: the scheduler's address, and the workers' process ids. A worker that dies is replaced, and what
it was doing is at once given back as lost.
"""

import json
import os
import sys

os.environ["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "0"

from distributed import Client, LocalCluster

if __name__ == "__main__":
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        print(json.dumps({"address": cluster.scheduler_address, "pids": pids}), flush=True)
        sys.stdin.read()
