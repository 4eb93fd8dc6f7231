"""Checkpoints: the state of a fit in a file that survives a crash.

A file is an ``.npz``: the arrays, and the rest as JSON. The comment at the end of the
archive is a checksum of all that comes before it.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import time
import zipfile
from contextlib import contextmanager, suppress
from io import SEEK_END
from tempfile import TemporaryFile, mkstemp

import numpy as np
from sklearn.utils import check_random_state

from skdnn.messages.user_warnings import warn_user
from skdnn.training.fingerprint import BLOCK, fingerprint_of
from skdnn.training.schema import check_value, generator_like

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

FORMAT = 4  # of files and arithmetic; goes into the fingerprint, so a new one is new
SIZE = hashlib.sha256().digest_size
ADDRESS = re.compile(r"[A-Za-z][\w+.-]+:/")  # s3://..., but not C:/...
# Seconds after its last change for which a file that seems to be left is not touched:
# between making it and locking it, and where locks are not to be had.
YOUNG, OLD = 1, 3600


def directory_of(checkpoint_dir):
    """Return the directory that `checkpoint_dir` stands for.

    Absolute, so that it stays the same where the program, or a process that it starts,
    is in another directory later.

    Parameters
    ----------
    checkpoint_dir : str, path-like or None
        "~" and "~user" are home directories.

    Returns
    -------
    directory : str or None

    Raises
    ------
    ValueError
        If there can be no such directory.
    """
    if checkpoint_dir is None:
        return None
    try:
        path = os.path.expanduser(os.fsdecode(checkpoint_dir))
        os.fsencode(path)
        if not path:
            raise ValueError("it is empty; '.' is the current directory")
        if "\0" in path:
            raise ValueError("it has a null byte")
        if ADDRESS.match(path):
            raise ValueError(
                "it is an address, and would be a directory of that name here; mount"
                f" what it stands for, or write {'./' + path!r} if you mean that"
            )
        if path.startswith("~"):
            raise ValueError(f"there is no such user; {'./' + path!r} is a directory")
        return os.path.abspath(path)
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"checkpoint_dir={checkpoint_dir!r} must be the path of a directory:"
            f" {error}."
        ) from error


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

    Attributes
    ----------
    start : dict
        The state of the random numbers that the fit starts with.
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
        self._refused = set()  # paths, of which there has been a warning

    def begin(self, random_state):
        """Return the random numbers for the fit to start with.

        Where `random_state` is None, these are the ones that it started with before.
        """
        self._remove_what_a_crash_left()
        rng = check_random_state(random_state)
        if random_state is None:
            rng = np.random.RandomState(rng.randint(2**32, size=8, dtype=np.uint32))
            self.start = rng.get_state(legacy=False)
            if (state := self._last_state(self._check_start)) is not None:
                rng.set_state(state["start"])
        self.start = rng.get_state(legacy=False)
        return rng

    def share_start(self, rng):
        """Let `rng` start where it does for whoever was first to begin this fit.

        The start is written twice, so that one file may be lost. What is kept of the
        networks has the start in its name: of another start, it is not found.
        """
        start = self._found_start()
        for path in (self.path, self.previous):
            if start is None:  # or else damaged, and the next one may do
                self.probe()
                self._write(path, {"start": self.start}, put=_put_if_free)
                start = self._found_start()
        if start is not None:
            self.start = start
            rng.set_state(start)
        for path in (self.path, self.previous):
            if self._start_in(path) != fingerprint_of(self.start):
                self._write(path, {"start": self.start})

    def _found_start(self):
        state = self._last_state(self._check_start)
        return None if state is None else state["start"]

    def _start_in(self, path):
        """Return the fingerprint of the start that a file holds, or None."""
        try:
            return fingerprint_of(self._read(path)["start"])
        except Exception:
            return None

    def _check_start(self, state):
        check_value(state["start"], generator_like(self.start), "start")

    def resume(self, trainer, rules):
        """Take the trainer, with its data loaded, to the last state of this fit.

        Unless it is finished then, make sure that more can be written.

        Parameters
        ----------
        trainer : Trainer
        rules : dict
            Of the fit, see :meth:`Trainer.check`.
        """

        def check(state):
            if state.keys() != {"start", "trainer"}:
                raise ValueError(f"it has {sorted(state)}")
            self._check_start(state)
            if fingerprint_of(state["start"]) != fingerprint_of(self.start):
                raise ValueError("it is of a fit that started otherwise")
            trainer.check(state["trainer"], **rules)

        if (state := self._last_state(check)) is not None:
            trainer.restore(state["trainer"])
        if not trainer.finished:
            self.probe()

    def save_if_due(self, trainer):
        """Write the trainer's state if it is finished, or `every` epochs have gone."""
        if trainer.finished or trainer.n_epochs % self.every == 0:
            with _warned(self.path):
                state = trainer.state(copy=np.asarray)
                self.save({"start": self.start, "trainer": state})
        if trainer.finished:  # this fit may never begin again
            self._remove_what_a_crash_left()

    def probe(self):
        """Make the directory, and raise an OSError if nothing can be written there."""
        try:
            os.makedirs(self.directory, exist_ok=True)
            with TemporaryFile(dir=self.directory) as file:
                file.write(bytes(4096))
                _sync(file)
        except MemoryError:  # which says nothing of the directory
            pass
        except OSError as error:
            raise OSError(
                f"checkpoint_dir={self.directory!r} must be a directory that can be"
                f" written to: {error}"
            ) from error

    def _remove_what_a_crash_left(self):
        # The directory may not be there yet; and no fit is to be lost for this.
        with suppress(OSError, MemoryError):
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

        def put(temporary, path):
            if self._path_is_good:
                with suppress(OSError):  # another process was faster
                    os.replace(path, self.previous)
            os.replace(temporary, path)
            self._path_is_good = True

        self._write(self.path, state, put)

    def _write(self, path, state, put=None):
        """Write a state to a path, or warn if that fails."""
        with _warned(path), self._temporary_file() as (file, temporary):
            _write(file, {"fingerprint": self.fingerprint, "state": state})
            _sync(file)
            file.close()
            (put or os.replace)(temporary, path)
            _sync_directory(self.directory)

    @contextmanager
    def _temporary_file(self):
        """Yield a new file and its path, of which nothing stays."""
        temporary = None
        try:
            descriptor, temporary = mkstemp(
                ".tmp", self.fingerprint + ".", self.directory
            )
            with open(descriptor, "w+b") as file:
                _lock(file)  # as long as this process lives, it is not left
                yield file, temporary
        finally:
            if temporary is not None:
                with suppress(OSError):  # it may have another name now
                    os.unlink(temporary)

    def load(self):
        """Return the last state that is whole, or None.

        A warning names a file that is damaged, or belongs to something else.
        """
        self._refused.clear()
        return self._last_state(lambda state: None)

    def _last_state(self, check):
        """Return the last state that is whole, and for which `check` has no error.

        A file is named but once, and then not looked at again.
        """
        self._path_is_good = False
        for path in (self.path, self.previous):
            if path in self._refused:
                continue
            try:
                state = self._read(path)
                check(state)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except Exception as error:  # whatever a file may lead to
                self._refused.add(path)
                warn_user(
                    f"The checkpoint {path} is not used: {_describe(error)}. Training"
                    " goes on from the one before it, or starts anew where there is"
                    " none."
                )
            else:
                self._path_is_good = path == self.path
                return state
        return None

    def _read(self, path):
        content = _read(path)
        if content["fingerprint"] != self.fingerprint:
            raise ValueError("it belongs to another fit")
        return content["state"]


