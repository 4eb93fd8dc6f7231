"""Time and memory, against scikit-learn, torch, skorch and JAX."""
