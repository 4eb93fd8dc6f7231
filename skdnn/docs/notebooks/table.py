# %% [markdown]
# # A table, from CSV to a model in production
#
# A company wants to know which customers are about to leave. It has a table, with
# numbers, categories and holes, as tables have. We read it, predict in three lines,
# compare honestly, look at what counts, and end with a function that a service can
# call, which needs neither scikit-learn nor this package.
#
# It runs with `pip install ".[pandas,onnx]"`.

# %%
import textwrap

import joblib
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
from sklearn.calibration import CalibrationDisplay
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skdnn
from skdnn import TabularClassifierDIY
from skdnn.displays import FeatureImportanceDisplay

plt.rcParams["figure.dpi"] = 72
pd.set_option("display.precision", 3)

# %% [markdown]
# ## The table
#
# The customers are made up, so that nothing has to be downloaded. Who leaves depends on
# several things at once: many do in their first months; a call to the hotline is a bad
# sign, less so for those with the app; a high fee is one for those who use little. Luck
# plays no part, but it is in the table. And those who leave rarely answer the survey.


# %%
def make_customers(n, seed):
    """Return a table of customers, and whether they left."""
    rng = np.random.default_rng(seed)
    contract = rng.choice(["monthly", "one year", "two years"], n, p=[0.5, 0.3, 0.2])
    months = np.ceil(rng.gamma(1.3, 18, n)).clip(1, 120)
    city = rng.choice(["Bonn", "Kiel", "Köln", "Ulm"], n, p=[0.25, 0.25, 0.35, 0.15])
    payment = rng.choice(["card", "debit", "transfer"], n, p=[0.35, 0.45, 0.2])
    data_gb = rng.lognormal(2, 0.9, n).round(1)
    fee = (12 + 6 * np.log1p(data_gb) + rng.normal(0, 5, n)).clip(5).round(2)
    calls = rng.poisson(0.7 + 0.7 * (city == "Kiel"))
    has_app = rng.random(n) < 0.6
    satisfaction = rng.integers(1, 6, n).astype(float)
    score = (
        -3.0
        + 2.0 * (contract == "monthly")
        - 1.5 * (contract == "two years")
        + 4.0 * np.exp(-months / 8)
        + np.where(has_app, 0.3, 1.3) * calls.clip(max=4)
        + 0.25 * (fee - 10 - 7 * np.log1p(data_gb)).clip(-8, 8)
        - 0.8 * (satisfaction - 3)
        + 1.5 * ((payment == "transfer") & (city != "Bonn"))
    )
    left = rng.random(n) < 1 / (1 + np.exp(-score))
    table = pd.DataFrame(
        {
            "city": city,
            "contract": contract,
            "payment": payment,
            "months": months,
            "fee": fee,
            "data_gb": data_gb,
            "calls": calls,
            "has_app": has_app,
            "satisfaction": satisfaction,
            "luck": rng.integers(0, 100, n),
            "left": np.where(left, "yes", "no"),
        }
    )
    table.loc[rng.random(n) < 0.1, "data_gb"] = np.nan
    table.loc[rng.random(n) < 0.05, "payment"] = None
    table.loc[rng.random(n) < np.where(left, 0.6, 0.3), "satisfaction"] = np.nan
    return table


make_customers(4000, seed=0).to_csv("customers.csv", index=False)
with open("customers.csv", encoding="utf-8") as file:
    print("".join(file.readline() for _ in range(5)))

# %% [markdown]
# From here on we have the file, and nothing else. Half of it is set aside for the test.

# %%
customers = pd.read_csv("customers.csv")
X, y = customers.drop(columns="left"), customers["left"]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
print(f"{len(X_train):,} to learn from, {len(X_test):,} to test")
print(f"{np.mean(y_train == 'yes'):.0%} of them left")
pd.DataFrame(
    {
        "type": X.dtypes.astype(str),
        "values": X.nunique(),
        "missing": X.isna().mean().map("{:.0%}".format),
        "for example": X.iloc[0].astype(str),
    }
)

# %% [markdown]
# ## Three lines
#
# No imputing, no scaling, no encoding, nothing to tune. `importances=True` is for
# later.

# %%
clf = TabularClassifierDIY(importances=True, random_state=0)
clf.fit(X_train, y_train)
pd.DataFrame(clf.predict_proba(X_test), columns=clf.classes_).head()

# %% [markdown]
# It has trained several networks, and each left out a part of the rows. What they say
# of the rows they left out gives a score without any further data: *out of fold*. The
# epochs were chosen on the same rows, so it is a little too good.

# %%
print(f"{len(clf.networks_)} kinds of networks, {clf.n_networks} of each")
print(f"accuracy, out of fold: {clf.oof_score_:.3f}")

