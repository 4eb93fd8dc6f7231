"""The models that are compared, each with its defaults."""

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OrdinalEncoder, StandardScaler

from skdnn import TableEncoder, TabularClassifierDIY, TabularRegressorDIY
from tables.sources import categories_of


class Encoded:
    """A model behind numbers for labels, and columns as it takes them."""

    def __init__(self, model, prepare=lambda X: X, encode_labels=True):
        self.model, self.prepare, self.encode_labels = model, prepare, encode_labels

    def fit(self, X, y):
        """Fit the model."""
        if self.encode_labels:
            self.labels = LabelEncoder().fit(y)
            self.classes_, y = self.labels.classes_, self.labels.transform(y)
        self.model.fit(self.prepare(X), y)
        return self

    def predict(self, X):
        """Return predicted numbers."""
        return self.model.predict(self.prepare(X))

    def predict_proba(self, X):
        """Return probabilities."""
        return self.model.predict_proba(self.prepare(X))


def with_ordinal_numbers(model):
    """Return a model behind numbers for categories."""
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=-1,
        encoded_missing_value=-2,
    )
    chosen = make_column_selector(dtype_include="category")
    columns = make_column_transformer((ordinal, chosen), remainder="passthrough")
    return make_pipeline(columns, model)


def filled(X):
    """Return a table without missing numbers, as RealMLP and TabM need it."""
    return X.fillna(X.select_dtypes("number").median())


def texts(X):
    """Return a table whose categories are texts, as CatBoost wants it."""
    names = categories_of(X)
    return X.astype(dict.fromkeys(names, object)).fillna(dict.fromkeys(names, "?"))


def skrubbed(network):
    """Return a network behind skrub's preparation."""
    import skrub

    return skrub.tabular_pipeline(network)


def boosted(kind, classification, X):
    """Return gradient-boosted trees of a library."""
    if kind == "LightGBM":
        from lightgbm import LGBMClassifier, LGBMRegressor

        trees = LGBMClassifier if classification else LGBMRegressor
        return trees(verbose=-1, random_state=0)
    if kind == "XGBoost":
        from xgboost import XGBClassifier, XGBRegressor

        trees = XGBClassifier if classification else XGBRegressor
        return Encoded(
            trees(enable_categorical=True, random_state=0),
            encode_labels=classification,
        )
    from catboost import CatBoostClassifier, CatBoostRegressor

    trees = CatBoostClassifier if classification else CatBoostRegressor
    model = trees(
        verbose=0,
        random_state=0,
        cat_features=categories_of(X),
        allow_writing_files=False,
    )
    return Encoded(model, texts, classification)


def of_pytabkit(kind, classification):
    """Return a network of pytabkit."""
    import pytabkit

    suffix = "Classifier" if classification else "Regressor"
    model = getattr(pytabkit, f"{kind}_{suffix}")(random_state=0, device="cpu")
    return Encoded(model, filled, classification)


def ours(classification, X):
    """Return the estimator of this package."""
    kind = TabularClassifierDIY if classification else TabularRegressorDIY
    return kind(n_jobs=2, random_state=0)


# Each takes whether it is classification, and the columns; None stands for a package.
MODELS = {
    "linear": (
        None,
        lambda c, X: make_pipeline(
            TableEncoder(),
            StandardScaler(with_mean=False),
            LogisticRegression(max_iter=1000) if c else Ridge(),
        ),
    ),
    "random forest": (
        None,
        lambda c, X: with_ordinal_numbers(
            (RandomForestClassifier if c else RandomForestRegressor)(
                n_jobs=2, random_state=0
            )
        ),
    ),
    "HistGradientBoosting": (
        None,
        lambda c, X: (
            HistGradientBoostingClassifier if c else HistGradientBoostingRegressor
        )(random_state=0),
    ),
    "LightGBM": ("lightgbm", lambda c, X: boosted("LightGBM", c, X)),
    "XGBoost": ("xgboost", lambda c, X: boosted("XGBoost", c, X)),
    "CatBoost": ("catboost", lambda c, X: boosted("CatBoost", c, X)),
    "MLP of scikit-learn, skrub": (
        "skrub",
        lambda c, X: skrubbed((MLPClassifier if c else MLPRegressor)(random_state=0)),
    ),
    "RealMLP-TD-S": ("pytabkit", lambda c, X: of_pytabkit("RealMLP_TD_S", c)),
    "RealMLP-TD": ("pytabkit", lambda c, X: of_pytabkit("RealMLP_TD", c)),
    "TabM-D": ("pytabkit", lambda c, X: of_pytabkit("TabM_D", c)),
    "Tabular...DIY": (None, ours),
}
SLOW = {"RealMLP-TD", "TabM-D"}
