"""Export to ONNX: a fitted estimator alone, or in a pipeline through skl2onnx."""

from skdnn.onnx.converter import register_converter
from skdnn.onnx.model import to_onnx

__all__ = ["register_converter", "to_onnx"]
