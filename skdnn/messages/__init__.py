"""How errors and warnings are worded, and where warnings point. Knows nothing else."""
