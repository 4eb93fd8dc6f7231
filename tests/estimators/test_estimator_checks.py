"""scikit-learn's own checks of what an estimator promises."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.nn import BatchNorm, Dense, ReLU

CONFIGURATIONS = [
    MLPClassifierDIY(max_iter=100),
    MLPClassifierDIY(max_iter=100, dtype="auto"),
    MLPClassifierDIY(batch_norm=True, max_iter=100),
    MLPClassifierDIY(dropout=0.2, max_iter=100),
    MLPClassifierDIY(architecture=[Dense(30), BatchNorm(), ReLU()], max_iter=100),
    MLPClassifierDIY(
        (40, 20), solver="sgd", learning_rate="one_cycle", learning_rate_init=0.1
    ),
    MLPRegressorDIY(max_iter=100),
    MLPRegressorDIY(max_iter=100, dtype="auto"),
    MLPRegressorDIY(
        loss="huber", standardize_target=True, batch_norm=True, max_iter=100
    ),
    MLPRegressorDIY(loss="quantile", quantile=0.8, max_iter=100),
    MLPRegressorDIY(loss="gaussian", standardize_target=True, max_iter=100),
]
EQUIVALENCE = "check_sample_weight_equivalence_on_{}_data"


def expected_failures(estimator):
    """Return the checks that cannot pass, and why."""
    if estimator.dropout:
        # scikit-learn, too, makes an exception in this check for its MLPClassifier.
        reason = "dropout draws other masks for a repeated sample than for its twin"
        return {EQUIVALENCE.format(kind): reason for kind in ("dense", "sparse")}
    return {}


@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_scikit_learns_checks(estimator, check):
    if "equivalence" in str(check) or "invariance" in str(check):
        # They compare to a relative 1e-7, less than the rounding error of float32,
        # which depends on the processor.
        estimator.set_params(dtype="float64")
    check(estimator)
