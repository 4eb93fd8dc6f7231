"""What is found: a check for each illness, and which of them explains another."""

from dataclasses import dataclass
from math import isfinite, log, nan, sqrt

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import recall_score

from skdnn.estimators.task.base import misfit
from skdnn.nn import BatchNorm, LayerNorm, StochasticLayer

# Rules of thumb: a finding begins beyond them.
LIMITS = {
    "dead": 0.4,  # of a layer's units
    "saturated": 0.4,
    "update_ratio": 0.03,  # about 0.001 is right (Karpathy, CS231n's notes, 2015)
}
SHARES = "dead", "saturated"  # of units that let no gradient through
SMALL_UPDATE = 1e-4  # if the loss is still on its way
VANISHED = 0.01  # gradient norm of a layer, relative to that of the last
EXPLODED = 100.0  # gradient norm of all layers: cross-entropies begin near 1
INPUT_RANGE = 0.01, 30.0  # root mean square of the largest feature
OVERFIT_GAP = 0.1  # accuracy, or R², in training less that in validation
OVERFIT_RISE = 1.5  # validation loss, relative to its lowest
N_ERRORS = 2  # standard errors of a score beside the gap: few rows may err by chance
MIN_ROWS = 30  # with fewer, a score says nothing of whether anything was learned
NOTHING_LEARNED = 0.99  # training loss, relative to that of equal probabilities
LARGE_UPDATE = 0.01  # with which a loss that stays high has not merely begun to fall
RECALL_GAP = 0.05  # mean recall, less that of one label for all, that is chance


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Parameters
    ----------
    about : str
        Its name in `CHECKS`.
    sentence : str
        What it is, and what may help.
    """

    about: str
    sentence: str


def sentences_of(measured):
    """Return what to say of measurements, a sentence for each finding that stands."""
    found = [
        Finding(about, sentence)
        for about, (check, _) in CHECKS.items()
        for sentence in check(measured)
    ]
    return [finding.sentence for finding in found if _stands(finding, found)]


def _stands(finding, found):
    """Return whether nothing else that is found, and stands, silences a finding."""
    _, louder = CHECKS[finding.about]
    return not any(other.about in louder and _stands(other, found) for other in found)


# Each check takes the measurements and yields a sentence for whatever it finds.


def _inputs(measured):
    layers = measured.estimator.network_.layers
    first = next(layer for layer in layers if not isinstance(layer, StochasticLayer))
    feature = int(np.argmax(measured.input_sizes))
    size = measured.input_sizes[feature]
    low, high = INPUT_RANGE
    if not low < size < high and not isinstance(first, (BatchNorm, LayerNorm)):
        yield (
            f"The inputs are far from 1: the largest, feature {feature}, has a root"
            f" mean square of {size:.3g}: scale X, for example with StandardScaler."
        )


def _targets(measured):
    mean, std = measured.target_size
    if misfit(mean, std) > 1:
        yield (
            f"The targets are far from a spread of 1 around 0: about {mean:.3g} ±"
            f" {std:.3g}: set standardize_target=True."
        )


def _dead_units(measured):
    for row in measured.layers:
        if row["dead"] > LIMITS["dead"]:
            leaks = "LeakyReLU" in row["name"] or "PReLU" in row["name"]
            cure = "set batch_norm=True" if leaks else "use LeakyReLU"
            rate = "lower learning_rate_init, or " if measured.has_rate else ""
            yield (
                f"{_percent(row['dead'])} of the units of layer {row['layer']} never"
                f" fire: {rate}{cure}."
            )


def _saturated_units(measured):
    rate = "lower learning_rate_init, " if measured.has_rate else ""
    for row in measured.layers:
        if row["saturated"] > LIMITS["saturated"]:
            yield (
                f"{_percent(row['saturated'])} of the units of layer {row['layer']} are"
                f" saturated: scale X, {rate}start with smaller weights, or normalize"
                " batches."
            )


def _vanishing_gradients(measured):
    last = measured.layers[-1]["gradient_norm"]
    row = min(measured.layers, key=lambda row: row["gradient_norm"])
    if row["gradient_norm"] < VANISHED * last:
        yield (
            f"The gradient vanishes on its way back: its norm is"
            f" {row['gradient_norm']:.1e} in layer {row['layer']}, and {last:.1e} in"
            f" the last: normalize batches, use ReLU, or fewer layers."
        )


def _exploding_gradients(measured):
    norms = [
        sqrt(sum(norm**2 for norm in row["gradient_norm"].values()))
        for row in measured.history
    ]
    largest = max(norms, default=0.0)
    if largest > EXPLODED and measured.estimator.max_grad_norm is None:
        cure = "scale X, lower learning_rate_init, or set max_grad_norm=1"
        if not measured.has_rate:  # "lbfgs" clips no gradient either
            cure = "scale X, or start with smaller weights"
        yield (
            f"The gradient norm was {largest:.3g} in epoch {1 + norms.index(largest)}:"
            f" {cure}."
        )


def _large_updates(measured):
    row = max(measured.layers, key=lambda row: row["update_ratio"])
    if row["update_ratio"] > LIMITS["update_ratio"]:
        yield (
            f"A step changes the weights of layer {row['layer']} by"
            f" {_percent(row['update_ratio'])}: lower learning_rate_init."
        )


def _small_updates(measured):
    largest, losses = measured.largest_update, measured.losses
    if largest < SMALL_UPDATE and len(losses) > 1:
        middle = losses[len(losses) // 2]
        still_falls = middle - losses[-1] > (losses[0] - middle) / 2
        if still_falls or losses[-1] > 0.9 * losses[0]:
            yield (
                f"A step changes no layer's weights by more than {largest:.1e} of"
                f" them, and the loss is still {losses[-1]:.3g} after"
                f" {losses[0]:.3g}: raise learning_rate_init."
            )


def _diverged_labels(measured):
    estimator = measured.estimator
    if is_classifier(estimator) and _may_have_diverged(measured):
        n_classes, loss = len(estimator.classes_), measured.losses[-1]
        # Of several labels, the losses are summed.
        several = estimator.task.multilabel
        chance = n_classes * log(2) if several else log(n_classes)
        if loss >= NOTHING_LEARNED * chance:
            yield (
                f"Training has diverged: its loss is {loss:.3g} in the end, where"
                f" equal probabilities for every row have {chance:.3g}."
                f" Lower {_rate(estimator)}."
            )


def _diverged_numbers(measured):
    estimator = measured.estimator
    if not is_classifier(estimator) and _may_have_diverged(measured):
        score = measured.history[-1]["score"]
        if score < 0:
            yield (
                f"Training has diverged: its score is {score:.3g} in the end, where one"
                f" number for every row has 0. Lower {_rate(estimator)}."
            )


def _may_have_diverged(measured):
    # A fit that has merely begun is no better, but its steps are small.
    idle = any(row[kind] > LIMITS[kind] for row in measured.layers for kind in SHARES)
    steps_are_large = idle or measured.largest_update > LARGE_UPDATE
    return len(measured.losses) > 1 and steps_are_large and measured.has_rate


def _same_outputs(measured):
    if _may_differ(measured.answers) and measured.answers.are_same:
        estimator, cures = measured.estimator, ["scale X"]
        if measured.has_rate:
            cures.append(f"lower {_rate(estimator)}")
        yield (
            "The network says the same of every row, whatever is in it:"
            f" {', '.join(cures)}, or lower alpha={estimator.alpha!r}."
        )


def _one_label(measured):
    answers, clf = measured.answers, measured.estimator
    if (
        is_classifier(clf)
        and answers.y is not None
        and _may_differ(answers)
        and all(map(_is_one_answer, answers.decisions))
    ):
        decision, n_rows = answers.decisions[0], len(answers.y)
        label = clf.task.decode(decision[:1])[0].tolist()
        others = (decision.reshape(n_rows, -1) != answers.y.reshape(n_rows, -1)).any(1)
        yield (
            f"The network predicts {label!r} for every row, though"
            f" {_percent(others.mean())} of y are others: set class_weight='balanced',"
            " or decide by predict_proba with another threshold, train longer, and"
            " judge by a score that counts all classes alike, such as"
            " 'balanced_accuracy'."
        )


def _may_differ(answers):
    """Return whether there are enough rows, and not all with the same target."""
    return len(answers.decisions[0]) >= MIN_ROWS and not _is_one_answer(answers.y)


def _is_one_answer(answers):
    return answers is not None and bool((answers == answers[0]).all())


def _no_better_than_constant(measured):
    answers = measured.answers
    if answers.y is None or not _may_differ(answers):
        return
    if not is_classifier(measured.estimator):
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


def _gap_to_validation(measured):
    row = _epoch_of_the_weights(measured)
    # Where the score of the validation set is undefined, the loss stands for it.
    if _validated(measured) and row["validation_score"] != -row["validation_loss"]:
        gap = row["score"] - row["validation_score"]
        if measured.estimator.scoring is None and gap > OVERFIT_GAP:
            yield (
                f"The score is {row['score']:.3f} in training and"
                f" {row['validation_score']:.3f} in validation: {_cure(measured)}."
            )


def _risen_validation_loss(measured):
    rows, row = _validated(measured), _epoch_of_the_weights(measured)
    if rows:
        stopped = measured.estimator.early_stopping
        best = row if stopped else min(rows, key=lambda row: row["validation_loss"])
        if row["validation_loss"] > OVERFIT_RISE * best["validation_loss"]:
            yield (
                f"The validation loss has risen from {best['validation_loss']:.3g} in"
                f" epoch {best['epoch']} to {row['validation_loss']:.3g}:"
                f" {_cure(measured)}."
            )


def _gap_to_new_rows(measured):
    row, answers = _epoch_of_the_weights(measured), measured.answers
    # In training, dropout and augmentation only make the score lower, as does that each
    # mini-batch is scored before its step.
    gap = nan if row is None else row["score"] - answers.score
    if gap > OVERFIT_GAP + N_ERRORS * answers.error:  # not if it is NaN
        yield (
            f"The score is {row['score']:.3f} in training and {answers.score:.3f} on X"
            f" and y: {_cure(measured)}. Or these are of another kind than those of"
            " training."
        )


def _latest(measured):
    """Return the epochs of the last fit: the weights of earlier ones are gone."""
    return measured.history[-measured.estimator.n_iter_ :]


def _validated(measured):
    """Return the epochs with a score on a validation set."""
    latest = _latest(measured)
    return [row for row in latest if isfinite(row.get("validation_score", nan))]


def _epoch_of_the_weights(measured):
    """Return the epoch that the network's weights are of, None without epochs."""
    rows = _validated(measured)
    if rows and measured.estimator.early_stopping:
        return max(rows, key=lambda row: row["validation_score"])
    return next(reversed(rows or _latest(measured)), None)


