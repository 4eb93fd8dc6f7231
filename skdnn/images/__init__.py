"""Images: where they come from."""

from skdnn.images.datasets import fetch_mnist

__all__ = ["fetch_mnist"]
