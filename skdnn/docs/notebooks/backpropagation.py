# %% [markdown]
# # Backpropagation, step by step
#
# A network learns by moving each of its numbers a little, in the direction that makes
# the loss smaller. Backpropagation finds these directions, for all numbers at once.
# Here we do it by hand, in NumPy, for a network so small that every matrix can be
# printed. Next to each line stands what `skdnn.nn` computes, and the two have to agree.
#
# [The book](../../nn/README.md) derives each equation, with a diagram. You need the
# chain rule and products of matrices, no more.

# %%
import matplotlib.pyplot as plt
import numpy as np

from skdnn.nn import (
    BatchNorm,
    CategoricalCrossEntropy,
    Dense,
    Network,
    ReLU,
    Softmax,
    gradient_check,
)

plt.rcParams.update({"figure.dpi": 80, "figure.constrained_layout.use": True})
np.set_printoptions(precision=3, suppress=True)
COLORS = ["#0072B2", "#D55E00", "#009E73"]


def same(name, mine, theirs):
    """Say whether two arrays are equal, to rounding."""
    assert np.shape(mine) == np.shape(theirs)
    print(f"{name:6} {np.shape(mine)!s:8} equal: {np.allclose(mine, theirs)}")


# %% [markdown]
# ## A tiny data set
#
# Points on three arms of a spiral, and we want to know which arm a point is on. We take
# two points of each arm to look at matrices, and more of them later, to train.
#
# A sample is a row: `X` has a row for each point. `Y` has a 1 in the column of the
# right arm, and 0 in the others.


# %%
def spiral(n_per_arm, seed):
    """Return points on three arms, and the arm of each."""
    rng = np.random.default_rng(seed)
    arm = np.repeat(range(3), n_per_arm)
    radius = np.tile(np.linspace(0.2, 1.8, n_per_arm), 3)
    angle = 2 * np.pi * arm / 3 + 1.6 * radius + rng.normal(0, 0.15, len(arm))
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), arm


def draw(ax, X, y):
    """Draw points, each in the colour of its arm."""
    ax.scatter(*X.T, c=[COLORS[k] for k in y], edgecolor="white", s=45, zorder=3)
    ax.set_aspect("equal")


X, y = spiral(2, seed=3)
X_many, y_many = spiral(80, seed=0)
Y, Y_many = np.eye(3)[y], np.eye(3)[y_many]
m = len(X)

figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharex=True, sharey=True)
draw(axes[0], X, y)
axes[0].set_title(f"the {m} points to look at")
draw(axes[1], X_many, y_many)
axes[1].set_title(f"the {len(X_many)} points to train on")
print("X =", X, "Y =", Y, sep="\n")

# %% [markdown]
# ## The network
#
# Four hidden units, and an output for each arm. We use float64, as we are about to
# compare numbers.
#
# All parameters lie in one flat vector. `views` shows those of each layer in it, with
# their gradients.

# %%
network = Network([Dense(4), ReLU(), Dense(3), Softmax()], 2, np.float64)
network.initialize(np.random.RandomState(7))
print(network.summary())

W1, b1 = network.views[0]["weights"], network.views[0]["bias"]
W2, b2 = network.views[2]["weights"], network.views[2]["bias"]
print("\nW1 =", W1, "W2 =", W2, sep="\n")

# %% [markdown]
# ## Forward, by hand
#
# From left to right, four lines:
#
# $$Z_1 = X W_1 + b_1, \qquad A_1 = \max(Z_1, 0), \qquad Z_2 = A_1 W_2 + b_2, \qquad
# P = \mathrm{softmax}(Z_2)$$
#
# The softmax makes probabilities of any numbers: $e^z$ makes them positive, and a
# division makes each row sum to 1. Subtracting the largest number of a row first
# changes nothing, as it cancels, and keeps $e^z$ from overflowing.


