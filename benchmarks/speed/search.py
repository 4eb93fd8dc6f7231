"""A search over architectures."""

from functools import partial

import joblib
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info

from common.data import training_samples
from common.timing import compare, interleave, yes
from skdnn import MLPClassifierDIY

SEARCHED = [
    (50,),
    (100,),
    (200,),
    (400,),
    (50, 50),
    (100, 50),
    (100, 100),
    (200, 100),
]


def measure_search(results, sizes, dataset):
    """A search over architectures."""
    X, y = training_samples(dataset, sizes["search_samples"])
    settings = {"max_iter": sizes["search_epochs"], "random_state": 0}

    def search(estimator):
        return GridSearchCV(
            estimator,
            {"hidden_layer_sizes": SEARCHED},
            cv=3,
            n_jobs=2,
            refit=False,
            scoring={"accuracy": "accuracy", "threads": count_threads},
        ).fit(X, y)

    systems = {
        "skdnn": partial(search, MLPClassifierDIY(**settings)),
        "scikit-learn": partial(search, MLPClassifier(**settings)),
    }
    seconds, returned = interleave(systems, sizes["repeats"])
    get_reusable_executor().shutdown()  # its time is ours once it has ended
    case = f"{len(SEARCHED)} architectures x 3 folds"
    row = compare(case, seconds, "scikit-learn", "speed", 1.5)
    cores = joblib.cpu_count()
    threads = int(returned["skdnn"][-1].cv_results_["mean_test_threads"].max())
    results.add(
        "Search",
        [
            row,
            dict.fromkeys(row, "-")
            | {
                "case": "threads of 2 workers",
                "compared with": f"{cores} cores",
                "result": f"2 x {threads}",
                "target": f"≤ {max(cores, 2)}",
                "met": yes(2 * threads <= max(cores, 2)),
            },
        ],
        "`GridSearchCV` with `n_jobs=2` over `hidden_layer_sizes`, without a refit:"
        f" {len(X):,} samples, {sizes['search_epochs']} epochs each. The threads are"
        " those that a worker's BLAS would use after a fit, by threadpoolctl.",
    )


def count_threads(estimator, X, y):
    """Return the threads of this process's BLAS, as if they were a score."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max((pool["num_threads"] for pool in pools), default=1)
