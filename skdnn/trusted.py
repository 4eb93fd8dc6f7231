"""Which types a file of this package may hold: what skops is to trust, and no more."""

from collections.abc import Iterable

# Complete names, compared as text: that a name begins with "skdnn." says nothing, as
# "skdnn.training.checkpoint.os.system" does too, and to import a name that a file
# holds, in order to look at it, would run code already. Only classes are here, and of
# these only such as do no more than keep what they are given: a file can call them with
# whatever it likes. tests/test_trusted.py says what is missing, and what has moved.
TYPES = (
    "skdnn.augmentation.averaging.AveragedOverCopies",
    "skdnn.augmentation.base.InARow",
    "skdnn.augmentation.deformations.Affine",
    "skdnn.augmentation.deformations.Deformations",
    "skdnn.augmentation.deformations.Elastic",
    "skdnn.augmentation.others.Erase",
    "skdnn.augmentation.others.MixUp",
    "skdnn.augmentation.others.Noise",
    "skdnn.diagnosis.report.Diagnosis",
    "skdnn.displays.augmentation.AugmentationDisplay",
    "skdnn.displays.comparison.ArchitectureComparisonDisplay",
    "skdnn.displays.curves.GradientNormDisplay",
    "skdnn.displays.curves.TrainingCurveDisplay",
    "skdnn.displays.diagnosis.DiagnosisDisplay",
    "skdnn.displays.importance.FeatureImportanceDisplay",
    "skdnn.displays.learning_rate.LearningRateDisplay",
    "skdnn.displays.predictions.PredictionGridDisplay",
    "skdnn.displays.uncertainty.UncertaintyDisplay",
    "skdnn.displays.weights.WeightGridDisplay",
    "skdnn.estimators.classifier.MLPClassifierDIY",
    "skdnn.estimators.files.Stamp",
    "skdnn.estimators.regressor.MLPRegressorDIY",
    "skdnn.images.deskew.Deskew",
    "skdnn.nn.initializers.Glorot",
    "skdnn.nn.initializers.He",
    "skdnn.nn.initializers.LeCun",
    "skdnn.nn.initializers.Normal",
    "skdnn.nn.layers.dense.Dense",
    "skdnn.nn.layers.dropout.Dropout",
    "skdnn.nn.layers.noise.GaussianNoise",
    "skdnn.nn.layers.normalization.BatchNorm",
    "skdnn.nn.layers.normalization.LayerNorm",
    "skdnn.nn.layers.outputs.Exp",
    "skdnn.nn.layers.outputs.GaussianOutput",
    "skdnn.nn.layers.outputs.Ordered",
    "skdnn.nn.layers.piecewise.PiecewiseLinear",
    "skdnn.nn.layers.rectifiers.ELU",
    "skdnn.nn.layers.rectifiers.LeakyReLU",
    "skdnn.nn.layers.rectifiers.PReLU",
    "skdnn.nn.layers.rectifiers.ReLU",
    "skdnn.nn.layers.rectifiers.SELU",
    "skdnn.nn.layers.residual.Residual",
    "skdnn.nn.layers.scale.Scale",
    "skdnn.nn.layers.sigmoids.Identity",
    "skdnn.nn.layers.sigmoids.Logistic",
    "skdnn.nn.layers.sigmoids.Tanh",
    "skdnn.nn.layers.smooth.GELU",
    "skdnn.nn.layers.smooth.Mish",
    "skdnn.nn.layers.smooth.SiLU",
    "skdnn.nn.layers.smooth.Softplus",
    "skdnn.nn.layers.softmax.Softmax",
    "skdnn.nn.losses.cross_entropies.BinaryCrossEntropy",
    "skdnn.nn.losses.cross_entropies.CategoricalCrossEntropy",
    "skdnn.nn.losses.regression.AbsoluteError",
    "skdnn.nn.losses.regression.GaussianLikelihood",
    "skdnn.nn.losses.regression.Huber",
    "skdnn.nn.losses.regression.PinballLoss",
    "skdnn.nn.losses.regression.PoissonDeviance",
    "skdnn.nn.losses.regression.SquaredError",
    "skdnn.nn.network.Network",
    "skdnn.nn.optimizers.Adam",
    "skdnn.nn.optimizers.AdamW",
    "skdnn.nn.optimizers.SGD",
    "skdnn.nn.schedules.Adaptive",
    "skdnn.nn.schedules.Constant",
    "skdnn.nn.schedules.Cosine",
    "skdnn.nn.schedules.InverseScaling",
    "skdnn.nn.schedules.OneCycle",
    "skdnn.tables.classifier.TabularClassifierDIY",
    "skdnn.tables.encoder.CategoryColumn",
    "skdnn.tables.encoder.NumberColumn",
    "skdnn.tables.encoder.TableEncoder",
    "skdnn.tables.regressor.TabularRegressorDIY",
    "skdnn.training.gradient_descent.GradientDescent",
    "skdnn.training.rules.Rules",
)