@contextmanager
def _warned(path):
    """Make a warning of an error in writing a file."""
    try:
        yield
    except (OSError, MemoryError) as error:
        warn_user(
            f"The checkpoint {path} could not be written: {_describe(error)}. Training"
            " goes on."
        )


def _describe(error):
    return str(error) or type(error).__name__


def _put_if_free(temporary, path):
    """Give a file its name, unless there is something of that name: that stays."""
    with suppress(FileExistsError):
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except (OSError, AttributeError):  # the file system knows no links
            with open(temporary, "rb") as source, open(path, "xb") as file:
                shutil.copyfileobj(source, file)
                _sync(file)


def _remove_if_left(path):
    """Remove a file unless a process may still be writing it."""
    with suppress(OSError):  # as another process may do the same
        age = time.time() - os.path.getmtime(path)
        if age > OLD or (age > YOUNG and _is_unlocked(path)):
            os.unlink(path)


def _is_unlocked(path):
    with open(path, "r+b", opener=_open_at_once) as file:
        return _lock(file)


def _open_at_once(path, flags):
    """Open a file, but nothing that one could have to wait for: a pipe, a device."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a file")
    return descriptor


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
    with open(path, "rb", opener=_open_at_once) as file:
        checksum = _checksum(file)
        if file.read() != checksum:
            raise ValueError("it is damaged, or not a checkpoint")
        size = file.seek(0, SEEK_END)
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            _check_members(archive.zip.infolist(), size)
            arrays = {name: archive[name] for name in archive.files}
    text = arrays.pop("json").tobytes()

    def resolve(pairs):
        value = dict(pairs)
        if len(value) < len(pairs):
            raise ValueError("a name is there twice")
        return arrays[value["__array__"]] if value.keys() == {"__array__"} else value

    return json.loads(text, object_pairs_hook=resolve)


def _check_members(members, size):
    """Raise a ValueError if an archive holds more than its file has bytes for."""
    stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    if not stored or sum(member.file_size for member in members) > size:
        raise ValueError("it is packed, as no checkpoint is")
    if len({member.filename for member in members}) < len(members):
        raise ValueError("a name is there twice")


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
