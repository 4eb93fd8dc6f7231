"""Checkpoints: the state of a fit in a file that survives a crash.

A file is an ``.npz``: the arrays, and the rest as JSON. The comment at the end of the
archive is a checksum of all that comes before it.
"""

import hashlib
import json
import os
import time
import zipfile
from contextlib import suppress
from io import SEEK_END
from tempfile import TemporaryFile, mkstemp

import numpy as np
from sklearn.utils import check_random_state

from skdnn.training.fingerprint import BLOCK
from skdnn.training.user_warnings import warn_user

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

FORMAT = 3  # of files and arithmetic; goes into the fingerprint, so a new one is new
SIZE = hashlib.sha256().digest_size
# Seconds after its last change for which a file that seems to be left is not touched:
# between making it and locking it, and where locks are not to be had.
YOUNG, OLD = 1, 3600


class Checkpoint:
    """The last two states of one fit, in a directory.

    Parameters
    ----------
    directory : str or path-like
        Made if it is not there, also the ones above it.
    fingerprint : str
        What tells this fit from others. The files are ``<fingerprint>.npz`` and, the
        state before that, ``<fingerprint>.previous.npz``.
    every : int, default=1
        How many epochs lie between two states.
    """

    def __init__(self, directory, fingerprint, every=1):
        self.every = every
        self.directory = os.fspath(directory)
        self.fingerprint = fingerprint
        self.path, self.previous = (
            os.path.join(self.directory, fingerprint + suffix)
            for suffix in (".npz", ".previous.npz")
        )
        self._path_is_good = False

    def begin(self, random_state):
        """Read the last state; return the random numbers for the fit to start with.

        Where `random_state` is None, these are the ones that it started with before.
        """
        self._remove_what_a_crash_left()
        self._state = self.load()
        rng = check_random_state(random_state)
        if random_state is None:
            rng = np.random.RandomState(rng.randint(2**32, size=8, dtype=np.uint32))
            if self._state is not None:
                rng.set_state(self._state["start"])
        self._start = rng.get_state(legacy=False)
        return rng

    def keep_start(self):
        """Write down the random numbers that a fit of several networks starts with."""
        if self._state is None:
            self.probe()
            self.save({"start": self._start})
            self._state = {"start": self._start}

    def resume(self, trainer):
        """Take the trainer, with its data loaded, to the state that was read.

        Unless it is finished then, make sure that more can be written.
        """
        if self._state is not None:
            trainer.restore(self._state["trainer"])
            self._state = None
        if not trainer.finished:
            self.probe()

    def save_if_due(self, trainer):
        """Write the trainer's state if it is finished, or `every` epochs have gone."""
        if trainer.finished or trainer.n_epochs % self.every == 0:
            state = trainer.state(copy=np.asarray)
            self.save({"start": self._start, "trainer": state})
        if trainer.finished:  # this fit may never begin again
            self._remove_what_a_crash_left()

    def probe(self):
        """Make the directory, and raise an OSError if nothing can be written there."""
        try:
            os.makedirs(self.directory, exist_ok=True)
            with TemporaryFile(dir=self.directory) as file:
                file.write(bytes(4096))
                _sync(file)
        except OSError as error:
            raise OSError(
                f"checkpoint_dir={self.directory!r} must be a directory that can be"
                f" written to: {error}"
            ) from error

    def _remove_what_a_crash_left(self):
        with suppress(OSError):  # of a directory that is not there yet
            for name in os.listdir(self.directory):
                if name.startswith(self.fingerprint) and name.endswith(".tmp"):
                    _remove_if_left(os.path.join(self.directory, name))

    def save(self, state):
        """Write a state, and keep the one before it.

        There is a whole file at any moment, and several processes may save at once. A
        warning says if writing fails.

        Parameters
        ----------
        state : dict
            Of dictionaries, lists, numbers, strings, None and arrays.
        """
        temporary = None
        try:
            descriptor, temporary = mkstemp(
                ".tmp", self.fingerprint + ".", self.directory
            )
            with open(descriptor, "w+b") as file:
                _lock(file)  # as long as this process lives, it is not left
                _write(file, {"fingerprint": self.fingerprint, "state": state})
                _sync(file)
            if self._path_is_good:
                with suppress(FileNotFoundError):  # another process was faster
                    os.replace(self.path, self.previous)
            os.replace(temporary, self.path)
            temporary, self._path_is_good = None, True
            _sync_directory(self.directory)
        except OSError as error:
            warn_user(
                f"The checkpoint {self.path} could not be written: {error}. Training"
                " goes on."
            )
        finally:
            if temporary is not None:
                with suppress(OSError):
                    os.unlink(temporary)

    def load(self):
        """Return the last state that is whole, or None.

        A warning names a file that is damaged, or belongs to something else.
        """
        for path in (self.path, self.previous):
            try:
                content = _read(path)
                if content["fingerprint"] != self.fingerprint:
                    raise ValueError("it belongs to another fit")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                warn_user(
                    f"The checkpoint {path} is not used: {error}. Training goes on from"
                    " the one before it, or starts anew where there is none."
                )
            else:
                self._path_is_good = path == self.path
                return content["state"]
        return None


def _remove_if_left(path):
    """Remove a file unless a process may still be writing it."""
    with suppress(OSError):  # as another process may do the same
        age = time.time() - os.path.getmtime(path)
        if age > OLD or (age > YOUNG and _is_unlocked(path)):
            os.unlink(path)


def _is_unlocked(path):
    with open(path, "r+b") as file:
        return _lock(file)


def _lock(file):
    """Lock a file until it is closed; return whether that was possible."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process has, or the file system knows no locks
        return False
    return True


def _write(file, content):
    arrays = {}

    def refer(value):
        if not isinstance(value, np.ndarray):
            return value.item()  # a NumPy number
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"__array__": name}

    text = json.dumps(content, default=refer).encode()
    np.savez(file, json=np.frombuffer(text, np.uint8), **arrays)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = bytes(SIZE)
    checksum = _checksum(file)
    file.seek(-SIZE, SEEK_END)
    file.write(checksum)


def _read(path):
    with open(path, "rb") as file:
        checksum = _checksum(file)
        if file.read() != checksum:
            raise ValueError("it is damaged, or not a checkpoint")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:

            def resolve(value):
                name = value.get("__array__")
                return value if name is None else archive[name]

            return json.loads(archive["json"].tobytes(), object_hook=resolve)


def _checksum(file):
    """Return the checksum of all but the last bytes, and leave the file there."""
    left = file.seek(0, SEEK_END) - SIZE
    file.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (block := file.read(min(left, BLOCK))):
        digest.update(block)
        left -= len(block)
    return digest.digest()


def _sync(file):
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(path):
    """Make a new name last, where the system can."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
