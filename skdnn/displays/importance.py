"""The picture of how much each column of a table counts."""

import numpy as np
from sklearn.utils import check_consistent_length

from skdnn.displays.common import (
    COLOR,
    HIGHLIGHT,
    check_positive,
    final_estimator,
    make_axes,
)

ROW_HEIGHT = 0.28  # inches


class FeatureImportanceDisplay:
    """How much worse predictions get when a column's values are dealt out to others.

    Use :meth:`from_estimator` to create one. The bars are means, the lines to either
    side standard deviations; columns that hinder more than they help have bars to the
    left.

    Parameters
    ----------
    names : array-like of str of shape (n_columns,)
        What to call the columns.
    importances : array-like of float of shape (n_columns,)
        By how much the score falls.
    stds : array-like of float of shape (n_columns,), default=None
        Their standard deviations.
    score_name : str, default="score"
        What falls.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the bars.
    figure_ : matplotlib Figure
        The figure that contains them.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdnn import TabularClassifierDIY
    >>> from skdnn.displays import FeatureImportanceDisplay
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> clf = TabularClassifierDIY(max_iter=10, importances=True, random_state=0)
    >>> display = FeatureImportanceDisplay.from_estimator(clf.fit(X, y))
    """

    def __init__(self, *, names, importances, stds=None, score_name="score"):
        self.names = names
        self.importances = importances
        self.stds = stds
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator, *, n_columns=20, ax=None):
        """Draw the importances of a fitted estimator.

        Parameters
        ----------
        estimator : TabularClassifierDIY or TabularRegressorDIY
            Fitted with ``importances=True``; also at the end of a pipeline or search.
        n_columns : int, default=20
            How many columns at most, the most important first.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : FeatureImportanceDisplay
        """
        estimator = final_estimator(
            estimator,
            "encoder_",
            "table that it was fitted on",
            "TabularClassifierDIY or TabularRegressorDIY",
        )
        if not hasattr(estimator, "feature_importances_"):
            raise ValueError(
                f"{type(estimator).__name__} has no feature_importances_: fit it with"
                " importances=True, without X_val."
            )
        score_name = "accuracy" if hasattr(estimator, "classes_") else "R²"
        return cls(
            names=[column.name for column in estimator.encoder_.columns_],
            importances=estimator.feature_importances_,
            stds=estimator.feature_importances_std_,
            score_name=score_name,
        ).plot(n_columns=n_columns, ax=ax)

    def plot(self, *, n_columns=20, ax=None):
        """Draw the bars.

        Parameters
        ----------
        n_columns : int, default=20
            How many columns at most, the most important first.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        self : FeatureImportanceDisplay
        """
        check_consistent_length(self.names, self.importances)
        n_columns = check_positive("n_columns", n_columns)
        importances = np.asarray(self.importances, dtype=float)
        chosen = np.argsort(-importances, kind="stable")[:n_columns]
        height = 1 + ROW_HEIGHT * len(chosen)
        self.ax_, self.figure_ = make_axes(ax, height=height)
        values, places = importances[chosen], range(len(chosen))
        stds = None if self.stds is None else np.asarray(self.stds)[chosen]
        colors = [COLOR if value > 0 else HIGHLIGHT for value in values]
        self.ax_.barh(
            places, values, 0.7, xerr=stds, color=colors, error_kw={"ecolor": "0.3"}
        )
        self.ax_.set_yticks(places, [str(self.names[i]) for i in chosen])
        self.ax_.invert_yaxis()
        self.ax_.axvline(0, color="0.3", linewidth=0.8)
        self.ax_.grid(axis="x", color="0.9")
        self.ax_.set_axisbelow(True)
        self.ax_.set_xlabel(f"{self.score_name} lost when the column is shuffled")
        return self
