"""Eight networks: at once, one after the other, and in other libraries."""

from functools import partial

import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.neural_network import MLPClassifier

from common.data import training_samples
from common.in_torch import is_installed
from common.timing import compare, interleave
from speed.stacks import JaxStack, train_torch_stack
from speed.systems import fit_skdnn


def measure_many(results, sizes, dataset):
    """Eight networks: at once, one after the other, and in other libraries."""
    X, y = training_samples(dataset, sizes["train_samples"])
    pixels, digits = load_digits(return_X_y=True)
    epochs = sizes["many_epochs"]
    cases = {
        "small iris, 100": (load_iris(return_X_y=True), (100,), epochs["iris"], 3.0),
        "small digits, 100": ((pixels / 16, digits), (100,), epochs["digits"], 3.0),
        f"{dataset.name}, 50": ((X, y), (50,), epochs["mnist"], 1.5),
        f"{dataset.name}, 100": ((X, y), (100,), epochs["mnist"], 1.5),
        f"{dataset.name}, 50-50, BatchNorm": ((X, y), (50, 50), epochs["mnist"], 1.5),
    }
    rows = []
    for case, ((X, y), hidden, n_epochs, target) in cases.items():
        X, y = X.astype(np.float32), y.astype(np.int64)
        batch_norm = "BatchNorm" in case
        fit = partial(
            fit_skdnn,
            *(X, y, hidden, min(200, len(X))),
            batch_norm=batch_norm,
            max_iter=n_epochs,
            n_iter_no_change=np.inf,
        )
        systems = {
            "eight, two processes": partial(fit, n_networks=8, n_jobs=2),
            "eight, one process": partial(fit, n_networks=8),
            "one after the other": lambda fit=fit: [
                fit(random_state=seed) for seed in range(8)
            ],
        }
        if not batch_norm:
            peer = MLPClassifier(
                hidden, max_iter=n_epochs, n_iter_no_change=n_epochs, random_state=0
            )
            bagging = BaggingClassifier(peer, 8, bootstrap=False, n_jobs=2)
            systems["BaggingClassifier"] = partial(bagging.fit, X, y)
        settings = {"n_networks": 8, "epochs": n_epochs, "batch_norm": batch_norm}
        data = X, y, hidden, min(200, len(X))
        if is_installed("torch"):
            stack = partial(train_torch_stack, *data, **settings)
            systems["torch, bmm"] = stack
            systems["torch, vmap"] = partial(stack, vmap=True)
        if is_installed("jax"):
            jax_stack = JaxStack(*data, **settings)
            systems["JAX"] = jax_stack.train
            systems["JAX, compiling"] = jax_stack.compile_and_train
        seconds, _ = interleave(systems, sizes["repeats"])
        ours, other, *peers = systems
        for name, least in (
            ("one after the other", target),
            *((name, 4.0 if "Bagging" in name else 1.0) for name in peers[1:]),
        ):
            rows.append(compare(case, seconds, name, "speed", least, ours=ours))
        rows.append(
            compare(case, seconds, "one after the other", "speed", target, ours=other)
            | {"case": f"{case}, one process"}
        )
    get_reusable_executor().shutdown()
    results.add(
        "Eight networks",
        rows,
        "`fit` of eight networks, in batches of at most 200: `n_networks=8` with"
        " `n_jobs=2`, or in one process, where two threads share them; eight fits of"
        " `MLPClassifierDIY` one after the other; `BaggingClassifier` of scikit-learn"
        " with two processes; and the same eight as a stack in torch (batched products"
        " by hand, and `torch.func.vmap`) and in JAX (`vmap` in a compiled `scan`; with"
        " and without its compiling), where the loop records nothing. float32; warm"
        " processes.",
    )
