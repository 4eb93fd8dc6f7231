"""Warnings that point to the user's line, however deep in the package they arise."""

import sys
import warnings

NOT_THE_USERS = {"skdnn", "sklearn", "numpy", "scipy", "joblib", "contextlib"}


def warn_user(message, category=UserWarning):
    """Warn at the nearest line that belongs neither to this package nor below it."""
    level, frame = 2, sys._getframe(1)
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").partition(".")[0] in NOT_THE_USERS
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
