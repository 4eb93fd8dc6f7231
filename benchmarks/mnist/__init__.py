"""Experiments on images: MNIST, or digits where it cannot be had."""
