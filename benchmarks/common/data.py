"""Which of a data set's images networks learn from, and which they are judged on."""

from sklearn.model_selection import train_test_split

SPLIT_SEED = 0  # of training and validation


def training_samples(dataset, n_samples):
    """Return so many training samples at most, or all if None, stratified by class."""
    return _stratified(dataset.X_train, dataset.y_train, n_samples)


def training_and_validation(dataset, n_samples=None):
    """Set a stratified tenth of the training set aside for validation.

    It is the same whatever is left out of the rest, so that what learned from few
    samples and from many is judged on the same.

    Parameters
    ----------
    dataset : Bunch
    n_samples : int, default=None
        So many for training at most; None for all.

    Returns
    -------
    X_train, X_val, y_train, y_val : ndarray
    """
    X, X_val, y, y_val = train_test_split(
        dataset.X_train,
        dataset.y_train,
        test_size=0.1,
        stratify=dataset.y_train,
        random_state=SPLIT_SEED,
    )
    X, y = _stratified(X, y, n_samples)
    return X, X_val, y, y_val


def _stratified(X, y, n_samples):
    """Return so many samples at most, or all if None, stratified by class."""
    if n_samples is None or n_samples >= len(X):
        return X, y
    X, _, y, _ = train_test_split(
        X, y, train_size=n_samples, stratify=y, random_state=0
    )
    return X, y


def set_aside(dataset):
    """Return training images, the last sixth of them to be judged, and their labels.

    Those of MNIST lie in the order of their writers: neighbours lean alike. Were they
    drawn at random, networks would be judged on hands that they know, which those of
    the test set are not.
    """
    X, y = dataset.X_train, dataset.y_train
    return train_test_split(X, y, test_size=len(X) // 6, shuffle=False)
