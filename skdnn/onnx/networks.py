"""What networks put out, in ONNX: labels, probabilities, numbers, deviations."""

import numpy as np

from skdnn import nn


class FeaturesInput:
    """What the exports of networks share: one input, with all features."""

    opsets = {}

    @staticmethod
    def inputs(estimator, name, dtype):
        """Return name, dtype and shape behind the samples of each input."""
        dtype = dtype or estimator.network_.dtype
        return [(name, dtype, [estimator.n_features_in_])]


class ClassifierExport(FeaturesInput):
    """The outputs of a classifier: labels and probabilities."""

    @staticmethod
    def outputs(clf, dtype=None):
        """Return name, dtype and shape behind the samples of each output.

        `dtype` is that of the probabilities; None is that of `predict_proba`.
        """
        shape = [len(clf.classes_)]
        label_shape = shape if clf.task.multilabel else []
        label = "label", onnx_classes(clf).dtype, label_shape
        dtype = clf.network_.dtype if dtype is None else dtype
        return [label, ("probabilities", dtype, shape)]

    @classmethod
    def write(cls, graph, clf, input_name, dtypes):
        """Add what `predict` and `predict_proba` do."""
        P, *evidence = cls.probabilities(graph, clf, input_name)
        cls.write_outputs(graph, clf, P, *evidence, dtypes)

    @staticmethod
    def probabilities(graph, clf, input_name):
        """Add the probabilities.

        Returns
        -------
        P : str
            Their name.
        evidence : str
            The name of what the greatest of makes the label.
        even : float
            What it is where a label is as probable as not.
        """
        networks, each = clf.network_.folded(-1).members(), []
        softmax = clf.out_activation_ == "softmax"
        for network in networks:
            Z = graph.body(network, input_name)
            if clf.n_outputs_ == 1:
                Z = graph.node("Concat", graph.node("Neg", Z), Z, axis=1)
            last = graph.node("Softmax", Z, axis=1) if softmax else None
            each.append(last or graph.node("Sigmoid", Z))
        P = graph.mean(each, network.dtype)
        # Of one network, the logits decide: they differ where probabilities are rounded
        # to the same.
        return (P, Z, 0) if len(networks) == 1 else (P, P, 0.5)

    @staticmethod
    def write_outputs(graph, clf, P, evidence, even, dtypes):
        """Add labels, and the outputs."""
        if clf.task.multilabel:
            even = graph.constant(np.array(even, clf.network_.dtype))
            graph.cast(graph.node("Greater", evidence, even), np.int64, output="label")
        else:
            best = graph.node("ArgMax", evidence, axis=1, keepdims=0)
            classes = graph.constant(onnx_classes(clf))
            graph.node("Gather", classes, best, output="label")
        graph.cast(P, dtypes["probabilities"], output="probabilities")


class RegressorExport(FeaturesInput):
    """The outputs of a regressor: numbers, and perhaps their standard deviations."""

    @staticmethod
    def outputs(reg, dtype=None):
        """Return name, dtype and shape behind the samples of each output.

        `dtype` is that of the predictions; None is that of `predict`.
        """
        gaussian = reg.target_loss_ == nn.GaussianLikelihood()
        shape = [reg.n_outputs_ // (2 if gaussian else 1)]
        own = reg.network_.dtype if reg.task.is_plain() else np.float64
        outputs = [("variable", own if dtype is None else dtype, shape)]
        if gaussian:
            is_mixture = len(reg.network_.members()) > 1
            outputs.append(("std", np.float64 if is_mixture else own, shape))
        return outputs

    @classmethod
    def write(cls, graph, reg, input_name, dtypes):
        """Add what `predict` does."""
        y, std = cls.numbers_and_deviations(graph, reg, input_name)
        graph.cast(y, dtypes["variable"], output="variable")
        if "std" in dtypes:
            graph.cast(std, dtypes["std"], output="std")

    @classmethod
    def numbers(cls, graph, reg, input_name):
        """Add the predicted numbers, and return their name."""
        return cls.numbers_and_deviations(graph, reg, input_name)[0]

    @classmethod
    def numbers_and_deviations(cls, graph, reg, input_name):
        """Add both, in the units of y; return their names, None of what is unknown."""
        task, networks = reg.task, reg.network_.members()
        kind = reg.network_.dtype

        def scaled(A, std, mean=0.0):
            # In doubles: float32 would round what is far from 0.
            if task.is_plain():
                return A
            A = graph.node("Mul", graph.cast(A, np.float64), graph.constant(std))
            return graph.node("Add", A, graph.constant(mean))

        each = [cls._decide(graph, reg, network, input_name) for network in networks]
        decisions, deviations = zip(*each, strict=True)
        Z = graph.mean(decisions, kind)
        deviation = deviations[0]
        if deviation is not None:
            if len(each) > 1:
                deviation = cls._of_mixture(graph, decisions, deviations)
            deviation = scaled(deviation, task.std)
        size = reg.n_outputs_ // len(task.mean) if deviations[0] is None else 1
        mean, std = np.repeat(task.mean, size), np.repeat(task.std, size)
        return scaled(Z, std, mean), deviation

    @staticmethod
    def _decide(graph, reg, network, input_name):
        """Add what one network predicts, and return the names of mean and deviation."""
        A = graph.body(network.folded(), input_name)
        if reg.target_loss_ == nn.GaussianLikelihood():
            return graph.halves(A, reg.n_outputs_)
        return A, None

    @staticmethod
    def _of_mixture(graph, means, deviations):
        """Add the deviation of a mixture of normal distributions, in doubles."""
        means = [graph.cast(A, np.float64) for A in means]
        deviations = [graph.cast(A, np.float64) for A in deviations]
        center = graph.mean(means, np.float64)
        off = [graph.node("Sub", A, center) for A in means]
        squares = [graph.node("Mul", A, A) for A in (*deviations, *off)]
        share = graph.constant(np.asarray(1 / len(means)))
        variance = graph.node("Mul", graph.node("Sum", *squares), share)
        return graph.node("Sqrt", variance)


def onnx_classes(clf):
    """Return the labels as int64, or as objects that are strings."""
    classes = clf.classes_
    if classes.dtype == object:
        classes = np.array(classes.tolist())
    if classes.dtype.kind in "biuf":  # of floats scikit-learn takes whole numbers only
        return classes.astype(np.int64)
    if classes.dtype.kind in "UT":
        return classes.astype(object)
    raise TypeError(
        "ONNX has labels that are whole numbers or strings, got classes of dtype"
        f" {classes.dtype}. Fit on y.astype(str), for example."
    )
