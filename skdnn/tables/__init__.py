"""Tables as they come: numbers, categories and missing values, side by side."""

from skdnn.tables.classifier import TabularClassifierDIY
from skdnn.tables.encoder import TableEncoder
from skdnn.tables.recipe import architecture
from skdnn.tables.regressor import TabularRegressorDIY

__all__ = [
    "TableEncoder",
    "TabularClassifierDIY",
    "TabularRegressorDIY",
    "architecture",
]