# %%
def softmax(Z):
    """Return probabilities, row by row."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


Z1 = X @ W1 + b1
A1 = np.maximum(Z1, 0)
Z2 = A1 @ W2 + b2
P = softmax(Z2)

same("P", P, network.predict(X))
print("A1 =", A1, "P =", P, sep="\n")

# %% [markdown]
# Look at the zeros of `A1`: there a unit is off. Remember them, they come back.
#
# ## The loss
#
# How bad is that? Of each sample, take the probability of the right arm. The loss is
# minus its logarithm: 0 where the network is sure and right, large where it is sure and
# wrong. Then take the mean over the samples:
#
# $$L = -\frac{1}{m} \sum_i \sum_k y_{ik} \log p_{ik}$$
#
# This is the only $1/m$ in the whole notebook. We will come back to that.

# %%
L = -(Y * np.log(P)).sum() / m

cross_entropy = CategoricalCrossEntropy()
workspace = network.workspace(m)  # the buffers for mini-batches of m samples
L_network = network.backpropagate(X, Y, cross_entropy, workspace)
same("L", L, L_network)
print(f"L = {L:.4f}; a network that knows nothing has log 3 = {np.log(3):.4f}")

# %% [markdown]
# `backpropagate` went forward and backward. The gradients are in `network.views` now.
# We find each of them by hand, from the last layer to the first.
#
# ## Backward 1: the loss and the softmax
#
# Write $dZ$ for $\partial L / \partial Z$: it has the shape of $Z$, and says for each
# element by how much $L$ grows when that element grows. Through the softmax and the
# logarithm together, all but a difference cancels
# ([derivation](../../nn/README.md#the-fused-gradient)):
#
# $$dZ_2 = \frac{1}{m} (P - Y)$$
#
# *What was said, less what is right.* It is the most beautiful equation of the field.

# %%
dZ2 = (P - Y) / m

figure, axes = plt.subplots(1, 3, figsize=(7.5, 3))
for ax, name, values, cmap in zip(
    axes,
    ["P", "Y", "dZ2 = (P - Y) / m"],
    [P, Y, dZ2],
    ["Greys", "Greys", "RdBu_r"],
    strict=True,
):
    limit = np.abs(values).max()
    low = -limit if cmap == "RdBu_r" else 0
    ax.imshow(values, cmap=cmap, vmin=low, vmax=limit, aspect="auto")
    for (i, k), value in np.ndenumerate(values):
        color = "white" if abs(value) > 0.6 * limit else "black"
        ax.text(k, i, f"{value:.2f}", ha="center", va="center", color=color)
    ax.set(title=name, xticks=range(3), yticks=range(m), xlabel="arm")
axes[0].set_ylabel("sample")
print("row sums of dZ2:", dZ2.sum(axis=1).round(12) + 0.0)

# %% [markdown]
# Red is "lower this", blue is "raise this". Only the right arm is blue. Each row sums
# to 0: to raise one probability is to lower the others.
#
# ## Backward 2: the output layer
#
# $z_{ik} = \sum_j a_{ij} w_{jk} + b_k$. Where does $w_{jk}$ appear? In column $k$ of
# every sample, each time with the factor $a_{ij}$. Follow each way, multiply along it,
# add the ways up:
#
# $$dW_2 = A_1^T \, dZ_2, \qquad db_2 = \mathbf{1}^T dZ_2, \qquad
# dA_1 = dZ_2 \, W_2^T$$
#
# The shapes leave no other choice: try to find another product that has the shape of
# $W_2$. The last one, $dA_1$, is what we hand on to the layer before.

# %%
dW2 = A1.T @ dZ2
db2 = dZ2.sum(axis=0)
dA1 = dZ2 @ W2.T

same("dW2", dW2, network.views[2]["d_weights"])
same("db2", db2, network.views[2]["d_bias"])
print("dW2 =", dW2, sep="\n")

# %% [markdown]
# One element, the slow way, to see that the product of matrices does no magic:

# %%
dw = sum(A1[i, 1] * dZ2[i, 2] for i in range(m))
print(f"dW2[1, 2] is {dW2[1, 2]:.6f}, and added up sample by sample {dw:.6f}")

# %% [markdown]
# ## Backward 3: the ReLU
#
# A unit that is on lets the gradient through. One that is off stops it: a small change
# of its input changes nothing.
#
# $$dZ_1 = dA_1 \odot [A_1 > 0]$$

# %%
dZ1 = np.where(A1 > 0, dA1, 0)
print("A1 > 0:", (A1 > 0).astype(int), "dZ1 =", dZ1, sep="\n")

# %% [markdown]
# The same zeros as in `A1`. If a column is 0 for *all* samples, that unit learns
# nothing, ever: it is dead.
#
# ## Backward 4: the first layer
#
# Nothing new, the equations of a dense layer once more, with $X$ in the place of
# $A_1$. That is the whole point: a layer needs to know nothing of the others.

# %%
dW1 = X.T @ dZ1
db1 = dZ1.sum(axis=0)

same("dW1", dW1, network.views[0]["d_weights"])
same("db1", db1, network.views[0]["d_bias"])
print("dW1 =", dW1, sep="\n")

# %% [markdown]
# Done. The whole of backpropagation for two layers is six lines. Here they are in one
# piece, for use below.


# %%
def forward_backward(X, Y, W1, b1, W2, b2):
    """Return the loss, and the gradient of each parameter."""
    A1 = np.maximum(X @ W1 + b1, 0)
    P = softmax(A1 @ W2 + b2)
    loss = -(Y * np.log(np.maximum(P, 1e-300))).sum() / len(X)  # no logarithm of 0
    dZ2 = (P - Y) / len(X)
    dZ1 = (dZ2 @ W2.T) * (A1 > 0)
    return loss, (X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0))


# %% [markdown]
# ## The gradient check
#
# How do we know that the gradient is right, and not only what two programs agree on?
# Ask the definition. Move a single number up and down by a small $h$, and see what the
# loss does:
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w + h) - L(w - h)}{2 h}$$
#
# This needs no derivation, so it can't share a mistake with one. It takes two forward
# passes for each number, so nobody trains with it.


# %%
def numerical_gradient(array, h):
    """Return the central differences of the loss, for each element of a parameter."""
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + h
        above, _ = forward_backward(X, Y, W1, b1, W2, b2)
        array[index] = value - h
        below, _ = forward_backward(X, Y, W1, b1, W2, b2)
        array[index] = value
        result[index] = (above - below) / (2 * h)
    return result


print("by differences:", numerical_gradient(W2, 1e-5), sep="\n")
print("by hand:", dW2, sep="\n")

# %% [markdown]
# Which $h$? A large one is not local, a small one is lost in rounding: double precision
# has about 16 digits, and the two losses share most of them. In between is a valley.

# %%
steps = np.logspace(-12, 0, 49)
errors = [
    np.linalg.norm(numerical_gradient(W2, h) - dW2) / np.linalg.norm(dW2) for h in steps
]
figure, ax = plt.subplots(figsize=(6, 3))
ax.loglog(steps, errors, color=COLORS[0])
ax.set(xlabel="step h", ylabel="relative error of dW2")
ax.grid(color="0.9")

# %% [markdown]
# `gradient_check` does this for every parameter and for the input. Right
# gradients agree to many digits, wrong ones to one or two at best.

# %%
for name, error in gradient_check(network, X, Y, cross_entropy).items():
    print(f"{name:16} {'right' if error < 1e-6 else 'WRONG'}")

# %% [markdown]
# ## One step of gradient descent
#
# The gradient $g$ points to where the loss grows fastest. So go the other way, by a
# small step, the *learning rate* $\eta$:
#
# $$\theta \leftarrow \theta - \eta \, g$$
#
# For small $\eta$ we know beforehand what that brings: the loss falls by
# $\eta \lVert g \rVert^2$. For large $\eta$ the promise does not hold.

# %%
gradient, start = network.gradients.copy(), network.parameters.copy()
rates = np.linspace(0, 6, 121)
losses = []
for rate in rates:
    network.parameters[:] = start - rate * gradient
    losses.append(forward_backward(X, Y, W1, b1, W2, b2)[0])
network.parameters[:] = start

figure, ax = plt.subplots(figsize=(6, 3))
ax.plot(rates, losses, color=COLORS[0], label="loss after the step")
ax.plot(rates, L - rates * (gradient @ gradient), "--", color="0.5", label="promised")
ax.set(xlabel="learning rate", ylabel="loss", ylim=(0, 1.1 * max(losses)))
ax.grid(color="0.9")
_ = ax.legend()
for rate in (0.1, 1.0):
    i = np.abs(rates - rate).argmin()
    print(
        f"rate {rate}: the loss falls by {L - losses[i]:.4f},"
        f" promised {rate * (gradient @ gradient):.4f}"
    )
best = np.argmin(losses)
print(f"lowest at a rate of {rates[best]:.1f}, with a loss of {losses[best]:.4f}")

# %% [markdown]
# ## The training loop
#
# Step after step, and that is training. Now with all points, more hidden units, and
# the lines of above, nothing else.

# %%
n_units = 32
rng = np.random.default_rng(0)
params = [
    rng.normal(0, 1, (2, n_units)),
    np.zeros(n_units),
    rng.normal(0, 1 / np.sqrt(n_units), (n_units, 3)),
    np.zeros(3),
]
first = [p.copy() for p in params]
history = []
for _ in range(1500):
    loss, gradients = forward_backward(X_many, Y_many, *params)
    for p, g in zip(params, gradients, strict=True):
        p -= 0.5 * g
    history.append(loss)


def decide(X, W1, b1, W2, b2):
    """Return the most probable arm."""
    return (np.maximum(X @ W1 + b1, 0) @ W2 + b2).argmax(axis=1)


grid = np.stack(np.meshgrid(*[np.linspace(-2.1, 2.1, 200)] * 2), axis=-1)
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2))
axes[0].semilogy(history, color=COLORS[0])
axes[0].set(xlabel="step", ylabel="loss", title="the loss")
axes[0].grid(color="0.9")
for ax, title, values in zip(
    axes[1:], ["before", "after"], [first, params], strict=True
):
    arms = decide(grid.reshape(-1, 2), *values).reshape(200, 200)
    ax.contourf(
        *grid.transpose(2, 0, 1), arms, [-0.5, 0.5, 1.5, 2.5], colors=COLORS, alpha=0.3
    )
    draw(ax, X_many, y_many)
    ax.set_title(f"{title}: {np.mean(decide(X_many, *values) == y_many):.0%} right")

# %% [markdown]
# ## Why 1/m stands in one place
#
# The loss is a mean over $m$ samples, so $1/m$ is in the loss. From there the chain
# rule carries it, inside $dZ_2$, to every gradient. It has no second one to offer: $dW
# = A^T dZ$ is a *sum* over samples, of terms that are $1/m$ each already.
#
# Here is a test that needs no theory. Take every sample twice. The mean stays the same,
# so the gradient must too.


# %%
def gradient_norms(n_copies, extra_factor):
    """Return the norm of dW1 and dW2 where each sample is there several times."""
    rows = np.tile(np.arange(m), n_copies)
    _, (dW1, _, dW2, _) = forward_backward(X[rows], Y[rows], W1, b1, W2, b2)
    return [np.linalg.norm(dW) * extra_factor(len(rows)) for dW in (dW1, dW2)]


for name, factor in {
    "1/m once": lambda m: 1,
    "1/m twice": lambda m: 1 / m,
    "no 1/m": lambda m: m,
}.items():
    print(name)
    for n_copies in (1, 2, 4):
        norms = gradient_norms(n_copies, factor)
        print(f"   m = {m * n_copies:2}: dW1 {norms[0]:.4f}   dW2 {norms[1]:.4f}")

# %% [markdown]
# ## What a wrong factor does
#
# Some books write $dW = \frac{1}{m} A^T dZ$. They are right: their $dZ$ is $P - Y$,
# without the factor. Mix the two conventions, and the gradient is divided twice.
#
# Nothing breaks then. The direction is right, only the length is wrong, and the loss
# falls. That is why the mistake survives. But the batch size has become a part of the
# learning rate. Watch one learning rate with three batch sizes:


# %%
def train(batch_size, extra_factor, rate=0.5, n_steps=400):
    """Return the loss on all points, every ten steps."""
    rng = np.random.default_rng(0)
    params, losses = [p.copy() for p in first], []
    for step in range(n_steps):
        rows = rng.choice(len(X_many), batch_size, replace=False)
        _, gradients = forward_backward(X_many[rows], Y_many[rows], *params)
        for p, g in zip(params, gradients, strict=True):
            p -= rate * extra_factor(batch_size) * g
        if step % 10 == 9:
            losses.append(forward_backward(X_many, Y_many, *params)[0])
    return losses


figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2), sharey=True)
for ax, (name, factor) in zip(
    axes,
    {
        "1/m once: as it should be": lambda m: 1,
        "1/m twice": lambda m: 1 / m,
        "no 1/m: the sum": lambda m: m,
    }.items(),
    strict=True,
):
    for color, batch_size in zip(COLORS, (8, 32, 128), strict=True):
        curve = train(batch_size, factor)
        ax.semilogy(
            range(10, 401, 10), curve, color=color, label=f"batches of {batch_size}"
        )
    ax.set(title=name, xlabel="step")
    ax.grid(color="0.9")
axes[0].set_ylabel("loss on all points")
_ = axes[0].legend()

# %% [markdown]
# Once: the three fall together, and one learning rate suits them all. Twice: the larger
# the batch, the slower. As a sum: the larger the batch, the longer the steps, and at
# this rate they throw the weights about.
#
# And the gradient check says so at once, without any training:

# %%
numerical = numerical_gradient(W2, 1e-5)
for name, factor in {"1/m once": 1, "1/m twice": 1 / m, "no 1/m": m}.items():
    error = np.linalg.norm(factor * dW2 - numerical)
    error /= np.linalg.norm(factor * dW2) + np.linalg.norm(numerical)
    print(f"{name:10} relative error {error:.2f}")

# %% [markdown]
# ## Batch normalization, by hand
#
# Now the layer whose backward pass most people look up. Forward, for each feature $j$:
# subtract the mean of the mini-batch, divide by the standard deviation, then scale and
# shift by two numbers that are learned.
#
# $$\mu = \frac{1}{m} \sum_i a_i, \qquad c_i = a_i - \mu, \qquad
# v = \frac{1}{m} \sum_i c_i^2 + \varepsilon, \qquad
# y_i = \gamma \frac{c_i}{\sqrt{v}} + \beta$$
#
# Here $1/m$ appears again, as these means are part of the *forward* pass. It has
# nothing to do with that of the loss.

# %%
with_norm = Network(
    [Dense(4), BatchNorm(), ReLU(), Dense(3), Softmax()], 2, np.float64
).initialize(np.random.RandomState(1))
W1, b1 = with_norm.views[0]["weights"], with_norm.views[0]["bias"]
gamma, beta = with_norm.views[1]["gamma"], with_norm.views[1]["beta"]
W2, b2 = with_norm.views[3]["weights"], with_norm.views[3]["bias"]
rng = np.random.default_rng(0)
gamma[:], beta[:] = rng.normal(1, 0.3, 4), rng.normal(0, 0.3, 4)  # not only 1 and 0
epsilon = BatchNorm().epsilon

A = X @ W1 + b1
mu = A.mean(axis=0)
C = A - mu
v = (C**2).mean(axis=0) + epsilon
B = gamma * C / np.sqrt(v) + beta  # what batch normalization puts out
H = np.maximum(B, 0)
P = softmax(H @ W2 + b2)
L = -(Y * np.log(P)).sum() / m
same("L", L, with_norm.backpropagate(X, Y, cross_entropy, with_norm.workspace(m)))

# %% [markdown]
# Backward, down to what the normalization put out, is as before. $\gamma$ and $\beta$
# are like a weight and a bias:
#
# $$d\beta = \sum_i dy_i, \qquad d\gamma = \sum_i dy_i \, \frac{c_i}{\sqrt{v}}$$

# %%
dB = ((P - Y) / m @ W2.T) * (H > 0)
dbeta = dB.sum(axis=0)
dgamma = (dB * C / np.sqrt(v)).sum(axis=0)
same("dbeta", dbeta, with_norm.views[1]["d_beta"])
same("dgamma", dgamma, with_norm.views[1]["d_gamma"])

# %% [markdown]
# Then $da$. The input $a_i$ reaches the loss on three ways: directly, through the
# variance and through the mean. These two depend on *all* samples. So go step by step,
# from the output back:
#
# 1. $dc_i$ directly: $dy_i \, \gamma / \sqrt{v}$.
# 2. Through $v$: every $y_i$ depends on it, with
#    $dv = -\frac{1}{2} v^{-3/2} \, \gamma \sum_i dy_i c_i$. And $v$ depends on $c_i$,
#    with $2 c_i / m$.
# 3. Through $\mu$: every $c_i$ has it with the factor $-1$, so $d\mu = -\sum_i dc_i$.
#    And $\mu$ depends on $a_i$, with $1/m$.

# %%
dC = dB * gamma / np.sqrt(v)  # 1
dv = (dB * gamma * C).sum(axis=0) * -0.5 * v**-1.5
dC += dv * 2 * C / m  # 2
dmu = -dC.sum(axis=0)
dA = dC + dmu / m  # 3

dW1, db1 = X.T @ dA, dA.sum(axis=0)
same("dW1", dW1, with_norm.views[0]["d_weights"])
same("db1", db1, with_norm.views[0]["d_bias"])

# %% [markdown]
# Put together and tidied up, it is the one line of
# [`BatchNorm.backward`](../../nn/layers/normalization.py):
#
# $$da_i = \frac{\gamma}{\sqrt{v}} \left( dy_i - \frac{1}{m} \sum_l dy_l
# - \frac{c_i}{m v} \sum_l dy_l c_l \right)$$
#
# Two things can be read off it. What is subtracted makes the column sums of $dA$ zero:
# to move all samples together changes nothing, as the mean is taken away. So the bias
# in front of a batch normalization has no gradient, and no use.

# %%
one_line = gamma / np.sqrt(v) * (dB - dbeta / m - C / (m * v) * (dB * C).sum(axis=0))
same("dA", dA, one_line)
print("column sums of dA:", dA.sum(axis=0).round(12) + 0.0)

# %% [markdown]
# And the mistake to make here is to take mean and variance for constants. Then only way
# 1 is left. How much is missing?

# %%
frozen = X.T @ (dB * gamma / np.sqrt(v))
error = np.linalg.norm(frozen - dW1) / np.linalg.norm(dW1)
cosine = (frozen * dW1).sum() / np.linalg.norm(frozen) / np.linalg.norm(dW1)
print(f"dW1 with mean and variance held fixed is off by {error:.0%} of its norm,")
print(f"and points {np.degrees(np.arccos(cosine)):.0f} degrees away from the gradient")

# %%
for name, error in gradient_check(with_norm, X, Y, cross_entropy).items():
    print(f"{name:18} {'right' if error < 1e-6 else 'WRONG'}")

# %% [markdown]
# ## Your turn
#
# - Put `Tanh` in the place of the ReLU. Only one line of the backward pass changes:
#   which one, and to what? Check it with differences.
# - Add a penalty $\frac{\alpha}{2} \sum w^2$ to the loss. What comes to $dW$? Where
#   does its factor stand if the gradient was divided twice?
# - Give sample 0 the weight of two others: $r = (2, 1, \dots) / \sum$ in the place of
#   $1/m$. What is $dZ_2$ now?
# - In the training loop, start with all weights 0. Why does it not learn?
#
# The answers are in [the book](../../nn/README.md), which goes on with [all layers and
# losses in one table](../../nn/README.md#all-layers-and-losses-in-one-table),
# [dropout](../../nn/README.md#dropout), [a worked
# example](../../nn/README.md#a-worked-example) and
# [optimizers](../../nn/README.md#optimizers).