# %% [markdown]
# ## An honest comparison
#
# Against what? A model is only as good as its rivals are well done:
#
# - a logistic regression, in a pipeline that fills holes, says where they were, scales,
#   and encodes categories;
# - gradient boosted trees, with their defaults;
# - the same, tuned by cross-validation on the training data.
#
# None of them sees the test set before the last line.

# %%
text = ["city", "contract", "payment"]
logistic = make_pipeline(
    make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), text),
        remainder=make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
        ),
    ),
    LogisticRegression(max_iter=1000),
)
logistic.fit(X_train, y_train)


def as_categories(X):
    """Return the table as the trees want it: texts as categories."""
    levels = {name: X_train[name].dropna().unique() for name in text}
    return X.astype({name: pd.CategoricalDtype(its) for name, its in levels.items()})


trees = HistGradientBoostingClassifier(random_state=0)
tuned = GridSearchCV(
    trees,
    {"learning_rate": [0.03, 0.1], "max_leaf_nodes": [4, 8, 31]},
    scoring="neg_log_loss",
    cv=3,
)
trees.fit(as_categories(X_train), y_train)
tuned.fit(as_categories(X_train), y_train)
print("the best trees:", tuned.best_params_)

# %%
said = {
    "TabularClassifierDIY": clf.predict_proba(X_test),
    "trees, tuned": tuned.predict_proba(as_categories(X_test)),
    "trees, defaults": trees.predict_proba(as_categories(X_test)),
    "logistic regression": logistic.predict_proba(X_test),
}
is_yes = (y_test == "yes").to_numpy()
pd.DataFrame.from_dict(
    {
        name: {
            "accuracy": np.mean((P[:, 1] > 0.5) == is_yes),
            "log loss": log_loss(is_yes, P[:, 1]),
            "area under ROC": roc_auc_score(is_yes, P[:, 1]),
        }
        for name, P in said.items()
    },
    orient="index",
)

# %% [markdown]
# Is the first really better, or lucky with these customers? Draw the test set anew many
# times, with replacement, and see how far the difference of the log losses moves.


# %%
def row_losses(P):
    """Return the log loss of each customer."""
    return -np.log(np.where(is_yes, P[:, 1], P[:, 0]))


rng = np.random.default_rng(0)
draws = rng.integers(0, len(y_test), (2000, len(y_test)))
for rival in list(said)[1:]:
    gain = row_losses(said[rival]) - row_losses(said["TabularClassifierDIY"])
    low, high = np.percentile(gain[draws].mean(axis=1), [2.5, 97.5])
    print(f"better than {rival:19} by {gain.mean():.3f} [{low:.3f}, {high:.3f}]")

# %% [markdown]
# In brackets: where 95 % of the draws lie. If 0 is among them, call the two equal: on
# this table, that is. [On many tables](../../../benchmarks/README.md#tables) there is
# more to see.
#
# Who acts on a probability needs it to be true: of those who are given 30 %, do 30 %
# leave? Near the diagonal they do.

# %%
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
for name in ("TabularClassifierDIY", "trees, defaults"):
    CalibrationDisplay.from_predictions(
        is_yes, said[name][:, 1], n_bins=8, strategy="quantile", name=name, ax=ax
    )
ax.set(xlabel="predicted probability", ylabel="share that left")
ax.grid(color="0.9")

# %% [markdown]
# ## What counts
#
# How much worse is it when the values of one column are dealt out to other customers?
# Measured on rows left out, so what was learned by heart does not count.

# %%
_ = FeatureImportanceDisplay.from_estimator(clf)

# %% [markdown]
# Luck should be near 0. The lines show by how much chance moves a bar, and a bar to the
# left says that the model would do as well without that column.
#
# A warning: this says what the *model* uses, not what makes customers leave. To ask
# them the survey question more often would change nothing.
#
# ## When the data are wrong
#
# In production, one day a column will not be what it was. A model that then predicts
# anyway is worse than none.


# %%
def attempt(what, table):
    """Predict, and show the error if there is one."""
    try:
        P = clf.predict_proba(table)
    except ValueError as error:
        print(f"{what}:\n{textwrap.indent(textwrap.fill(str(error), 84), '  ')}\n")
    else:
        print(f"{what}:\n  {P[0, 1]:.0%} for the first customer\n")


today = X_test.head(3)
attempt("As it should be", today)
attempt("Prices as text", today.assign(fee=["19,99 €", "25,00 €", "31,50 €"]))
attempt("A column is missing", today.drop(columns="fee"))
attempt("Divided by zero", today.assign(fee=np.inf))
attempt("A number in the place of a text", today.assign(contract=12))

# %% [markdown]
# But some things are part of life, and no errors: a hole where there was none, and a
# city that is new.