# The same classes as files of earlier versions name them, where that still leads there.
EARLIER = (
    "skdnn.displays.GradientNormDisplay",
    "skdnn.displays.PredictionGridDisplay",
    "skdnn.displays.TrainingCurveDisplay",
    "skdnn.nn.layers.BatchNorm",
    "skdnn.nn.layers.Dense",
    "skdnn.nn.layers.Dropout",
    "skdnn.nn.layers.Identity",
    "skdnn.nn.layers.LeakyReLU",
    "skdnn.nn.layers.Logistic",
    "skdnn.nn.layers.ReLU",
    "skdnn.nn.layers.Softmax",
    "skdnn.nn.layers.Tanh",
    "skdnn.nn.losses.BinaryCrossEntropy",
    "skdnn.nn.losses.CategoricalCrossEntropy",
)

# What `pandas.cut` makes, and a table's encoder keeps: the name in pandas 3, and in 2.
OF_OTHERS = ("pandas.Interval", "pandas._libs.interval.Interval")

NAMES = frozenset(TYPES + EARLIER + OF_OTHERS)


def trusted_types(types):
    """Return those types in a skops file that files of this package may hold.

    They are looked up in a list of complete names. Nothing is imported, and no name is
    trusted for what it begins with. They do nothing but keep numbers and settings,
    whatever a file says of them. Of scikit-learn, NumPy and SciPy, skops itself trusts
    what it knows to be harmless; a type that is neither there nor on this list, a
    function or a scorer of your own say, is an error in ``skops.io.load`` that names
    it.

    What a model does later is as its file says: a fit writes to its `checkpoint_dir`.
    Look at ``get_params()`` of a model by others before you train it further. Nor does
    anything limit memory or time: a small file may unpack to more than there is.

    Parameters
    ----------
    types : iterable of str
        What ``skops.io.get_untrusted_types`` returns.

    Returns
    -------
    trusted : list of str
        For ``skops.io.load``: those on the list, as they come in `types`.

    Raises
    ------
    TypeError
        If `types` is a single name, no iterable, or holds anything but strings.

    Examples
    --------
    >>> import skdnn
    >>> types = ["skdnn.nn.network.Network", "skdnn.training.checkpoint.os.system"]
    >>> skdnn.trusted_types(types)
    ['skdnn.nn.network.Network']
    """
    if isinstance(types, str) or not isinstance(types, Iterable):
        raise TypeError(
            "types must be a list of names, as skops.io.get_untrusted_types returns"
            f" it, got {types!r}."
        )
    types = list(types)
    for name in types:
        if not isinstance(name, str):
            raise TypeError(
                "types must hold names, strings as skops.io.get_untrusted_types"
                f" returns them, got {name!r}."
            )
    return [name for name in types if name in NAMES]
