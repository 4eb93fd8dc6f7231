"""What both estimators for tables share: an encoder, networks, a blend."""

from numbers import Integral
from os import PathLike

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skdnn.estimators.data import check_weights, to_numpy
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


class BaseTabular(CallbackSupportMixin, BaseEstimator):
    """Base of both estimators for tables.

    What differs from one to the other: which network they train, what it says of rows,
    with which shares what several say is blended, and what that scores.
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_networks": [Interval(Integral, 2, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "importances": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "checkpoint_dir": [str, PathLike, None],
    }

    _dropout = None  # its rate behind each hidden layer
    _most_epochs = None  # where `max_iter` is "auto"
    _left_out = None  # the attribute of a network with what it says of rows left out

    def _network(self, **arguments):
        """Return a network to train."""
        raise NotImplementedError

    def _outputs_of(self, network, Z):
        """Return what a fitted network says of encoded rows."""
        raise NotImplementedError

    def _shares_for(self, network, outputs, y, sample_weight):
        """Return the shares with which the outputs of several networks do best."""
        raise NotImplementedError

    def _score_of(self, outputs, y, sample_weight):
        """Return the score of blended outputs."""
        raise NotImplementedError

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
        Z = encoder.fit_transform(X)
        sample_weight = check_weights(sample_weight, Z)
        given = self._given(encoder, X_val, y_val, sample_weight_val)
        networks = self._train(Z, y, sample_weight, given)
        if given:
            outputs = [self._outputs_of(it, given["X_val"]) for it in networks]
            y, sample_weight = y_val, sample_weight_val
        else:
            outputs = [getattr(it, self._left_out) for it in networks]
        y = np.asarray(to_numpy(y))
        shares = self._shares_for(networks[0], outputs, y, sample_weight)
        shares = np.where(shares < SMALLEST_SHARE, 0, shares)
        # Nothing can fail from here on.
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self.encoder_, self.networks_ = encoder, networks
        self.shares_ = shares / shares.sum()
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(encoder, name):
                setattr(self, name, getattr(encoder, name))
        for name in self._from_network:
            setattr(self, name, getattr(networks[0], name))
        if not given:
            blended = self._blend(outputs)
            setattr(self, self._left_out, blended)
            self.oof_score_ = self._score_of(blended, y, sample_weight)
            if self.importances:
                result = importances(self, Z, y, sample_weight)
                self.feature_importances_, self.feature_importances_std_ = result
        return self

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
                X_val = encoder.transform(X_val)
            except (TypeError, ValueError) as error:
                kind = type(error)
                raise kind(f"X_val does not go with X: {error}") from error
            sample_weight_val = check_weights(
                sample_weight_val, X_val, "sample_weight_val"
            )
        names = "X_val", "y_val", "sample_weight_val"
        return dict(zip(names, (X_val, y_val, sample_weight_val), strict=True))

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
            "checkpoint_dir": self.checkpoint_dir,
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
            networks.append(network.fit(Z, y, sample_weight, **given))
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

    @property
    def n_iter_(self):
        """Number of epochs that the networks have been trained for, at most."""
        check_is_fitted(self)
        return max(network.n_iter_ for network in self.networks_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
