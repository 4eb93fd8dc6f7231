"""Diagnosis: what ails a trained network, in numbers and in plain sentences."""

from dataclasses import dataclass
from html import escape
from math import isfinite, isnan, log, nan, sqrt
from types import SimpleNamespace

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.metrics import recall_score
from sklearn.utils.validation import check_consistent_length

from skdnn.data.door import taken_in
from skdnn.displays import DiagnosisDisplay
from skdnn.displays.common import final_estimator, transform_before
from skdnn.estimators.arguments import plain_arguments
from skdnn.estimators.building import trainer_for
from skdnn.estimators.task.base import misfit
from skdnn.messages.user_warnings import collected_warnings
from skdnn.nn import (
    ELU,
    SELU,
    BatchNorm,
    Dense,
    LayerNorm,
    LeakyReLU,
    Logistic,
    PReLU,
    ReLU,
    StochasticLayer,
    Tanh,
)
from skdnn.nn.inference import INFERENCE_ROWS
from skdnn.training.lockstep import Lockstep

RECTIFIERS = ReLU, LeakyReLU, PReLU
SATURATING = Tanh, Logistic, ELU, SELU
# Rules of thumb: a finding begins beyond them.
LIMITS = {
    "dead": 0.4,  # of a layer's units
    "saturated": 0.4,
    "update_ratio": 0.03,  # about 0.001 is right (Karpathy, CS231n's notes, 2015)
}
SMALL_UPDATE = 1e-4  # if the loss is still on its way
FLAT = 0.02  # of the greatest slope: a tanh beyond 0.99, a sigmoid beyond 0.995
VANISHED = 0.01  # gradient norm of a layer, relative to that of the last
EXPLODED = 100.0  # gradient norm of all layers: cross-entropies begin near 1
INPUT_RANGE = 0.01, 30.0  # root mean square of the largest feature
OVERFIT_GAP = 0.1  # accuracy, or R², in training less that in validation
OVERFIT_RISE = 1.5  # validation loss, relative to its lowest
N_ERRORS = 2  # standard errors of a score beside the gap: few rows may err by chance
MIN_ROWS = 30  # with fewer, a score says nothing of whether anything was learned
SAME = 1e-5  # spread of the outputs over the rows, relative to the largest: rounding
NOTHING_LEARNED = 0.99  # training loss, relative to that of equal probabilities
LARGE_UPDATE = 0.01  # with which a loss that stays high has not merely begun to fall
RECALL_GAP = 0.05  # mean recall, less that of one label for all, that is chance
N_STEPS = 40  # of which the second half is measured

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
    estimator, X, y = _unwrap(estimator, X, y)
    each = []
    for alone in estimator._each():
        with np.errstate(all="ignore"):  # a network that explodes may overflow
            input_sizes, outputs = _observe(alone.network_, X)
            ratios = _update_ratios(alone, X, y)
        each.append(_describe_layers(alone, X.shape[0], outputs, ratios))
    layers = [_mean_row(rows) for rows in zip(*each, strict=True)]
    task = estimator.task_
    answers = _answers(estimator, X, y)
    if y is None:
        y = answers.decisions[0]
    case = SimpleNamespace(
        estimator=estimator,
        history=estimator.history_,
        layers=layers,
        input_sizes=input_sizes,
        target_size=task.size_of(y),
        answers=answers,
    )
    findings = [sentence for check in CHECKS for sentence in check(case)]
    return Diagnosis(layers, findings)


def _mean_row(rows):
    """Return the row of a layer, with the means over the networks."""
    numbers = {name: float(np.mean([row[name] for row in rows])) for name in COLUMNS}
    return rows[0] | numbers


def _unwrap(clf, X, y):
    """Return the network's estimator, and X and y as that one takes them."""
    estimator = final_estimator(clf, "network_", "network_")
    X = transform_before(clf, X)
    X = estimator._validate(X, reset=False, dtype=estimator.network_.dtype)
    if X.shape[0] < 2:
        raise ValueError(f"X has {X.shape[0]} sample: at least 2 are needed.")
    if y is not None:
        y = taken_in(y, "y")
        check_consistent_length(X, y)
        estimator._check_target_names(y, "y")
        y = estimator.task_.encode(estimator._check_labels(y, "y"))
    return estimator, X, y


