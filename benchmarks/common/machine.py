"""The machine: what it is, and how busy others keep it."""

import os
import platform
from pathlib import Path
from time import perf_counter

import joblib
import numpy as np
import sklearn
from threadpoolctl import threadpool_info

import skdnn


def describe_machine():
    """Return a line with the processor, the versions and the number of threads."""
    versions = {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "skdnn": skdnn.__version__,
    }
    blas = {
        f"{pool['internal_api']} {pool['version']} with {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }
    parts = [f"{name} {version}" for name, version in versions.items()]
    return (
        f"{processor()}, {joblib.cpu_count()} cores; {', '.join(parts)};"
        f" {', '.join(sorted(blas)) or 'BLAS unknown'}."
    )


def processor():
    """Return the name of the processor."""
    if os.path.exists("/proc/cpuinfo"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


class OtherProcesses:
    """How busy other processes keep the machine, from the creation of this object on.

    Two threads that wait for each other are slowed down far more than in proportion
    where one of them has to share its core: times are worth little then.
    """

    def __init__(self):
        self.start = self._read()

    def __str__(self):
        if self.start is None:
            return "How busy other processes kept the machine is not known."
        elapsed, all_seconds, own = np.subtract(self._read(), self.start)
        busy = max(all_seconds - own, 0) / elapsed
        return f"Meanwhile, other processes kept {busy:.1f} cores busy."

    @staticmethod
    def _read():
        """Return the seconds now, those of all processors and those of this process."""
        path = Path("/proc/stat")
        if not path.exists():
            return None
        user, nice, system, _, _, irq, soft_irq, steal, *_ = map(
            int, path.read_text().split("\n", 1)[0].split()[1:]
        )
        ticks = user + nice + system + irq + soft_irq + steal
        own = sum(os.times()[:4])  # with those of its children that have ended
        return perf_counter(), ticks / os.sysconf("SC_CLK_TCK"), own
