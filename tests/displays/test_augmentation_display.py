"""Pictures of rows and their changed copies."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from skdnn.augmentation import Affine, MixUp, Noise
from skdnn.displays import AugmentationDisplay

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]


def test_rows_that_are_mixed_are_displayed_together():
    display = AugmentationDisplay.from_augmentation(MixUp(1.0), X[:3], n_copies=2)
    assert display.images.shape == (3, 3, 8, 8)
    assert_array_equal(display.images[:, 0].reshape(3, -1), X[:3])
    assert not np.array_equal(display.images[:, 0], display.images[:, 1])


def test_display():
    display = AugmentationDisplay.from_augmentation(Noise(), X[:2], n_copies=3)
    assert display.images.shape == (2, 4, 8, 8)
    assert_array_equal(display.images[:, 0].reshape(2, -1), X[:2])
    assert len(display.images_) == 8
    assert not np.array_equal(display.images[0, 1], display.images[0, 2])
    color = np.random.default_rng(0).random((2, 5 * 4 * 3))
    shape = {"image_shape": (5, 4, 3), "n_copies": 2}
    display = AugmentationDisplay.from_augmentation(
        Affine(shape=(5, 4, 3)), color, **shape
    )
    assert display.images_[0].get_array().shape == (5, 4, 3)
    with pytest.raises(ValueError, match="n_copies"):
        AugmentationDisplay.from_augmentation(Noise(), X[:2], n_copies=0)