def _answers(estimator, X, y):
    """Return what the networks say of X, and how good that is where y is known."""
    task = estimator.task_
    answers = SimpleNamespace(y=y, decisions=[], is_same=True, score=nan, error=nan)
    weights, row_scores = _class_weights(estimator, y), []
    for alone in estimator._each():
        loss = task.loss_for(alone.network_)
        with np.errstate(all="ignore"):
            Z = alone.network_.predict(X, -1)
            answers.decisions.append(loss.decide(Z))
            answers.is_same &= bool(np.ptp(Z, axis=0).max() <= SAME * np.abs(Z).max())
            if y is not None:
                row_scores.append(loss.row_scorer(y, weights)(Z, y))
    if y is not None and not task.why_no_score(y, weights):
        of_rows = np.mean(row_scores, axis=0, dtype=np.float64)
        shares = np.ones(len(of_rows)) if weights is None else weights
        answers.shares = shares / shares.sum()
        answers.score = float(answers.shares @ of_rows)
        errors = answers.shares * (of_rows - answers.score)
        answers.error = float(np.linalg.norm(errors))
    return answers


def _class_weights(estimator, y):
    """Return what each row counts for its class, as in the scores of training."""
    class_weight = getattr(estimator, "class_weight", None)
    if class_weight is None or y is None:
        return None
    if class_weight == "balanced":
        return 1 / np.bincount(y)[y]
    of_class = [class_weight.get(label, 1.0) for label in estimator.classes_]
    weights = np.array(of_class, np.float64)[y]
    return weights if weights.any() else None


def _observe(network, X):
    """Return each feature's root mean square, and what is summed over each output."""
    outputs = [
        SimpleNamespace(sum=0.0, squares=0.0, fires=False, n_flat=0)
        for _ in network.layers
    ]
    squares = 0.0
    for start in range(0, X.shape[0], INFERENCE_ROWS):
        A = X[start : start + INFERENCE_ROWS].astype(network.dtype)
        squares = squares + _column_squares(A)
        A = network.as_input(A)
        workspace = network.workspace(A.shape[0], training=False)
        # One by one, as layers write over what earlier ones put out.
        for layer, slot, seen in zip(
            network.layers, workspace.slots, outputs, strict=True
        ):
            A = layer.forward(A, slot, False)
            seen.sum += A.sum(dtype=np.float64)
            seen.squares += np.square(A, dtype=np.float64).sum()
            seen.fires |= (A > 0).any(axis=0)
            seen.n_flat += (_relative_slope(layer, A) < FLAT).sum(axis=0)
    return np.sqrt(squares / X.shape[0]), outputs


def _column_squares(X):
    if issparse(X):
        X = X.astype(np.float64)
        return np.asarray(X.multiply(X).sum(axis=0)).ravel()
    return np.square(X, dtype=np.float64).sum(axis=0)


def _relative_slope(layer, A):
    """Return the slope of an activation that saturates, relative to its greatest."""
    if isinstance(layer, Tanh):
        return 1 - A * A
    if isinstance(layer, Logistic):
        return 4 * A * (1 - A)
    if isinstance(layer, (ELU, SELU)):
        return np.where(A > 0, 1, 1 + A / layer.depth)
    return np.ones_like(A)


