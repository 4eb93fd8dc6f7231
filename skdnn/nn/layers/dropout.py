"""Dropout."""

from numbers import Real

import numpy as np

from skdnn.messages import hold_number
from skdnn.nn.layers.base import layer
from skdnn.nn.layers.noise import StochasticLayer


@layer
class Dropout(StochasticLayer):
    """Inverted dropout: ``Y = A M / (1 - rate)``, with M 0 or 1 at random.

    Each activation is dropped with probability `rate`, independently; those that stay
    are scaled up so that the expected value is A, and inference has nothing to do.
    ``dA = dY M / (1 - rate)``, with the same M.

    Parameters
    ----------
    rate : float
        The probability that an activation is set to 0, in [0, 1); taken to the nearest
        multiple of 2⁻¹⁶, which is what 16 random bits an activation can tell apart.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a
    simple way to prevent neural networks from overfitting".
    """

    rate: float

    def __post_init__(self):
        hold_number(self, "rate", Real, 0, 1)

    def kept_shapes(self, n_rows, n_inputs):
        return {"scaled_mask": (n_rows, n_inputs)}

    def disturb(self, A, slot):
        M = slot.scaled_mask
        dropped = min(round(self.rate * 2**16), 2**16 - 1)
        for rng, kept, scaled in self.each(slot, slot.mask, M):
            # Raw bits: a third of the time that random floats take.
            bits = rng.bit_generator.random_raw(-(-kept.size // 4)).view(np.uint16)
            np.greater_equal(bits[: kept.size], dropped, out=kept)
            np.multiply(kept, 2**16 / (2**16 - dropped), out=scaled, dtype=M.dtype)
        return np.multiply(A, M, out=slot.output)

    def backward(self, dY, slot):
        return np.multiply(dY, slot.scaled_mask, out=slot.d_input)
