"""What a saved estimator says about itself: who wrote it, and in which format."""

from dataclasses import dataclass
from os import PathLike, fsdecode

from skdnn.version import __version__

FORMAT = 1  # raise it where what is saved gets another meaning
OLDEST = 0  # the oldest format that can be read; 0 stands for files without a stamp
KEY = "_skdnn"


@dataclass(frozen=True)
class Stamp:
    """The format and version that wrote a file.

    It is the first entry of the state of an estimator: loading fails here, with an
    error that says why, before anything is read that might have changed.
    """

    number: int = FORMAT
    version: str = __version__

    def __setstate__(self, state):
        _check(**state)
        vars(self).update(state)


def _check(number, version, **_):
    if OLDEST <= number <= FORMAT:
        return
    later = " or later" if number > FORMAT else ""
    raise ValueError(
        f"This model was saved by skdnn {version} in file format {number}; skdnn"
        f" {__version__} reads formats {OLDEST} to {FORMAT}. Install skdnn"
        f" {version}{later} to load it, or fit the model again."
    )


def stamped(state):
    """Return the state with a stamp in front."""
    return {KEY: Stamp(FORMAT, __version__), **state}


def opened(state):
    """Return the state without its stamp; raise an error if there is none."""
    state = dict(state)
    if state.pop(KEY, None) is None:
        _check(0, "0.1.0 or before")
    return state


def without_paths(state):
    """Return the state with text in the place of paths, which skops does not trust."""
    return {
        name: fsdecode(value) if isinstance(value, PathLike) else value
        for name, value in state.items()
    }