# %%
attempt("No fee known", today.assign(fee=np.nan))
attempt("A new city", today.assign(city="Rom"))

# %% [markdown]
# ## Save it
#
# joblib runs code as it loads: load only files that you trust.
# [skops](https://skops.readthedocs.io) loads data, and objects of types that you name.

# %%
joblib.dump(clf, "model.joblib")
loaded = joblib.load("model.joblib")
P = clf.predict_proba(X_test)
print(
    "joblib, the same to the last bit:", np.array_equal(loaded.predict_proba(X_test), P)
)

try:
    import skops.io
except ImportError:
    print("skops is not installed")
else:
    skops.io.dump(clf, "model.skops")
    types = skops.io.get_untrusted_types(file="model.skops")
    ours = skdnn.trusted_types(types)
    print(f"skops asks to trust {len(types)} types, {len(ours)} of them of skdnn")
    loaded = skops.io.load("model.skops", trusted=ours)
    equal = np.array_equal(loaded.predict_proba(X_test), P)
    print("skops, the same to the last bit:", equal)

# %% [markdown]
# ## To production: ONNX
#
# [ONNX](https://onnx.ai) is a file format for models that many languages can run. The
# whole model goes in, with the encoding of the columns: each column is an input,
# numbers as doubles, texts as strings. A hole is NaN, or an empty string.

# %%
model = skdnn.to_onnx(clf)
with open("model.onnx", "wb") as file:
    file.write(model.SerializeToString())

session = onnxruntime.InferenceSession("model.onnx")
for it in session.get_inputs():
    print(f"{it.name:13} {it.type}")


# %%
def as_inputs(X):
    """Return the columns of a table as the session wants them."""
    feed = {}
    for it in session.get_inputs():
        column = X[it.name]
        if it.type == "tensor(string)":
            values = column.astype(object).where(column.notna(), "").to_numpy()
        else:
            values = column.to_numpy(dtype=float, na_value=np.nan)
        feed[it.name] = values.reshape(-1, 1)
    return feed


label, P_onnx = session.run(None, as_inputs(X_test))
print("the same labels:", np.array_equal(label, clf.predict(X_test)))
print("the same probabilities, to 1e-5:", np.allclose(P_onnx, P, atol=1e-5))

# %% [markdown]
# Check this with your own table before you rely on it. It takes one line.
#
# ## A function for a service
#
# A request is a dictionary. This is all there is to it, and it imports NumPy and
# onnxruntime, nothing else. The model does not check what comes in, so the function
# does.


# %%
def load_predictor(path):
    """Return a function from a customer to the probability that they leave."""
    session = onnxruntime.InferenceSession(path)
    is_text = {it.name: it.type == "tensor(string)" for it in session.get_inputs()}

    def predict(customer):
        """Return the probability; what is not known is left out or None."""
        if unknown := customer.keys() - is_text.keys():
            raise ValueError(f"Unknown: {', '.join(sorted(unknown))}.")
        feed = {}
        for name, wants_text in is_text.items():
            value = customer.get(name)
            if value is None:
                value = "" if wants_text else np.nan
            elif isinstance(value, str) != wants_text:
                kind = "text" if wants_text else "a number"
                raise ValueError(f"{name} must be {kind}, got {value!r}.")
            elif not wants_text and not np.isfinite(value):
                raise ValueError(f"{name} must be finite, got {value!r}.")
            feed[name] = np.array([[value]], dtype=object if wants_text else float)
        _, probabilities = session.run(None, feed)
        return float(probabilities[0, 1])

    return predict


predict = load_predictor("model.onnx")
customer = {
    "city": "Kiel",
    "contract": "one year",
    "months": 3,
    "fee": 29.9,
    "calls": 2,
}
print(f"a new customer who called twice: {predict(customer):.0%}")
print(f"the same one, two years later:   {predict(customer | {'months': 27}):.0%}")
for mistake in ({"fee": "39,90"}, {"contrakt": "monthly"}, {"fee": float("inf")}):
    try:
        predict(customer | mistake)
    except ValueError as error:
        print(error)

# %% [markdown]
# Does it agree with the model that we trained? For the first customers of the test set:

# %%
records = X_test.head(100).astype(object)
records = records.where(records.notna(), None).to_dict("records")
P_service = [predict(record) for record in records]
print("the same as predict_proba:", np.allclose(P_service, P[:100, 1], atol=1e-5))

# %% [markdown]
# ## From here
#
# - Before it goes live, fit once more on all rows, `clf.fit(X, y)`. Nothing is chosen
#   any more, and more data are better.
# - Numbers to predict, not classes: `TabularRegressorDIY`, the same way.
# - How it works: [a table as it comes](../../README.md#a-table-as-it-comes).
# - How a network learns: [backpropagation, step by step](backpropagation.ipynb).
