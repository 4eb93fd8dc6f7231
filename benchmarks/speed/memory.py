"""Memory, in a fresh process for each fit."""

import os
import tempfile
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from common.timing import yes
from skdnn import MLPClassifierDIY
from speed.systems import fit_skdnn


def measure_memory(results, sizes, dataset):
    """Memory, in a fresh process for each fit."""
    if not os.path.exists("/proc/self/statm"):
        print("memory: left out, as it is measured by what Linux says in /proc")
        return
    rows = []
    hidden, batch_size = (512, 256), 512
    for dtype in ("float32", "uint8"):
        memory = in_new_process(
            fit_in_memory, dtype, sizes["memory_rows"], hidden, batch_size
        )
        growth = memory["peak"] - memory["before"]
        # Activations, their gradients and two intermediate results; and the input.
        buffers = 4 * batch_size * (784 + 4 * (sum(hidden) + 10))
        bound = 4 * 4 * memory["n_parameters"] + buffers + 50e6
        rows.append(
            {
                "input": f"{dtype}, {sizes['memory_rows']:,} x 784",
                "size": f"{memory['input'] / 1e6:,.0f} MB",
                "memory": f"grows by {growth / 1e6:.1f} MB",
                "target": f"≤ {bound / 1e6:.1f} MB",
                "met": yes(growth <= bound),
                "fit": f"{memory['seconds']:.1f} s",
            }
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sparse"
        for kind, fit in (
            ("memory map", fit_skdnn),
            ("chunks of 100,000 rows", fit_in_chunks),
        ):
            memory = in_new_process(
                fit_in_memory, "uint8", sizes["memmap_rows"], (32,), 10_000, path, fit
            )
            rows.append(
                {
                    "input": f"{kind}, uint8, {sizes['memmap_rows']:,} x 784",
                    "size": f"{memory['input'] / 1e6:,.0f} MB",
                    "memory": f"peak of {memory['peak'] / 1e6:.1f} MB",
                    "target": "≤ 500 MB",
                    "met": yes(memory["peak"] <= 500e6),
                    "fit": f"{memory['seconds']:.1f} s",
                }
            )
    results.add(
        "Memory",
        rows,
        "Anonymous memory during `fit` for one epoch, in a fresh process: how much it"
        " grows, with hidden layers of 512 and 256 units and batches of 512, where the"
        " bound is 4 times the parameters, the buffers of a mini-batch and 50 MB; and"
        " with a memory map, given to `fit` or read and given to `partial_fit` chunk by"
        " chunk, all of the process, Python, libraries and labels included, for 32"
        " hidden units and batches of 10,000.",
    )


def fit_in_chunks(X, y, hidden, batch_size, n_rows=100_000):
    """Call partial_fit on the rows of a memory map, so many at a time."""
    estimator = MLPClassifierDIY(hidden, batch_size=batch_size, random_state=0)
    for start in range(0, len(X), n_rows):
        rows = slice(start, start + n_rows)
        estimator.partial_fit(np.array(X[rows]), y[rows], classes=np.arange(10))
    return estimator


def fit_in_memory(dtype, n_rows, hidden, batch_size, path=None, fit=fit_skdnn):
    """Fit on random pixels, or on the zeros of a sparse file; return what it took."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    if path is not None:
        X = np.memmap(path, dtype, mode="w+", shape=(n_rows, 784))
    elif dtype == "uint8":
        X = rng.integers(256, size=(n_rows, 784), dtype=dtype)
    else:
        X = rng.random((n_rows, 784), dtype=dtype)
    y = np.arange(n_rows) % 10
    estimator, memory = watch_memory(fit, X, y, hidden, batch_size)
    return memory | {
        "input": X.nbytes,
        "n_parameters": estimator.network_.parameters.size,
    }


def in_new_process(function, *args):
    """Call a function in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def watch_memory(function, *args):
    """Call a function, and return its result and a dict: "before", "peak", "seconds".

    Memory is looked at a thousand times a second.
    """
    before = peak = anonymous_memory()
    done = threading.Event()

    def watch():
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, anonymous_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start_time = perf_counter()
    try:
        result = function(*args)
    finally:
        done.set()
        watcher.join()
    seconds = perf_counter() - start_time
    return result, {"before": before, "peak": peak, "seconds": seconds}


def anonymous_memory():
    """Return the bytes of this process that no file stands behind."""
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
