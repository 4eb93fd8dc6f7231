"""The runs that mnist_classification_train_and_validate.py leaves in its folders."""

import json

from common.arguments import output_dir

# Folders in that of the results
DATA_CACHE_DIR = "metrics"
PLOTS_DIR = "plots"
MODEL_CHECKPOINTS_DIR = "models"
# What is to be known of a run to evaluate it
METRICS = {
    *("name", "training", "dataset", "n_train", "n_validation", "validation_set"),
    *("n_parameters", "best_epoch", "seconds", "machine", "epochs"),
}


def metrics_files(args):
    """Return the files of metrics: in --output-dir, or in the folders of all data."""
    folders = dict.fromkeys(output_dir(args, name) for name in ("mnist", "digits"))
    return [
        path
        for folder in folders
        for path in sorted(folder.glob(f"{DATA_CACHE_DIR}/*.json"))
    ]


def read_metrics(args):
    """Return the metrics of all runs, each with its "folder", and other such files.

    Those are damaged, renamed, or written before runs were told apart by training.
    """
    runs, others = [], []
    for path in metrics_files(args):
        try:
            run = json.loads(path.read_text()) | {"folder": path.parents[1]}
        except (ValueError, TypeError):
            run = {}
        is_whole = run.keys() >= METRICS and run["name"] == path.stem
        (runs if is_whole else others).append(run if is_whole else path)
    return runs, others
