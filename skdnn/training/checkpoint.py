"""Checkpoints: the state of a fit in a file that survives a crash."""

import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile, mkstemp

from skdnn.messages import warn_user
from skdnn.training.archive import open_at_once, read_archive, write_archive
from skdnn.training.fingerprint import fingerprint_of
from skdnn.training.schema import check_value, generator_like

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

FORMAT = 5  # of files and arithmetic; goes into the fingerprint, so a new one is new
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
    start : dict or None
        The state of the random numbers that the fit starts with.
    """

    def __init__(self, directory, fingerprint, every=1):
        self.every, self.start = every, None
        self.directory = os.fspath(directory)
        self.fingerprint = fingerprint
        self.path, self.previous = (
            os.path.join(self.directory, fingerprint + suffix)
            for suffix in (".npz", ".previous.npz")
        )
        self._path_is_good = False
        self._refused = set()  # paths, of which there has been a warning

    def start_at(self, start):
        """Take the state of the random numbers that the fit starts with."""
        self.start = start
        self._remove_what_a_crash_left()

    def found_start(self):
        """Return the start that a file holds, or None."""
        state = self._last_state(self._check_start)
        return None if state is None else state["start"]

    def share_start(self):
        """Return the start of whoever was first to begin this fit, and take it.

        The start is written twice, so that one file may be lost. What is kept of the
        networks has the start in its name: of another start, it is not found.
        """
        start = self.found_start()
        for path in (self.path, self.previous):
            if start is None:  # or else damaged, and the next one may do
                self.probe()
                self._write(path, {"start": self.start}, put=_put_if_free)
                start = self.found_start()
        self.start = self.start if start is None else start
        for path in (self.path, self.previous):
            if self._start_in(path) != fingerprint_of(self.start):
                self._write(path, {"start": self.start})
        return self.start

    def _start_in(self, path):
        """Return the fingerprint of the start that a file holds, or None."""
        try:
            return fingerprint_of(self._read(path)["start"])
        except Exception:
            return None

    def _check_start(self, state):
        check_value(state["start"], generator_like(self.start), "start")

    def last_state(self, check):
        """Return the last state of the job that is whole, or None.

        Parameters
        ----------
        check : callable
            Takes a state, and raises an error if it is not to be used.
        """

        def check_all(state):
            if state.keys() != {"start", "job"}:
                raise ValueError(f"it has {sorted(state)}")
            self._check_start(state)
            if fingerprint_of(state["start"]) != fingerprint_of(self.start):
                raise ValueError("it is of a fit that started otherwise")
            check(state["job"])

        state = self._last_state(check_all)
        return None if state is None else state["job"]

    def save_if(self, due, state_of_job, is_last):
        """Write the state of the job, which `state_of_job` returns, if it is due.

        Where it `is_last`, this fit may never begin again.
        """
        if due:
            with _warned(self.path):
                self.save({"start": self.start, "job": state_of_job()})
        if is_last:
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
            write_archive(file, {"fingerprint": self.fingerprint, "state": state})
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
        content = read_archive(path)
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
    with open(path, "r+b", opener=open_at_once) as file:
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