def _cure(measured):
    """Return what helps against overfitting."""
    if not measured.has_rate:  # "lbfgs" has neither early stopping nor random numbers
        return "use a larger alpha, fewer units, or more data"
    stop = "" if measured.estimator.early_stopping else "stop early, or "
    return f"{stop}use dropout, a larger alpha, augmentation or more data"


def _rate(estimator):
    return f"learning_rate_init={estimator.learning_rate_init!r}"


def _percent(share):
    return f"{100 * share:.0f} %"


IDLE = "dead units", "saturated units"
DIVERGED = "diverged labels", "diverged numbers"
SAME_ANSWER = "same outputs", "one label"
OVERFIT = "gap to validation", "risen validation loss", "gap to new rows"
CHECKS = {  # in the order of their sentences, and what silences it where that stands
    "inputs": (_inputs, ()),
    "targets": (_targets, ()),
    "dead units": (_dead_units, ()),
    "saturated units": (_saturated_units, ()),
    # Idle units let no gradient through, and then steps are small as well.
    "vanishing gradients": (_vanishing_gradients, IDLE),
    "exploding gradients": (_exploding_gradients, ()),
    "large updates": (_large_updates, ()),
    "small updates": (_small_updates, IDLE),
    "diverged labels": (_diverged_labels, ()),
    # What is far from 1 is learned badly at any rate.
    "diverged numbers": (_diverged_numbers, ("inputs", "targets")),
    # What has diverged may say anything.
    "same outputs": (_same_outputs, DIVERGED),
    # Whose outputs are the same has but one label, too.
    "one label": (_one_label, (*DIVERGED, "same outputs")),
    # Of all these, a bad score on X and y is the effect.
    "no better than a constant": (
        _no_better_than_constant,
        ("small updates", *DIVERGED, *SAME_ANSWER, *OVERFIT),
    ),
    # One sentence on overfitting is enough: that with the plainest evidence.
    "gap to validation": (_gap_to_validation, ()),
    "risen validation loss": (_risen_validation_loss, OVERFIT[:1]),
    "gap to new rows": (_gap_to_new_rows, (*DIVERGED, *OVERFIT[:2])),
}
