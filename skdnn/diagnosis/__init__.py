"""Diagnosis: what ails a trained network, in numbers and in plain sentences."""

from skdnn.diagnosis.report import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
