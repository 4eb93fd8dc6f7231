"""Images to learn from: MNIST, fetched once and kept, and images set upright."""

from skdnn.images.datasets import fetch_mnist
from skdnn.images.deskew import Deskew

__all__ = ["Deskew", "fetch_mnist"]
