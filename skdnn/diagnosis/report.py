"""The report: what ails a trained network, in numbers and in plain sentences."""

from dataclasses import dataclass
from html import escape
from math import isnan

from sklearn.utils.validation import check_consistent_length

from skdnn.data.door import taken_in
from skdnn.diagnosis.findings import LIMITS, sentences_of
from skdnn.diagnosis.measures import measure
from skdnn.displays import DiagnosisDisplay
from skdnn.displays.common import final_estimator, transform_before
from skdnn.estimators.checking import check_rows, check_target_names, check_y

COLUMNS = {  # of the printed table: its head, and how a number is written
    "dead": ("dead", "{:.0%}"),
    "saturated": ("saturated", "{:.0%}"),
    "mean": ("mean", "{:.3g}"),
    "std": ("std", "{:.3g}"),
    "gradient_norm": ("gradient norm", "{:.1e}"),
    "update_ratio": ("update / weight", "{:.1e}"),
}


@dataclass(repr=False)
class Diagnosis:
    """What :func:`diagnose` returns: printed, a table with the findings below it.

    Parameters
    ----------
    layers : list of dict
        A row for each dense layer, with what follows it up to the next one. What does
        not apply is NaN. ``pandas.DataFrame(diagnosis.layers)`` makes a table of them.

        - "layer": its number, from 1 on; "name": the layers; "units": how many.
        - "dead": the share of units of a ReLU, LeakyReLU or PReLU that are not positive
          for any sample.
        - "saturated": the share of units of a hidden tanh, logistic sigmoid, ELU or
          SELU whose slope is less than 2 % of the greatest, for more than half of the
          samples.
        - "mean", "std": of the activations, over all samples and units.
        - "gradient_norm": of weights and bias, in the last epoch of training: the root
          mean square over its mini-batches, before clipping.
        - "update_ratio": the root mean square, over 20 steps, of the norm of a step
          relative to that of the weights. NaN for "lbfgs", which has no learning rate.

    findings : list of str
        What is wrong, and what may help: a sentence each. Empty if nothing is.
    """

    layers: list
    findings: list

    def plot(self, ax=None):
        """Draw the layers.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : DiagnosisDisplay
        """
        return DiagnosisDisplay(layers=self.layers, limits=LIMITS).plot(ax)

    def _table(self):
        """Return the cells of the table as text, the head first."""
        rows = [["layer", *(head for head, _ in COLUMNS.values())]]
        digits = len(str(len(self.layers)))
        for layer in self.layers:
            numbers = [
                "–" if isnan(layer[key]) else pattern.format(layer[key])
                for key, (_, pattern) in COLUMNS.items()
            ]
            rows.append([f"{layer['layer']:{digits}}  {layer['name']}", *numbers])
        return rows

    def __repr__(self):
        rows = self._table()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        ]
        findings = [f"- {text}" for text in self.findings] or ["Nothing found."]
        rule = "-" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:], rule, *findings])

    def _repr_html_(self):
        left, right = "text-align: left", "text-align: right"
        rows = "".join(
            f"<tr><td style='{left}'>{escape(row[0])}</td>"
            + "".join(f"<td style='{right}'>{cell}</td>" for cell in row[1:])
            + "</tr>"
            for row in self._table()
        )
        findings = "".join(f"<li>{escape(text)}</li>" for text in self.findings)
        return (
            f"<table style='font-family: monospace'>{rows}</table>"
            f"<ul>{findings or '<li>Nothing found.</li>'}</ul>"
        )


def diagnose(estimator, X, y=None):
    """Look at what a trained network does with X, and say what is wrong with it.

    Named are dead and saturated units, vanishing and exploding gradients, updates that
    are too large or too small, inputs that were not scaled, a fit that has diverged, a
    network that says the same of every row, and overfitting: where the history has a
    validation set, or where X and y are new rows, on which the score is much lower than
    it was in training. The limits are rules of thumb.

    The network is looked at as it predicts. How large updates are is measured: an
    optimizer as the estimator's, begun anew, takes 40 steps on a copy of the network,
    on mini-batches of X. The first 20 warm its moments up. Its learning rate is the
    median of those in the history, so that a schedule that ends at 0 hides nothing.
    Gradient norms and losses are those of the history. Of several networks, with
    `n_networks`, all numbers are means. The estimator stays as it is, and so do its
    random numbers.

    Parameters
    ----------
    estimator : estimator
        A fitted :class:`~skdnn.MLPClassifierDIY` or :class:`~skdnn.MLPRegressorDIY`, or
        a pipeline or search that ends in one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples like those of training, at least 2; some hundreds are enough. With new
        ones, and `y`, overfitting is found without a validation set.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their targets, for the steps, and to score the predictions, weighted by
        `class_weight` as in training, but not by a `sample_weight`. Without them,
        nothing is scored, and targets are drawn at random as the predictions say, which
        amounts to the same as far as these are calibrated.

    Returns
    -------
    diagnosis : Diagnosis
        With `layers`, a row for each, `findings`, and `plot`.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If X or y do not fit the estimator.

    See Also
    --------
    skdnn.displays.GradientNormDisplay : The gradient norms of all epochs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY, diagnose
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(
    ...     learning_rate="one_cycle", learning_rate_init=0.01, random_state=0
    ... )
    >>> diagnose(clf.fit(X / 16, y), X / 16, y).findings
    []
    """
    estimator, X, y = _unwrapped(estimator, X, y)
    measured = measure(estimator, X, y)
    return Diagnosis(measured.layers, sentences_of(measured))


def _unwrapped(clf, X, y):
    """Return the network's estimator, and X and y as that one takes them."""
    estimator = final_estimator(clf, "network_", "network_")
    X = transform_before(clf, X)
    X = check_rows(estimator, X, dtype=estimator.network_.dtype)
    if X.shape[0] < 2:
        raise ValueError(f"X has {X.shape[0]} sample: at least 2 are needed.")
    if y is not None:
        y = taken_in(y, "y")
        check_consistent_length(X, y)
        check_target_names(estimator, y, "y")
        y = estimator.task.encode(check_y(estimator, y))
    return estimator, X, y
