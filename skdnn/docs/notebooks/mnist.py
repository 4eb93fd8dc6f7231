# %% [markdown]
# # MNIST, from zero to 99 %
#
# 70,000 digits, written by hand, and a network that learns to read them: the "hello
# world" of machine learning. We begin with nothing, and end with a model in a file that
# reads 99 of 100 digits right. It takes a few minutes, and no GPU.
#
# Every choice on the way is made with *validation* data. The test set is read once, at
# the end.

# %%
import time
import warnings

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin
from sklearn.model_selection import train_test_split

from skdnn import MLPClassifierDIY, diagnose, fetch_mnist
from skdnn.augmentation import Affine, Elastic
from skdnn.displays import (
    AugmentationDisplay,
    PredictionGridDisplay,
    TrainingCurveDisplay,
    WeightGridDisplay,
)

plt.rcParams["figure.dpi"] = 72
# A network that could go on learning says so. Here we know, and stop it early.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

# %% [markdown]
# ## The data
#
# `fetch_mnist` loads MNIST from [OpenML](https://www.openml.org/d/554), once, and keeps
# it. Where that is out of reach, the notebook takes the digits that come with
# scikit-learn: fewer and smaller, but all below runs as well.

# %%
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for each attempt
        X, y = fetch_mnist("train", return_X_y=True)
        X_test, y_test = fetch_mnist("test", return_X_y=True)
    is_mnist = True
except OSError:
    print("MNIST is out of reach: these are scikit-learn's digits of 8 x 8 pixels.\n")
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=0
    )
    is_mnist = False

X_train, X_val, y_train, y_val = train_test_split(
    X, y, test_size=0.1, stratify=y, random_state=0
)
for name, part in {"train": X_train, "validate": X_val, "test": X_test}.items():
    print(f"{len(part):6,} images to {name}, of {part.shape[1]} pixels each")

# %% [markdown]
# Look at the data before you do anything else. A row of `X` is an image, pixel by
# pixel, from 0 (paper) to 1 (ink). Here are eight of each digit.

# %%
side = int(np.sqrt(X.shape[1]))
rows = [
    np.hstack([x.reshape(side, side) for x in X_train[y_train == digit][:8]])
    for digit in range(10)
]
sheet = np.block([rows[digit : digit + 2] for digit in range(0, 10, 2)])
figure, ax = plt.subplots(figsize=(8, 2.5), layout="constrained")
ax.imshow(sheet, cmap="gray_r")
ax.set_axis_off()
print("how often each digit occurs:", np.bincount(y_train))

# %% [markdown]
# ## What would be zero?
#
# A score says little without something to hold it against. Two models that learn next
# to nothing: always say the most frequent digit, or compare with the mean image of
# each.

# %%
most_frequent = np.bincount(y_train).argmax()
means = np.array([X_train[y_train == digit].mean(axis=0) for digit in range(10)])
nearest = pairwise_distances_argmin(X_val, means)
print(f"always {most_frequent}:        {np.mean(y_val == most_frequent):.1%}")
print(f"nearest mean image: {np.mean(nearest == y_val):.1%}")

# %% [markdown]
# ## A first network
#
# One hidden layer of 100 units, and all else as it comes. `X_val` and `y_val` are not
# learned from. They are only watched.


# %%
def fit(clf, X=X_train, y=y_train):
    """Fit a network while the validation set is watched, and say how long it took."""
    start = time.perf_counter()
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    seconds = time.perf_counter() - start
    accuracy = clf.score(X_val, y_val)
    print(f"validation accuracy {accuracy:.2%}, after {seconds:.1f} seconds")
    return clf


n_epochs = 20 if is_mnist else 60
first = fit(MLPClassifierDIY((100,), max_iter=n_epochs, random_state=0))
first.summary()

# %% [markdown]
# ## Read the training curve
#
# The most useful picture there is. It shows the loss, epoch by epoch: solid on the data
# that are learned from, dashed on the validation data.

# %%
_ = TrainingCurveDisplay.from_estimator(first)

# %%
history = first.history_
lowest = min(history, key=lambda row: row["validation_loss"])
for what, row in {"best": lowest, "last": history[-1]}.items():
    print(
        f"{what} epoch, {row['epoch']:2}: loss {row['loss']:.4f} in training,"
        f" {row['validation_loss']:.4f} in validation"
    )

# %% [markdown]
# How to read it:
#
# - Both fall: it learns. Let it go on.
# - The solid line falls and the dashed one no longer does: from here on it learns by
#   heart. More epochs won't help; more data, or other data, will.
# - Neither falls: the learning rate is too small, or something is broken. See below.
#
# ## A better one
#
# Four changes, each a keyword:
#
# - two larger hidden layers;
# - `batch_norm=True`: each unit is centred and scaled, so that larger steps are safe;
# - `learning_rate="one_cycle"`: the steps grow at first, then shrink to almost nothing.
#   This finds a good place and settles in it, all within the epochs it is given;
# - `solver="adamw"`, with `alpha` to keep the weights small.

# %%
settings = {
    "hidden_layer_sizes": (512, 256),
    "batch_norm": True,
    "solver": "adamw",
    "alpha": 0.05,
    "learning_rate": "one_cycle",
    "batch_size": 256 if is_mnist else 64,
    "random_state": 0,
}
better = fit(
    MLPClassifierDIY(
        **settings, learning_rate_init=0.01, max_iter=6 if is_mnist else 20
    )
)
_ = TrainingCurveDisplay.from_estimator({"first": first, "better": better})

