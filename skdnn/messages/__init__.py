"""How errors and warnings are worded, and where warnings point. Knows nothing else."""

from skdnn.messages.checks import as_python, check_fits, hold_number
from skdnn.messages.user_warnings import warn_user
from skdnn.messages.words import counted, plain

__all__ = ["as_python", "check_fits", "counted", "hold_number", "plain", "warn_user"]
