"""Search architectures on a Dask cluster, and again on one machine: the same scores.

Without --scheduler, the cluster is one of two worker processes on this machine.
"""

import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.data import training_samples
from common.fits import as_planned
from common.reports import report
from skdnn import MLPClassifierDIY
from skdnn.nn import BatchNorm, Dense, ReLU

GRID = {
    "architecture": [[Dense(n), BatchNorm(), ReLU()] for n in (10, 25, 50, 100)],
    "learning_rate_init": [0.003, 0.01],
}


def main():
    """Run the script."""
    parser = Parser(__doc__)
    parser.add_argument("--scheduler", help="address, such as tcp://10.0.0.1:8786")
    parser.add_argument(
        "--kill-one",
        action="store_true",
        help="kill one of the two worker processes in the middle of the search",
    )
    for option, least, default, help_text in (
        ("--train-samples", 100, 20_000, "so many of the training set at most"),
        ("--cv", 2, 3, "number of folds"),
        ("--epochs", 1, 10, "of each fit"),
    ):
        parser.add_argument(
            option, type=number(int, least), default=default, help=help_text
        )
    args = parser.parse_args()
    if args.scheduler and args.kill_one:
        parser.error("--kill-one is for the cluster on this machine, not --scheduler")
    try:
        import psutil
        from distributed import Client, LocalCluster
    except ImportError:
        parser.error("needs dask: pip install 'skdnn[dask]'")
    dataset = parser.load_dataset(args.dataset, args.data_home)
    X, y = training_samples(dataset, args.train_samples)
    folds = list(StratifiedKFold(args.cv).split(X, y))

    with ExitStack() as stack:
        address = args.scheduler
        if address is None:
            options = {"n_workers": 2, "threads_per_worker": 1}
            cluster = LocalCluster(**options, dashboard_address=None)
            address = stack.enter_context(cluster).scheduler_address
        try:
            client = stack.enter_context(Client(address, timeout=60))
        except OSError as error:
            parser.error(f"no scheduler answers at {address}: {error}")
        if args.kill_one:
            threading.Thread(target=kill_one, args=(client,), daemon=True).start()
        # A copy of all data on each worker: what one of them held is not lost with it.
        data = [X, y, *(rows for fold in folds for rows in fold)]
        n_bytes, n_workers = sum(array.nbytes for array in data), len(client.nthreads())
        sent_before = psutil.net_io_counters().bytes_sent
        with joblib.parallel_config(backend="dask", scatter=data):
            far, far_seconds = timed_search(args.epochs, folds, X, y)
        sent = psutil.net_io_counters().bytes_sent - sent_before
        with joblib.parallel_config(backend="dask"):
            seconds_of_nothing = time_nothing()
    # The workers have a thread each: so that the sums are rounded alike.
    with threadpool_limits(1):
        near, near_seconds = timed_search(args.epochs, folds, X, y)
    if far.best_params_ != near.best_params_:
        parser.error(f"the cluster's best is {far.best_params_}, {near.best_params_=}")
    difference = np.abs(scores(far) - scores(near)).max()
    report(
        output_dir(args, dataset.name) / "search_on_a_cluster.md",
        "Search on a cluster",
        [
            {
                "where": where,
                "seconds": f"{seconds:.1f}",
                "best score": f"{search.best_score_:.4f}",
                "best": search.best_params_,
            }
            for where, search, seconds in (
                ("cluster", far, far_seconds),
                ("one process", near, near_seconds),
            )
        ],
        f"Data: {dataset.name}, {len(X):,} training samples, {args.cv} folds,"
        f" {args.epochs} epochs; {scores(far).size} fits. The largest difference"
        f" between two scores is {difference:g}.\n\n"
        f"Each of {n_workers} workers has a copy of all data, {n_bytes / 1e6:.1f} MB."
        f" In all, this machine sent {sent / 1e6:.1f} MB,"
        f" {sent / n_bytes:.1f} times as much. A task that does nothing takes"
        f" {seconds_of_nothing * 1e3:.1f} ms.",
    )


def timed_search(epochs, folds, X, y):
    """Return the fitted search, and how long it took."""
    mlp = MLPClassifierDIY(learning_rate="one_cycle", max_iter=epochs, random_state=0)
    start_time = time.perf_counter()
    search = GridSearchCV(mlp, GRID, cv=folds, refit=False)
    with as_planned():
        search.fit(X, y)
    return search, time.perf_counter() - start_time


def time_nothing(n_tasks=1000):
    """Return the seconds that a task takes which does nothing, sent on its own."""
    start_time = time.perf_counter()
    joblib.Parallel(batch_size=1)(joblib.delayed(abs)(i) for i in range(n_tasks))
    return (time.perf_counter() - start_time) / n_tasks


def scores(search):
    """Return the score of each candidate on each fold."""
    names = sorted(name for name in search.cv_results_ if name.startswith("split"))
    return np.array([search.cv_results_[name] for name in names])


def kill_one(client):
    """Kill a worker process as soon as two tasks have been finished."""
    seen = set()
    while True:
        running = {key for keys in client.processing().values() for key in keys}
        seen |= running
        if len(seen - running) >= 2:
            break
        time.sleep(0.05)
    worker, pid = next(iter(client.run(os.getpid).items()))
    os.kill(pid, signal.SIGKILL)
    print(f"Killed {worker} while {len(running)} tasks were waiting or running")


if __name__ == "__main__":
    main()
