"""MNIST, fetched from OpenML and kept parsed, and the data of the benchmarks."""

import os
import warnings
from http.client import HTTPException
from importlib.util import find_spec

import numpy as np
from joblib import Memory
from sklearn.datasets import fetch_openml, get_data_home, load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

__all__ = ["fetch_mnist", "load_image_dataset"]

_SHAPE = (70_000, 784)
_ROWS = {"all": slice(None), "train": slice(60_000), "test": slice(60_000, None)}


@validate_params(
    {
        "subset": [StrOptions(set(_ROWS))],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_mnist(subset="all", data_home=None, return_X_y=False):
    """Load the MNIST handwritten digits (classification).

    Download them from OpenML if necessary, with
    ``fetch_openml("mnist_784", version=1)``. The parsed arrays are cached beside
    scikit-learn's own copy of the download, so that only the first call parses.

    =================   =======================
    Classes                                  10
    Samples per class         6,313 to 7,877
    Samples total                        70,000
    Dimensionality                          784
    Features            real, between 0 and 1
    =================   =======================

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        The rows to return: all 70,000, or one side of the standard split: the
        first 60,000 for training, the last 10,000 for testing. The order is the
        standard one.

    data_home : str or path-like, default=None
        The folder that holds the download and the parsed arrays. By default it
        is the environment variable `SCIKIT_LEARN_DATA`, or else
        `~/scikit_learn_data`.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    mnist : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes. The arrays are new
        at each call and writable.

        data : ndarray of shape (n_samples, 784), dtype float32
            A row is an image of 28 x 28 pixels, each between 0 (background) and 1.
        target : ndarray of shape (n_samples,), dtype int64
            The digit that each image shows.
        images : ndarray of shape (n_samples, 28, 28), dtype float32
            A view of `data`.
        feature_names : list of str
            The names of the 784 columns.
        target_names : ndarray of shape (10,)
            The class labels, 0 to 9.
        DESCR : str
            OpenML's description of the data set.

    (data, target) : tuple if ``return_X_y`` is True
        The two ndarrays described above.

    Raises
    ------
    OSError
        If MNIST is not cached and cannot be fetched.
    ValueError
        If a parameter is invalid, or if what OpenML sends is not MNIST.

    See Also
    --------
    load_image_dataset : MNIST or a stand-in for it, split for a benchmark.
    sklearn.datasets.fetch_openml : The function that downloads and parses.

    Notes
    -----
    pandas, where it is installed, makes the first call several times as fast.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998). Gradient-based learning
    applied to document recognition. Proceedings of the IEEE, 86(11), 2278-2324.

    Examples
    --------
    >>> from skdnn import fetch_mnist
    >>> X_train, y_train = fetch_mnist("train", return_X_y=True)  # doctest: +SKIP
    >>> X_train.shape, y_train[:5].tolist()  # doctest: +SKIP
    ((60000, 784), [5, 0, 4, 1, 9])
    """
    pixels, labels, feature_names, description = _load_parsed(get_data_home(data_home))
    rows = _ROWS[subset]
    data = np.divide(pixels[rows], 255, dtype=np.float32)
    target = labels[rows].astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        images=data.reshape(-1, 28, 28),
        feature_names=feature_names,
        target_names=np.arange(10),
        DESCR=description,
    )


@validate_params(
    {
        "name": [StrOptions({"auto", "mnist", "digits"})],
        "data_home": [str, os.PathLike, None],
    },
    prefer_skip_nested_validation=True,
)
def load_image_dataset(name="auto", data_home=None):
    """Load a data set of digit images, split for a benchmark.

    Parameters
    ----------
    name : {"auto", "mnist", "digits"}, default="auto"
        The data set:

        - "mnist": MNIST in its standard split, 60,000 images for training and
          10,000 for testing, see :func:`fetch_mnist`;
        - "digits": the 1,797 images that come with scikit-learn, of which a fixed,
          stratified fifth is for testing. It needs no network;
        - "auto": MNIST where it is cached or can be fetched, else the digits, after
          a printed line that says so.

    data_home : str or path-like, default=None
        The folder of MNIST, see :func:`fetch_mnist`.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        X_train, X_test : ndarray of shape (n_samples, n_features), dtype float32
            The images, a row each, with pixels between 0 and 1.
        y_train, y_test : ndarray of shape (n_samples,), dtype int64
            The digit that each image shows.
        image_shape : tuple of 2 int
            Height and width of an image.
        name : str
            The data set that was loaded, "mnist" or "digits".

    Raises
    ------
    OSError
        If `name` is "mnist" and MNIST is not cached and cannot be fetched.
    ValueError
        If a parameter is invalid, or if what OpenML sends is not MNIST.

    Examples
    --------
    >>> from skdnn.images.datasets import load_image_dataset
    >>> digits = load_image_dataset("digits")
    >>> digits.X_train.shape, digits.X_test.shape, digits.image_shape
    ((1437, 64), (360, 64), (8, 8))
    """
    if name != "digits":
        try:
            X, y = fetch_mnist(data_home=data_home, return_X_y=True)
        except OSError as exc:
            if name == "mnist":
                raise
            print(f"Loading scikit-learn's digits instead of MNIST: {exc}")
        else:
            rows = _ROWS["train"], _ROWS["test"]
            parts = [array[part] for array in (X, y) for part in rows]
            return _split(parts, image_shape=(28, 28), name="mnist")
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(
        np.divide(X, 16, dtype=np.float32),
        y.astype(np.int64),
        test_size=0.2,
        stratify=y,
        random_state=0,
    )
    return _split(parts, image_shape=(8, 8), name="digits")


def _split(parts, **further):
    """Return what scikit-learn's train_test_split makes of X and y, by name."""
    names = "X_train", "X_test", "y_train", "y_test"
    return Bunch(**dict(zip(names, parts, strict=True)), **further)


def _load_parsed(data_home):
    """Return what `_parse_openml` does, from the cache in `data_home` if it can."""
    location = os.path.join(data_home, "skdnn")
    try:
        # A folder that moves, or is mounted elsewhere, keeps its cache.
        load = Memory(location, verbose=0).cache(_parse_openml, ignore=["data_home"])
        if not load.check_call_in_cache(data_home):
            # joblib records a function's code in the first store of a process only,
            # and distrusts a store without that record: `clear` writes it. It also
            # shows here, before the long parse, whether the folder can be written.
            load.clear(warn=False)
    except (OSError, ValueError) as exc:  # ValueError: a damaged record
        warnings.warn(
            f"The folder {location}, the cache of the parsed MNIST, cannot be used "
            f"({exc}): this call parses the download again. Make the folder writable, "
            "delete it if it is damaged, or set another data_home.",
            stacklevel=4,  # the caller of fetch_mnist, past validate_params
        )
        load = _parse_openml
    return load(data_home)


def _parse_openml(data_home):
    """Fetch and parse MNIST; joblib stores the result unless this raises.

    Returns
    -------
    pixels : ndarray of shape (70000, 784), dtype uint8
    labels : ndarray of shape (70000,), dtype uint8
    feature_names : list of str
    description : str
    """
    if find_spec("pandas") is not None:
        # Read as a category, an unquoted label becomes an int, on which scikit-learn
        # 1.9.1 fails; it then deletes the file, as if the download had been damaged.
        options = {"parser": "pandas", "read_csv_kwargs": {"dtype": {784: str}}}
    else:
        print(
            "pandas is not installed: parsing MNIST in pure Python, which is done "
            "once, can take a minute; with pandas installed it takes seconds."
        )
        options = {"parser": "liac-arff"}
    try:
        openml = fetch_openml(
            "mnist_784",
            version=1,
            as_frame=False,
            data_home=data_home,
            n_retries=1,
            **options,
        )
    except (OSError, HTTPException) as exc:
        raise OSError(
            f"MNIST is neither cached in {data_home} nor could it be fetched from "
            f"OpenML ({exc}). Connect to the network, or set data_home or the "
            "environment variable SCIKIT_LEARN_DATA to a folder in which "
            "fetch_openml('mnist_784', version=1) has cached it."
        ) from exc
    pixels, labels = _to_uint8(openml.data, openml.target)
    return pixels, labels, openml.feature_names, openml.DESCR


def _to_uint8(data, target):
    """Return OpenML's arrays as C-ordered uint8, once they have passed for MNIST."""
    problem = "OpenML's data set 'mnist_784', version 1, is not the expected MNIST: "
    if data.shape != _SHAPE:
        raise ValueError(f"{problem}its shape is {data.shape}, instead of {_SHAPE}.")
    with np.errstate(invalid="ignore"):  # a missing pixel is a NaN
        pixels = data.astype(np.uint8)
    if not np.array_equal(pixels, data):
        raise ValueError(f"{problem}not all pixels are integers from 0 to 255.")
    # Columns that pandas reads as str keep the single quotes of the file.
    labels = np.char.strip(target.astype(str), "'")
    classes = np.unique(labels).tolist()
    if classes != list("0123456789"):
        raise ValueError(f"{problem}its labels are {classes}, instead of 0 to 9.")
    return np.ascontiguousarray(pixels), labels.astype(np.uint8)
