"""Tests of `skdnn.images.datasets`.

Those of the real MNIST read a copy of a scikit-learn data folder that holds it: the
one that the environment variable SKDNN_TEST_DATA names, else
`../shared/scikit_learn_data` as seen from the repository. The others parse a small
ARFF file, through scikit-learn's own `fetch_openml`, or a fake of it.
"""

import gzip
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from http.client import IncompleteRead
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
from joblib import Memory
from numpy.testing import assert_array_equal
from sklearn.datasets import _openml, load_digits
from sklearn.utils import Bunch

from skdnn.images import datasets
from skdnn.images.datasets import fetch_mnist, load_image_dataset

ROOT = Path(__file__).resolve().parents[2]

# The md5 sums of the original files, uncompressed: train-images-idx3-ubyte and so on.
IDX_MD5 = {
    ("train", "images"): "6bbc9ace898e44ae57da46a324031adb",
    ("train", "labels"): "a25bea736e30d166cdddb491f175f624",
    ("test", "images"): "2646ac647ad5339dbf082846283269ea",
    ("test", "labels"): "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture(autouse=True)
def naps(monkeypatch):
    """Cut the network off; return the seconds slept before new attempts."""

    def no_network(*args, **kwargs):
        raise URLError("no network in tests")

    seconds = []
    monkeypatch.setattr(_openml, "urlopen", no_network)
    monkeypatch.setattr(_openml, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


@pytest.fixture(scope="session")
def real_home(tmp_path_factory):
    """Return a data_home with MNIST as `fetch_openml` caches it."""
    source = os.environ.get("SKDNN_TEST_DATA")
    source = Path(source) if source else ROOT.parent / "shared" / "scikit_learn_data"
    if not (source / "openml").is_dir():
        pytest.skip(f"needs the real MNIST: {source} holds none; set SKDNN_TEST_DATA")
    home = tmp_path_factory.mktemp("real_mnist")
    # A copy: scikit-learn deletes a file that it fails to parse.
    shutil.copytree(source / "openml", home / "openml", copy_function=shutil.copyfile)
    return home


N_SMALL = 40
SMALL_PIXELS = np.random.default_rng(0).integers(0, 256, size=(N_SMALL, 784))
SMALL_LABELS = np.arange(N_SMALL) * 7 % 10


def write_openml(home, pixels=SMALL_PIXELS, labels=SMALL_LABELS, quote="'"):
    """Write what `fetch_openml` would leave in `home` for such a `mnist_784`."""

    def write(path, content):
        path = home / "openml" / "openml.org" / f"{path}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 1))

    n_pixels = len(pixels[0])
    names = [f"pixel{i + 1}" for i in range(n_pixels)] + ["class"]
    classes = [f"{quote}{digit}{quote}" for digit in range(10)]
    lines = ["@RELATION mnist_784"]
    lines += [f"@ATTRIBUTE {name} REAL" for name in names[:-1]]
    lines += [f"@ATTRIBUTE class {{{','.join(classes)}}}", "@DATA"]
    for row, label in zip(pixels, labels, strict=True):
        lines.append(",".join(map(str, row)) + f",{quote}{label}{quote}")
    arff = "\n".join(lines).encode() + b"\n"

    features = [
        {
            "index": str(i),
            "name": name,
            "data_type": "numeric" if i < n_pixels else "nominal",
            "is_target": "false" if i < n_pixels else "true",
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
        }
        for i, name in enumerate(names)
    ]
    description = {
        "id": "554",
        "name": "mnist_784",
        "version": "1",
        "format": "ARFF",
        "status": "active",
        "url": "https://www.openml.org/data/v1/download/52667/mnist_784.arff",
        "md5_checksum": hashlib.md5(arff).hexdigest(),
        "description": "A small MNIST.",
    }
    quality = [{"name": "NumberOfInstances", "value": str(len(pixels))}]
    api = "api/v1/json/data"
    for path, content in {
        f"{api}/list/data_name/mnist_784/limit/2/data_version/1": {
            "data": {"dataset": [{"did": 554, "version": 1, "status": "active"}]}
        },
        f"{api}/554": {"data_set_description": description},
        f"{api}/features/554": {"data_features": {"feature": features}},
        f"{api}/qualities/554": {"data_qualities": {"quality": quality}},
    }.items():
        write(path, json.dumps(content).encode())
    write("data/v1/download/52667/mnist_784.arff", arff)


@pytest.fixture
def small_home(tmp_path, monkeypatch):
    """Return a data_home with a small MNIST, whose size is made the right one."""
    monkeypatch.setattr(datasets, "_SHAPE", SMALL_PIXELS.shape)
    home = tmp_path / "home"
    write_openml(home)
    return home


def assert_small(mnist):
    assert_array_equal(mnist.data, (SMALL_PIXELS / 255).astype(np.float32))
    assert_array_equal(mnist.target, SMALL_LABELS)


def forbid_fetch(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("fetch_openml was called, the parsed arrays were not cached")

    monkeypatch.setattr(datasets, "fetch_openml", fail)


# The real MNIST


@pytest.mark.parametrize("subset", ["train", "test"])
def test_real_subset_is_the_original_file(real_home, subset):
    X, y = fetch_mnist(subset, data_home=real_home, return_X_y=True)
    pixels, labels = np.rint(X * 255).astype(np.uint8), y.astype(np.uint8)
    images_file = struct.pack(">4i", 2051, len(X), 28, 28) + pixels.tobytes()
    labels_file = struct.pack(">2i", 2049, len(y)) + labels.tobytes()
    assert hashlib.md5(images_file).hexdigest() == IDX_MD5[subset, "images"]
    assert hashlib.md5(labels_file).hexdigest() == IDX_MD5[subset, "labels"]


@pytest.mark.parametrize("name", ["mnist", "auto"])
def test_real_image_dataset(real_home, name):
    dataset = load_image_dataset(name, data_home=real_home)
    assert (dataset.name, dataset.image_shape) == ("mnist", (28, 28))
    assert dataset.X_train.shape == (60_000, 784)
    assert dataset.X_test.shape == (10_000, 784)


# What is returned


def test_subsets_are_the_first_60000_and_the_last_10000_rows(tmp_path, monkeypatch):
    rows = np.arange(70_000)
    pixels = np.zeros((70_000, 784), dtype=np.uint8)
    pixels[:, 0], pixels[:, 1] = rows // 300, rows % 300 // 2

    def fetch_openml(*args, **kwargs):
        return Bunch(
            data=pixels,
            target=(rows % 10).astype(str).astype(object),
            feature_names=[],
            DESCR="",
        )

    monkeypatch.setattr(datasets, "fetch_openml", fetch_openml)
    expected = (pixels[:, :2] / 255).astype(np.float32)
    for subset, part in {
        "all": rows,
        "train": rows[:60_000],
        "test": rows[-10_000:],
    }.items():
        X, y = fetch_mnist(subset, tmp_path, True)
        assert X.shape == (len(part), 784)
        assert_array_equal(X[:, :2], expected[part])
        assert_array_equal(y, part % 10)
    dataset = load_image_dataset("mnist", tmp_path)
    assert_array_equal(dataset.X_train[:, :2], expected[:60_000])
    assert_array_equal(dataset.y_test, rows[-10_000:] % 10)


def test_bunch(small_home):
    mnist = fetch_mnist(data_home=small_home)
    assert_small(mnist)
    assert mnist.data.dtype == np.float32
    assert mnist.data.flags.c_contiguous
    assert mnist.target.dtype == np.int64
    assert np.shares_memory(mnist.images, mnist.data)
    assert_array_equal(mnist.images, mnist.data.reshape(N_SMALL, 28, 28))
    assert mnist.feature_names == [f"pixel{i}" for i in range(1, 785)]
    assert mnist.target_names.tolist() == list(range(10))
    assert mnist.DESCR.startswith("A small MNIST.")
    X, y = fetch_mnist(data_home=small_home, return_X_y=True)
    assert_array_equal(X, mnist.data)
    assert_array_equal(y, mnist.target)


def test_arrays_are_new_and_writable_at_each_call(small_home):
    for _ in range(3):  # the first parses, the others read the cache
        mnist = fetch_mnist(data_home=small_home)
        assert_small(mnist)
        mnist.data[:] = 2
        mnist.target[:] = -1
        mnist.feature_names.clear()
    assert len(fetch_mnist(data_home=small_home).feature_names) == 784


@pytest.mark.parametrize(
    ("load", "parameter", "seen", "right"),
    [
        (lambda: fetch_mnist("validation"), "subset", "'validation'", "'train'"),
        (lambda: fetch_mnist(data_home=3), "data_home", "3", "str"),
        (lambda: fetch_mnist(return_X_y="yes"), "return_X_y", "'yes'", "bool"),
        (lambda: load_image_dataset("cifar"), "name", "'cifar'", "'digits'"),
    ],
)
def test_bad_parameter_is_named(load, parameter, seen, right):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter") as error:
        load()
    assert f"Got {seen} instead" in str(error.value)
    assert right in str(error.value)


# Parsing


@pytest.mark.parametrize("quote", ["'", ""], ids=["quoted", "unquoted"])
@pytest.mark.parametrize("parser", ["pandas", "liac-arff"])
def test_both_forms_of_labels(small_home, monkeypatch, capsys, parser, quote):
    write_openml(small_home, quote=quote)
    if parser == "pandas":
        pytest.importorskip("pandas")
    else:
        monkeypatch.setitem(sys.modules, "pandas", None)  # as if not installed
    used = []

    def fetch_openml(*args, **kwargs):
        used.append(kwargs["parser"])
        return _openml.fetch_openml(*args, **kwargs)

    monkeypatch.setattr(datasets, "fetch_openml", fetch_openml)
    assert_small(fetch_mnist(data_home=small_home))
    said = capsys.readouterr().out
    assert ("pandas is not installed" in said) == (parser == "liac-arff")
    assert_small(fetch_mnist(data_home=small_home))
    assert used == [parser]
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("pixel", "label", "width", "message"),
    [
        (256, 3, 784, "integers from 0 to 255"),
        (-1, 3, 784, "integers from 0 to 255"),
        (0.5, 3, 784, "integers from 0 to 255"),
        ("?", 3, 784, "integers from 0 to 255"),
        (0, 10, 784, r"labels are \[.*'10'.*\], instead of 0 to 9"),
        (0, 3, 783, r"shape is \(40, 783\), instead of \(40, 784\)"),
    ],
)
def test_what_is_not_mnist_is_refused_and_not_cached(
    small_home, pixel, label, width, message
):
    pytest.importorskip("pandas")
    pixels, labels = SMALL_PIXELS[:, :width].astype(object), SMALL_LABELS.copy()
    pixels[7, 5], labels[7] = pixel, label
    write_openml(small_home, pixels, labels)
    for _ in range(2):
        with pytest.raises(ValueError, match=f"not the expected MNIST.*{message}"):
            fetch_mnist(data_home=small_home)
    write_openml(small_home)
    assert_small(fetch_mnist(data_home=small_home))


def test_a_class_that_is_missing_is_refused(small_home):
    write_openml(small_home, labels=SMALL_LABELS % 9)
    with pytest.raises(ValueError, match="not the expected MNIST: its labels are"):
        fetch_mnist(data_home=small_home)


# Cache and data_home


@pytest.mark.filterwarnings("ignore:A network error occurred")
def test_environment_variable_and_data_home(small_home, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(small_home))
    assert_small(fetch_mnist())
    assert any(small_home.glob("skdnn/**/output.pkl"))
    # data_home precedes, and may be a path or a string
    for home in [tmp_path / "other", str(tmp_path / "other")]:
        with pytest.raises(OSError, match="neither cached in .*other"):
            fetch_mnist(data_home=home)


def test_cache_outlives_process_move_pandas_and_openml(small_home, tmp_path):
    write_openml(tmp_path / "first")
    for home in [tmp_path / "first", small_home]:
        fetch_mnist(data_home=home)
        # joblib by itself writes this record in the first folder of a process only
        assert any(home.glob("skdnn/**/func_code.py"))
    moved = small_home.rename(tmp_path / "moved")
    shutil.rmtree(moved / "openml")
    script = (
        "import sys; sys.modules['pandas'] = None; from skdnn.images import datasets; "
        "datasets.fetch_openml = None; "
        "print(datasets.fetch_mnist(data_home=sys.argv[1]).target.tolist())"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(moved)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == SMALL_LABELS.tolist()


def test_cache_holds_bytes(small_home):
    fetch_mnist(data_home=small_home)
    (cached,) = small_home.glob("skdnn/**/output.pkl")
    assert cached.stat().st_size < SMALL_PIXELS.size + 20_000


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage"])
def test_damaged_cache_is_parsed_again(small_home, monkeypatch, damage):
    fetch_mnist(data_home=small_home)
    (cached,) = small_home.glob("skdnn/**/output.pkl")
    content = cached.read_bytes()
    cached.write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "empty": b"",
            "garbage": b"\xff" * len(content),
        }[damage]
    )
    assert_small(fetch_mnist(data_home=small_home))
    forbid_fetch(monkeypatch)
    assert_small(fetch_mnist(data_home=small_home))


def test_damaged_record_of_the_cache(small_home, tmp_path):
    # This makes joblib forget that the process has recorded the function, so that it
    # reads the record.
    Memory(tmp_path / "any", verbose=0).clear(warn=False)
    record = (
        small_home / "skdnn/joblib/skdnn/images/datasets/_parse_openml/func_code.py"
    )
    record.parent.mkdir(parents=True)
    record.write_bytes(b"\xff")  # not UTF-8
    with pytest.warns(UserWarning, match="cannot be used .*delete it if it is damaged"):
        assert_small(fetch_mnist(data_home=small_home))


def test_cache_that_cannot_be_used_is_gone_without(small_home):
    # Not a matter of permissions, which would not stop root: a file in the place of
    # the folder.
    (small_home / "skdnn").touch()
    for _ in range(2):
        with pytest.warns(UserWarning, match="skdnn.* cannot be used .*Not a dir"):
            assert_small(fetch_mnist(data_home=small_home))


def test_full_disk(small_home, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("joblib.numpy_pickle.dump", refuse)
    with pytest.warns(Warning, match="No space left on device"):
        assert_small(fetch_mnist(data_home=small_home))


@pytest.mark.filterwarnings("ignore:A network error occurred")
def test_neither_cached_nor_fetched(tmp_path, naps):
    with pytest.raises(OSError) as error:
        fetch_mnist(data_home=tmp_path / "nothing")
    message = str(error.value)
    assert f"neither cached in {tmp_path / 'nothing'}" in message
    assert "no network in tests" in message
    assert "SCIKIT_LEARN_DATA" in message
    assert "data_home" in message
    assert isinstance(error.value.__cause__, URLError)
    assert sum(naps) <= 1
    with pytest.raises(OSError, match="neither cached"):
        load_image_dataset("mnist", data_home=tmp_path / "nothing")


def test_download_cut_short(tmp_path, monkeypatch):
    def fetch_openml(*args, **kwargs):
        raise IncompleteRead(b"")  # no OSError

    monkeypatch.setattr(datasets, "fetch_openml", fetch_openml)
    with pytest.raises(OSError, match="nor could it be fetched .*IncompleteRead"):
        fetch_mnist(data_home=tmp_path)


# The data of the benchmarks


def test_digits():
    dataset = load_image_dataset("digits")
    assert (dataset.name, dataset.image_shape) == ("digits", (8, 8))
    assert (len(dataset.X_train), len(dataset.X_test)) == (1437, 360)
    assert dataset.X_train.dtype == dataset.X_test.dtype == np.float32
    assert dataset.y_train.dtype == dataset.y_test.dtype == np.int64
    assert (dataset.X_train.min(), dataset.X_train.max()) == (0, 1)
    # Together the two sides are scikit-learn's digits, each image with its label.
    X, y = load_digits(return_X_y=True)
    both = np.vstack(
        [
            np.column_stack([dataset.X_train, dataset.y_train]),
            np.column_stack([dataset.X_test, dataset.y_test]),
        ]
    )
    expected = np.column_stack([X / 16, y])
    assert sorted(both.tolist()) == sorted(expected.tolist())
    # A stratified split takes a fifth of each class, to within one image.
    counts = np.bincount(dataset.y_test)
    assert np.abs(counts - np.bincount(y) / 5).max() < 1
    again = load_image_dataset("digits")
    assert_array_equal(again.X_test, dataset.X_test)
    assert_array_equal(again.y_train, dataset.y_train)


@pytest.mark.filterwarnings("ignore:A network error occurred")
def test_auto_falls_back_to_digits_and_says_so(tmp_path, capsys):
    dataset = load_image_dataset(data_home=tmp_path / "nothing")
    assert dataset.name == "digits"
    said = capsys.readouterr().out
    assert "digits instead of MNIST" in said
    assert "no network in tests" in said


def test_auto_does_not_hide_that_the_data_are_wrong(small_home):
    write_openml(small_home, labels=SMALL_LABELS % 9)
    with pytest.raises(ValueError, match="not the expected MNIST"):
        load_image_dataset(data_home=small_home)
