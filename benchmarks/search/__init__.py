"""Searches over architectures, on this machine and on a cluster."""