def _update_ratios(estimator, X, targets):
    """Return, for each dense layer, how large a step is relative to the weights."""
    network = estimator.network_.copy()
    weights = [view["weights"] for view in network.views if "weights" in view]
    rates = [
        row["learning_rate"] for row in estimator.history_ if "learning_rate" in row
    ]
    if estimator.solver == "lbfgs" or not rates:
        return [nan] * len(weights)
    rng = np.random.RandomState(0)
    task = estimator.task_
    if targets is None:
        logits, loss = network.predict(X, stop=-1), estimator.history_[-1]["loss"]
        targets = task.loss_for(network).draw(logits, loss, rng)
    with plain_arguments(estimator):
        trainer = trainer_for(estimator, network, task, rng)
    with collected_warnings():  # that there are fewer rows than a batch has in training
        trainer.load(X, targets)
    n_rows = trainer.n_rows
    lockstep = Lockstep([trainer])
    squared_ratios = []
    for _ in range(N_STEPS):
        before = [W.copy() for W in weights]
        rows = rng.choice(X.shape[0], n_rows, replace=False)
        lockstep.step(lockstep.full, rows, np.median(rates))
        squared_ratios.append(
            [
                (np.linalg.norm(W - old) / np.linalg.norm(old)) ** 2
                for W, old in zip(weights, before, strict=True)
            ]
        )
    return np.sqrt(np.mean(squared_ratios[N_STEPS // 2 :], axis=0)).tolist()


def _describe_layers(estimator, n_samples, outputs, ratios):
    """Return the rows of the diagnosis."""
    network, history = estimator.network_, estimator.history_
    norms = history[-1]["gradient_norm"] if history else {}
    n_layers = len(network.layers)
    dense = [i for i in range(n_layers) if isinstance(network.layers[i], Dense)]
    places = zip([0, *dense[1:]], [*dense[1:], n_layers], ratios or [nan], strict=True)
    rows = []
    for k, (start, stop, ratio) in enumerate(places, 1):
        block, seen = network.layers[start:stop], outputs[start:stop]
        dead = [
            1 - s.fires.mean()
            for layer, s in zip(block, seen, strict=True)
            if isinstance(layer, RECTIFIERS)
        ]
        saturated = [
            np.mean(s.n_flat > n_samples / 2)
            for i, (layer, s) in enumerate(zip(block, seen, strict=True), start)
            if isinstance(layer, SATURATING) and i < n_layers - 1
        ]
        units = network.widths[stop]
        mean = seen[-1].sum / (n_samples * units)
        variance = max(seen[-1].squares / (n_samples * units) - mean**2, 0.0)
        rows.append(
            {
                "layer": k,
                "name": ", ".join(map(repr, block)),
                "units": units,
                "dead": float(max(dead, default=nan)),
                "saturated": float(max(saturated, default=nan)),
                "mean": float(mean),
                "std": sqrt(variance),
                "gradient_norm": norms.get(f"Dense_{k}", nan),
                "update_ratio": ratio,
            }
        )
    return rows


# Each check takes the case and yields what it finds.


def _check_dead_units(case):
    for row in case.layers:
        if row["dead"] > LIMITS["dead"]:
            leaks = "LeakyReLU" in row["name"] or "PReLU" in row["name"]
            cure = "set batch_norm=True" if leaks else "use LeakyReLU"
            rate = "lower learning_rate_init, or " if _has_rate(case) else ""
            yield (
                f"{_percent(row['dead'])} of the units of layer {row['layer']} never"
                f" fire: {rate}{cure}."
            )


def _check_saturated_units(case):
    rate = "lower learning_rate_init, " if _has_rate(case) else ""
    for row in case.layers:
        if row["saturated"] > LIMITS["saturated"]:
            yield (
                f"{_percent(row['saturated'])} of the units of layer {row['layer']} are"
                f" saturated: scale X, {rate}start with smaller weights, or normalize"
                " batches."
            )


def _check_vanishing_gradients(case):
    last = case.layers[-1]["gradient_norm"]
    row = min(case.layers, key=lambda row: row["gradient_norm"])
    # Dead and saturated units let no gradient through, but have findings of their own.
    if row["gradient_norm"] < VANISHED * last and not _is_blocked(case):
        yield (
            f"The gradient vanishes on its way back: its norm is"
            f" {row['gradient_norm']:.1e} in layer {row['layer']}, and {last:.1e} in"
            f" the last: normalize batches, use ReLU, or fewer layers."
        )


def _check_exploding_gradients(case):
    norms = [
        sqrt(sum(norm**2 for norm in row["gradient_norm"].values()))
        for row in case.history
    ]
    largest = max(norms, default=0.0)
    if largest > EXPLODED and case.estimator.max_grad_norm is None:
        cure = "scale X, lower learning_rate_init, or set max_grad_norm=1"
        if not _has_rate(case):  # "lbfgs" clips no gradient either
            cure = "scale X, or start with smaller weights"
        yield (
            f"The gradient norm was {largest:.3g} in epoch {1 + norms.index(largest)}:"
            f" {cure}."
        )


def _check_large_updates(case):
    row = max(case.layers, key=lambda row: row["update_ratio"])
    if row["update_ratio"] > LIMITS["update_ratio"]:
        yield (
            f"A step changes the weights of layer {row['layer']} by"
            f" {_percent(row['update_ratio'])}: lower learning_rate_init."
        )


def _check_small_updates(case):
    largest = max(row["update_ratio"] for row in case.layers)
    losses = [row["loss"] for row in case.history]
    if largest < SMALL_UPDATE and len(losses) > 1 and not _is_blocked(case):
        middle = losses[len(losses) // 2]
        still_falls = middle - losses[-1] > (losses[0] - middle) / 2
        if still_falls or losses[-1] > 0.9 * losses[0]:
            yield (
                f"A step changes no layer's weights by more than {largest:.1e} of"
                f" them, and the loss is still {losses[-1]:.3g} after"
                f" {losses[0]:.3g}: raise learning_rate_init."
            )


def _check_inputs(case):
    layers = case.estimator.network_.layers
    first = next(layer for layer in layers if not isinstance(layer, StochasticLayer))
    feature = int(np.argmax(case.input_sizes))
    size = case.input_sizes[feature]
    low, high = INPUT_RANGE
    if not low < size < high and not isinstance(first, (BatchNorm, LayerNorm)):
        yield (
            f"The inputs are far from 1: the largest, feature {feature}, has a root"
            f" mean square of {size:.3g}: scale X, for example with StandardScaler."
        )


def _check_divergence(case):
    losses = [row["loss"] for row in case.history]
    largest = max(row["update_ratio"] for row in case.layers)
    # A fit that has merely begun is no better, but its steps are small.
    steps_are_large = largest > LARGE_UPDATE or _is_blocked(case)
    if len(losses) < 2 or not steps_are_large or not _has_rate(case):
        return
    rate = f"Lower learning_rate_init={case.estimator.learning_rate_init!r}"
    if is_classifier(case.estimator):
        chance = _loss_of_equal_probabilities(case.estimator)
        if losses[-1] >= NOTHING_LEARNED * chance:
            yield (
                f"Training has diverged: its loss is {losses[-1]:.3g} in the end, where"
                f" equal probabilities for every row have {chance:.3g}. {rate}."
            )
    # Targets and inputs that are far from 1 are findings of their own.
    elif not any(_check_targets(case)) and not any(_check_inputs(case)):
        score = case.history[-1]["score"]
        if score < 0:
            yield (
                f"Training has diverged: its score is {score:.3g} in the end, where one"
                f" number for every row has 0. {rate}."
            )


def _loss_of_equal_probabilities(clf):
    n_classes = len(clf.classes_)
    if clf.task_.multilabel:
        return n_classes * log(2)  # summed over the labels
    return log(n_classes)


def _check_same_answer(case):
    answers, clf = case.answers, case.estimator
    n_rows = len(answers.decisions[0])
    if n_rows < MIN_ROWS or _is_one_answer(answers.y) or any(_check_divergence(case)):
        return
    if answers.is_same:
        cures = ["scale X"]
        if _has_rate(case):
            cures.append(f"lower learning_rate_init={clf.learning_rate_init!r}")
        yield (
            "The network says the same of every row, whatever is in it:"
            f" {', '.join(cures)}, or lower alpha={clf.alpha!r}."
        )
    elif (
        is_classifier(clf)
        and answers.y is not None
        and all(map(_is_one_answer, answers.decisions))
    ):
        decision = answers.decisions[0]
        label = clf.task_.decode(decision[:1])[0].tolist()
        others = (decision.reshape(n_rows, -1) != answers.y.reshape(n_rows, -1)).any(1)
        yield (
            f"The network predicts {label!r} for every row, though"
            f" {_percent(others.mean())} of y are others: set class_weight='balanced',"
            " or decide by predict_proba with another threshold, train longer, and"
            " judge by a score that counts all classes alike, such as"
            " 'balanced_accuracy'."
        )


def _is_one_answer(answers):
    return answers is not None and bool((answers == answers[0]).all())


def _check_no_better_than_constant(case):
    answers = case.answers
    if answers.y is None or len(answers.y) < MIN_ROWS or _is_one_answer(answers.y):
        return
    causes = _check_divergence, _check_same_answer, _check_small_updates
    if any(any(check(case)) for check in (*causes, _check_overfitting)):
        return
    if not is_classifier(case.estimator):
        constant = 0.0
        is_found = answers.score <= constant
    elif answers.y.ndim == 1:
        constant = float(np.bincount(answers.y, answers.shares).max())
        # A network that was to weigh classes alike, by a sample_weight that is not
        # known here, errs in the most frequent one.
        is_found = answers.score <= constant and not _tells_classes_apart(answers)
    else:
        return
    if is_found:
        yield (
            f"The score on X and y is {answers.score:.3f}, no better than the"
            f" {constant:.3f} of a constant prediction: check that the rows of X and y"
            " belong together, scale X, train longer, or take more units."
        )


def _tells_classes_apart(answers):
    """Return whether the mean recall is above that of one label for all."""
    classes = np.unique(answers.y)
    recalls = [
        recall_score(answers.y, its.reshape(-1), labels=classes, average="macro")
        for its in answers.decisions
    ]
    return np.mean(recalls) > 1 / len(classes) + RECALL_GAP


def _check_overfitting(case):
    cure = _cure_of_overfitting(case)
    # Those of the last fit: the weights of earlier ones are gone.
    latest = case.history[-case.estimator.n_iter_ :]
    if not latest:
        return
    rows = [row for row in latest if isfinite(row.get("validation_score", nan))]
    row = latest[-1]
    if rows:
        row = rows[-1]
        best = min(rows, key=lambda row: row["validation_loss"])
        if case.estimator.early_stopping:  # the weights are those of the best epoch
            row = best = max(rows, key=lambda row: row["validation_score"])
        gap = row["score"] - row["validation_score"]
        # Where the score of the validation set is undefined, the loss stands for it.
        is_loss = row["validation_score"] == -row["validation_loss"]
        if case.estimator.scoring is None and not is_loss and gap > OVERFIT_GAP:
            yield (
                f"The score is {row['score']:.3f} in training and"
                f" {row['validation_score']:.3f} in validation: {cure}."
            )
            return
        if row["validation_loss"] > OVERFIT_RISE * best["validation_loss"]:
            yield (
                f"The validation loss has risen from {best['validation_loss']:.3g} in"
                f" epoch {best['epoch']} to {row['validation_loss']:.3g}: {cure}."
            )
            return
    # In training, dropout and augmentation only make the score lower, as does that each
    # mini-batch is scored before its step.
    gap = row["score"] - case.answers.score
    is_large = gap > OVERFIT_GAP + N_ERRORS * case.answers.error  # not if it is NaN
    if is_large and not any(_check_divergence(case)):
        yield (
            f"The score is {row['score']:.3f} in training and {case.answers.score:.3f}"
            f" on X and y: {cure}. Or these are of another kind than those of training."
        )


def _cure_of_overfitting(case):
    if not _has_rate(case):  # "lbfgs" has neither early stopping nor random numbers
        return "use a larger alpha, fewer units, or more data"
    stop = "" if case.estimator.early_stopping else "stop early, or "
    return f"{stop}use dropout, a larger alpha, augmentation or more data"


def _check_targets(case):
    mean, std = case.target_size
    if misfit(mean, std) > 1:
        yield (
            f"The targets are far from a spread of 1 around 0: about {mean:.3g} ±"
            f" {std:.3g}: set standardize_target=True."
        )


CHECKS = (
    _check_inputs,
    _check_targets,
    _check_dead_units,
    _check_saturated_units,
    _check_vanishing_gradients,
    _check_exploding_gradients,
    _check_large_updates,
    _check_small_updates,
    _check_divergence,
    _check_same_answer,
    _check_no_better_than_constant,
    _check_overfitting,
)


def _has_rate(case):
    """Return whether the solver has a learning rate."""
    return case.estimator.solver != "lbfgs"


def _is_blocked(case):
    return any(
        row[key] > LIMITS[key] for row in case.layers for key in ("dead", "saturated")
    )


def _percent(share):
    return f"{100 * share:.0f} %"
