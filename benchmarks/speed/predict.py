"""Predictions, of many rows and of one."""

from functools import partial

import numpy as np

from common.data import training_samples
from common.timing import compare, interleave
from speed.products import MatrixProducts
from speed.systems import fit_scikit_learn, fit_skdnn


def measure_predict(results, sizes, dataset):
    """Predictions."""
    X, y = training_samples(dataset, 1_000)
    hidden = (512, 256)
    plain = fit_skdnn(X, y, hidden, 200)
    normalized = fit_skdnn(X, y, hidden, 200, batch_norm=True)
    peer = fit_scikit_learn(X, y, hidden, 200)
    many = np.resize(dataset.X_train, (10_000, X.shape[1]))
    products = "matrix products alone"
    seconds, _ = interleave(
        {
            products: MatrixProducts(many, hidden, int(y.max()) + 1, len(many)).predict,
            "plain": partial(plain.predict_proba, many),
            "BatchNorm": partial(normalized.predict_proba, many),
            "scikit-learn": partial(peer.predict_proba, many),
        },
        max(sizes["repeats"], 5),
    )
    one, _ = interleave(
        {
            "skdnn": partial(plain.predict_proba, many[:1]),
            "scikit-learn": partial(peer.predict_proba, many[:1]),
        },
        max(sizes["repeats"], 5),
        calls=sizes["predictions"],
    )
    rows = [
        compare("10,000 rows", seconds, products, "factor", 1.2, ours="plain"),
        compare(
            "10,000 rows, BatchNorm", seconds, products, "factor", 1.2, ours="BatchNorm"
        ),
        compare("10,000 rows", seconds, "scikit-learn", "speed", ours="plain"),
        compare("1 row", one, "scikit-learn", "speed", 1.0),
    ]
    results.add(
        "Predictions",
        rows,
        "`predict_proba` with hidden layers of 512 and 256 units.",
    )
