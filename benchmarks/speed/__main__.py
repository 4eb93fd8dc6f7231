"""Measure time and memory against scikit-learn, torch, skorch and JAX.

Times are of whole calls of `fit` or `predict_proba`, validation of the input and all.
What is compared is called in turn, round by round, so that whatever else the machine
does at the time slows both down.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number
from common.fits import as_planned
from common.in_torch import is_installed
from common.machine import OtherProcesses
from speed.epoch import measure_epoch, measure_extras
from speed.fits import measure_accuracy, measure_regression, measure_small
from speed.layers import measure_layers
from speed.many import measure_many
from speed.memory import measure_memory
from speed.predict import measure_predict
from speed.results import Results
from speed.scaling import measure_scaling
from speed.search import measure_search
from speed.systems import PEERS

FULL = {
    "repeats": 5,
    "train_samples": None,
    "networks": [
        ((100,), 200),
        ((512, 256), 200),
        ((512, 256), 512),
        ((1024, 1024), 200),
        ((1024, 1024), 512),
    ],
    "scikit_learn_until_it_stops": True,
    "fits_to_accuracy": 5,
    "small_epochs": 100,
    "layer_calls": 100,
    "regression_epochs": 10,
    "many_epochs": {"iris": 200, "digits": 50, "mnist": 3},
    "predictions": 200,
    "memory_rows": 60_000,
    "memmap_rows": 10_200_000,  # 8 GB
    "search_samples": 12_000,
    "search_epochs": 5,
    "rows": [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000],
    "units": [16, 32, 64, 128, 256, 512, 1024],
    "scaling_samples": 20_000,
}
QUICK = FULL | {
    "repeats": 2,
    "train_samples": 10_000,
    "networks": [((100,), 200), ((512, 256), 512)],
    "scikit_learn_until_it_stops": False,
    "fits_to_accuracy": 1,
    "small_epochs": 20,
    "layer_calls": 10,
    "regression_epochs": 2,
    "many_epochs": {"iris": 10, "digits": 3, "mnist": 1},
    "predictions": 50,
    "memory_rows": 20_000,
    "memmap_rows": 300_000,
    "search_samples": 2_000,
    "search_epochs": 2,
    "rows": [1_000, 10_000, 100_000],
    "units": [16, 64, 256],
    "scaling_samples": 5_000,
}
SECTIONS = {
    "epoch": measure_epoch,
    "extras": measure_extras,
    "layers": measure_layers,
    "regression": measure_regression,
    "accuracy": measure_accuracy,
    "small": measure_small,
    "many": measure_many,
    "predict": measure_predict,
    "memory": measure_memory,
    "search": measure_search,
    "scaling": measure_scaling,
}


def main():
    """Run the script."""
    parser = Parser(__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="less of everything: under two minutes"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(SECTIONS),
        default=list(SECTIONS),
        metavar="NAME",
        help="sections; the file of results has no others then",
    )
    parser.add_argument(
        "--repeats",
        type=number(int, 1),
        default=None,
        help=f"rounds; None stands for {FULL['repeats']}, or {QUICK['repeats']} with"
        " --quick",
    )
    args = parser.parse_args()
    sizes = QUICK if args.quick else FULL
    if args.repeats is not None:
        sizes = sizes | {"repeats": args.repeats}
    dataset = parser.load_dataset(args.dataset, args.data_home)
    for name in PEERS:
        if not is_installed(name):
            print(f"{name} is not installed: its rows are left out")
    results = Results(args, sizes, dataset)
    with as_planned():
        for name in SECTIONS:
            if name in args.only:
                results.others = OtherProcesses()
                SECTIONS[name](results, sizes, dataset)
    print(f"Written to {results.path}")


if __name__ == "__main__":
    main()