# %% [markdown]
# Fewer epochs, a lower validation loss. But the training loss is close to 0: of these
# images the network has nothing more to learn.
#
# ## What goes wrong
#
# Let us break it. A learning rate a hundred times too large is a common accident, and
# there is no error message.

# %%
few = slice(5000)
sick = fit(
    MLPClassifierDIY((100, 100), learning_rate_init=0.2, max_iter=10, random_state=0),
    X_train[few],
    y_train[few],
)
print(diagnose(sick, X_val, y_val))

# %% [markdown]
# `diagnose` looks at each layer and says in plain sentences what is wrong: units that
# never fire get no gradient, so they never learn again. And it says what to do. So, a
# smaller rate:

# %%
healthy = fit(
    MLPClassifierDIY((100, 100), learning_rate_init=0.002, max_iter=10, random_state=0),
    X_train[few],
    y_train[few],
)
print(diagnose(healthy, X_val, y_val))

# %% [markdown]
# ## More data, for nothing
#
# What would help the better network? More digits. A digit that is turned or bent a
# little is still that digit, so we can make them. With `augmentation`, each mini-batch
# is deformed anew.

# %%
if is_mnist:
    deformation = [Affine(rotation=8), Elastic(alpha=1, sigma=5)]
else:  # a pixel is much on 8 x 8
    deformation = [Affine(rotation=8, shift=0.5), Elastic(alpha=0.3, sigma=2)]
examples = [np.argmax(y_train == digit) for digit in (2, 4, 8)]
_ = AugmentationDisplay.from_augmentation(deformation, X_train[examples], n_copies=6)

# %% [markdown]
# Could you still read all of them? That is the test of a deformation: as strong as
# possible, but each a digit you would call by its name.
#
# `label_smoothing=0.1` asks for a little less than certainty, so that the network
# doesn't grow its weights to be ever surer. This takes longer than all before together:
# the images are made as it learns, and never the same twice.

# %%
deformed = fit(
    MLPClassifierDIY(
        **settings,
        augmentation=deformation,
        label_smoothing=0.1,
        learning_rate_init=0.004,
        max_iter=12 if is_mnist else 40,
    )
)
_ = TrainingCurveDisplay.from_estimator(
    {"first": first, "better": better, "deformed": deformed}, metric="score"
)

# %% [markdown]
# Now the dashed line is *above* the solid one: what is learned from is harder than what
# is asked. Nothing is learned by heart any more.
#
# What does it look for? The weights of ten units of the first layer, as images: ink is
# good where they are red, and bad where they are blue.

# %%
_ = WeightGridDisplay.from_estimator(deformed, order="norm", n_units=10, n_columns=5)

# %% [markdown]
# ## Choose, then read the test set
#
# The choice is made on the validation data. Only then do we open the test set, and only
# for the one that is chosen. Had we tried ten models on it and taken the best, its
# score would be too good, and we would not know by how much.

# %%
models = {"first": first, "better": better, "deformed": deformed}
accuracies = {name: clf.score(X_val, y_val) for name, clf in models.items()}
for name, accuracy in accuracies.items():
    print(f"{name:9} {accuracy:.2%} in validation")
name = max(accuracies, key=accuracies.get)
chosen = models[name]

test_accuracy = chosen.score(X_test, y_test)
n_wrong = np.sum(chosen.predict(X_test) != y_test)
spread = np.sqrt(test_accuracy * (1 - test_accuracy) / len(y_test))
print(f"\nChosen: {name}. Test accuracy {test_accuracy:.2%} ± {spread:.2%},")
print(f"{n_wrong} of {len(y_test):,} wrong.")

# %% [markdown]
# The ± is what chance alone does to a score on so many images. Differences below it
# mean nothing.
#
# ## The last mistakes
#
# Those that it was most certain of come first. Would you have known?

# %%
_ = PredictionGridDisplay.from_estimator(
    chosen, X_test, y_test, order="mistakes", n_images=15, n_columns=5
)

# %%
said = chosen.predict(X_test)
pairs = list(zip(y_test[said != y_test], said[said != y_test], strict=True))
for pair in sorted(set(pairs), key=lambda pair: (-pairs.count(pair), pair))[:5]:
    print(f"{pair[0]} read as {pair[1]}: {pairs.count(pair)} times")

# %% [markdown]
# ## Save it, load it
#
# The file holds what was learned. Predictions after loading are the same to the last
# bit. joblib runs code as it loads: load only files that you trust.

# %%
joblib.dump(chosen, "mnist.joblib")
loaded = joblib.load("mnist.joblib")
same = np.array_equal(loaded.predict_proba(X_test), chosen.predict_proba(X_test))
print("the same predictions:", same)

image = X_test[:1]
probabilities = loaded.predict_proba(image)[0]
print(f"the first test image is a {probabilities.argmax()}, says the loaded model,")
print(f"with a probability of {probabilities.max():.0%}")

# %% [markdown]
# ## From here
#
# - Larger networks, more epochs and the same deformations go on:
#   [how far](../../../benchmarks/README.md#the-ladder).
# - [Several networks at once](../../README.md#many-networks) are better than one, and
#   say when they don't know.
# - How does it learn? [Backpropagation, step by step](backpropagation.ipynb), and
#   [the book](../../nn/README.md).
# - Your own data are a table? [From CSV to a model in production](table.ipynb).
