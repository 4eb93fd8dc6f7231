"""What both estimators for tables share: an encoder, networks, a blend."""

from numbers import Integral
from os import PathLike

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skdnn.data.door import take_rows, taken_in
from skdnn.data.numeric import check_weights
from skdnn.estimators.arguments import COUNT
from skdnn.estimators.base import keeps_what_was_learned, learned_in_a_copy
from skdnn.estimators.checking import check_to_score, check_y
from skdnn.estimators.ensemble import predict_left_out
from skdnn.estimators.files import without_paths
from skdnn.estimators.interrupts import parts_of_one
from skdnn.estimators.plain_arguments import reads_arguments
from skdnn.messages.user_warnings import warnings_of_fit
from skdnn.tables.blend import SMALLEST_SHARE
from skdnn.tables.encoder import TableEncoder
from skdnn.tables.importance import importances
from skdnn.tables.recipe import (
    LEARNING_RATES,
    TRAINING,
    architectures,
    batch_size_for,
    epochs_for,
)
from skdnn.training.checkpoint import directory_of


class BaseTabular(CallbackSupportMixin, BaseEstimator):
    """Base of both estimators for tables.

    What differs from one to the other: which network they train, what it says of rows,
    with which shares what several say is blended, and what that scores.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(256, 256)
        The number of units of each hidden layer.
    max_iter : int or "auto", default="auto"
        Number of epochs; "auto" is 60, for numbers to predict 100, or on many rows
        fewer, 20 at least, so that a network sees about a million rows.
    n_networks : int, default=4
        How many networks of each kind to train, at least 2: each leaves out one row in
        so many.
    categorical_features : "from_dtype", array-like of {bool, int, str}, or None, \
            default="from_dtype"
        Which columns are categories, see :class:`TableEncoder`.
    importances : bool, default=False
        Whether to measure `feature_importances_`, which costs some predictions for each
        column.
    n_jobs : int or None, default=None
        Over how many processes the networks are spread, see
        :class:`~skdnn.MLPClassifierDIY`. It does not change the result.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. With an int, two fits give the same bits.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    checkpoint_dir : str, path-like or None, default=None
        A directory in which `fit` keeps its state, so that it can go on after it was
        killed, see :class:`~skdnn.MLPClassifierDIY`.

    Attributes
    ----------
    encoder_ : TableEncoder
        What makes numbers of the columns.
    shares_ : ndarray of shape (n_kinds,)
        The share of each kind of network in the mean.
    oof_score_ : float
        The score, as :meth:`score` has it, of what is said of rows left out. The epochs
        that are kept and the shares were chosen on the same rows: it is a little too
        good. There is none if a validation set was given.
    feature_importances_, feature_importances_std_ : ndarray of shape (n_columns,)
        With `importances`: by how much that score falls when the values of a column are
        dealt out to other rows; mean and standard deviation over three times.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they are all strings.
    target_names_in_ : ndarray of shape (n_outputs,)
        Names of the columns of `y`, where it is a DataFrame of several.
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", COUNT],
        "max_iter": [COUNT, StrOptions({"auto"})],
        "n_networks": [Interval(Integral, 2, 2**31 - 1, closed="both")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "importances": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "checkpoint_dir": [str, PathLike, None],
    }

    # Empty: `with_arguments_of` sets all of them.
    def __init__(
        self,
        hidden_layer_sizes=(256, 256),
        *,
        max_iter="auto",
        n_networks=4,
        categorical_features="from_dtype",
        importances=False,
        n_jobs=None,
        random_state=None,
        verbose=False,
        checkpoint_dir=None,
    ): ...

    _dropout = None  # its rate behind each hidden layer
    _most_epochs = None  # where `max_iter` is "auto"
    _left_out = None  # the attribute of a network with what it says of rows left out

    def _network(self, **arguments):
        """Return a network to train."""
        raise NotImplementedError

    def _outputs_of(self, network, Z):
        """Return what a fitted network says of encoded rows."""
        raise NotImplementedError

    def _to_learn(self, y, sample_weight, Z, name="y"):
        """Return y as networks are to learn it from the encoded rows Z."""
        return y

    def _shares_for(self, network, outputs, y, sample_weight):
        """Return the shares with which the outputs of several networks do best."""
        raise NotImplementedError

    def _score_of(self, outputs, y, sample_weight):
        """Return the score of blended outputs."""
        raise NotImplementedError

    @reads_arguments
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Encode a table, and train networks on it.

        All kinds of networks make the model together: Ctrl-C raises KeyboardInterrupt,
        and the estimator stays as it was. With `checkpoint_dir`, the next fit goes on.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_samples, \
                n_columns)
            Numbers, booleans and categories; values may be missing: see
            :class:`TableEncoder`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, or the numbers to predict; none may be missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The loss is the weighted mean over a mini-batch.
        X_val : like X, default=None
            A validation set. With it, all networks learn from all of `X`, and the
            epochs that are kept and the shares of the kinds are chosen with it.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Its targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Its weights.

        Returns
        -------
        self : estimator
        """
        encoder = TableEncoder(categorical_features=self.categorical_features)
        encoder.set_output(transform="default")  # whatever scikit-learn's settings say
        Z = encoder.fit_transform(X)
        sample_weight = check_weights(sample_weight, Z)
        given = self._given(encoder, X_val, y_val, sample_weight_val)
        learned = self._to_learn(y, sample_weight, Z)
        if given:
            val = given["sample_weight_val"], given["X_val"]
            given["y_val"] = self._to_learn(given["y_val"], *val, name="y_val")
        owner = self
        with warnings_of_fit() as said:
            said.holds = True
            networks = self._train(Z, learned, sample_weight, given)
            if given:
                outputs = [self._outputs_of(it, given["X_val"]) for it in networks]
                learned, sample_weight = given["y_val"], given["sample_weight_val"]
            else:
                outputs = [getattr(it, self._left_out) for it in networks]
            learned = _as_learned(networks[0], learned, "y_val" if given else "y")
            shares = np.ones(len(networks))
            with keeps_what_was_learned("All kinds of networks have an equal share"):
                shares = self._shares_for(networks[0], outputs, learned, sample_weight)
            with learned_in_a_copy(owner) as self:
                self._publish(encoder, networks, shares)
                if not given:
                    y = _as_learned(networks[0], y, "y")
                    self._score_left_out(outputs, Z, y, learned, sample_weight)
        return owner

    def _publish(self, encoder, networks, shares):
        """Set the fitted attributes, those about rows left out apart."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self.encoder_, self.networks_ = encoder, networks
        shares = np.where(shares < SMALLEST_SHARE, 0, shares)
        self.shares_ = shares / shares.sum()
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(encoder, name):
                setattr(self, name, getattr(encoder, name))
        for name in ("target_names_in_", *self._from_network):
            if hasattr(networks[0], name):
                setattr(self, name, getattr(networks[0], name))

    def _score_left_out(self, outputs, Z, y, learned, sample_weight):
        """Set what is said of rows left out, and what that scores.

        The score is on y as it was given, importances on y as it was learned.
        """
        blended = self._blend(outputs)
        setattr(self, self._left_out, blended)
        self.oof_score_ = np.nan
        with keeps_what_was_learned("oof_score_ is NaN"):
            self.oof_score_ = self._score_of(blended, y, sample_weight)
        if self.importances:
            with keeps_what_was_learned("There are no feature_importances_"):

                def score_of(outputs):
                    return self._score_of(outputs, learned, sample_weight)

                result = importances(
                    self.encoder_.columns_,
                    Z,
                    score_of(blended),
                    lambda shuffled: score_of(self._outputs_left_out(shuffled)),
                )
                self.feature_importances_, self.feature_importances_std_ = result

    def _outputs_left_out(self, Z):
        """Return what the networks say of the rows that they have left out."""
        n_samples, outputs = Z.shape[0], []
        for network in self.networks_:
            each, every = network.estimators_, np.arange(n_samples)
            left_out = [np.setdiff1d(every, its) for its in network.estimators_samples_]

            def predict(k, rows, each=each):
                return self._outputs_of(each[k], take_rows(Z, rows))

            outputs.append(predict_left_out(left_out, predict, n_samples)[0])
        return self._blend(outputs)

    def _given(self, encoder, X_val, y_val, sample_weight_val):
        """Return the validation set that was passed to `fit`, as networks take it."""
        if X_val is None and y_val is None and sample_weight_val is None:
            return {}
        if self.importances:
            raise ValueError(
                "importances=True measures on rows that networks leave out, and with"
                " X_val they leave out none. Use"
                " sklearn.inspection.permutation_importance with X_val and y_val."
            )
        if X_val is not None:
            try:
                X_val = encoder.transform(taken_in(X_val, "X_val"))
            except (TypeError, ValueError) as error:
                kind = type(error)
                raise kind(f"X_val does not go with X: {error}") from error
            sample_weight_val = check_weights(
                sample_weight_val, X_val, "sample_weight_val"
            )
        return {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}

    def _train(self, Z, y, sample_weight, given):
        """Return fitted networks, of each kind some."""
        n_samples = Z.shape[0]
        if n_samples < 4:
            raise ValueError(
                f"n_samples = {n_samples}: at least 4 rows are needed, as networks"
                " leave some out."
            )
        seed = self.random_state
        if seed is not None:  # the same for all kinds, which leave out the same rows
            seed = check_random_state(seed).randint(2**31 - 1)
        n_networks = min(self.n_networks, n_samples)
        n_learned = n_samples if given else n_samples - -(-n_samples // n_networks)
        arguments = {
            **TRAINING,
            "batch_size": min(batch_size_for(n_samples), n_learned),
            "max_iter": self._n_epochs(n_samples),
            "n_networks": n_networks,
            "resampling": None if given else "folds",
            "early_stopping": bool(given),
            "n_jobs": self.n_jobs,
            "random_state": seed,
            "verbose": self.verbose,
            "checkpoint_dir": directory_of(self.checkpoint_dir),
        }
        networks = []
        sizes = self.hidden_layer_sizes
        for kind, layers in architectures(Z, sizes, self._dropout).items():
            network = self._network(
                architecture=layers,
                learning_rate_init=LEARNING_RATES[kind],
                **arguments,
            )
            network.set_callbacks(*getattr(self, "_skl_callbacks", ()))
            try:
                with parts_of_one():
                    networks.append(network.fit(Z, y, sample_weight, **given))
            except MemoryError as error:
                raise MemoryError(f"hidden_layer_sizes={sizes}: {error}") from error
        return networks

    def _n_epochs(self, n_samples):
        if self.max_iter == "auto":
            return epochs_for(n_samples, self._most_epochs)
        return self.max_iter

    def _blend(self, outputs):
        """Return the mean of what the networks of each kind say, by their shares."""
        return sum(
            share * output
            for share, output in zip(self.shares_.tolist(), outputs, strict=True)
            if share
        )

    def _outputs(self, X):
        """Return what all networks together say of a table."""
        check_is_fitted(self)
        Z = self.encoder_.transform(X)
        return self._blend(
            [
                self._outputs_of(network, Z) if share else None
                for share, network in zip(self.shares_, self.networks_, strict=True)
            ]
        )

    def _to_score(self, X, y, sample_weight):
        """Return y and weights as metrics take them, checked as those of `fit` are."""
        check_is_fitted(self)
        return check_to_score(self.networks_[0], X, y, sample_weight)

    @property
    def n_iter_(self):
        """Number of epochs that the networks have been trained for, at most."""
        check_is_fitted(self)
        return max(network.n_iter_ for network in self.networks_)

    def __getstate__(self):
        return without_paths(super().__getstate__())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _as_learned(network, y, name):
    """Return y as a fitted network has learned it, with labels or in units of its own.

    What was checked for the network, of whatever library, is an array here as well.
    """
    task = network.task
    y = check_y(network, y, name)
    return task.restore(task.encode(y, name), y)
