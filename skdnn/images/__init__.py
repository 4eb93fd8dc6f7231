"""Images to learn from: MNIST, fetched once and kept."""

from skdnn.images.datasets import fetch_mnist

__all__ = ["fetch_mnist"]
