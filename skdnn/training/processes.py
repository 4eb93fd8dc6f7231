"""Calls in several processes, as joblib has them, that Ctrl-C ends in good order."""

import os
import threading
import time
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

from joblib import Parallel, delayed, wrap_non_picklable_objects
from sklearn import config_context, get_config

MOMENT = 0.05  # seconds between two looks at what the others do
SENDING = 60.0  # seconds at most that results are under way, all calls having ended
# Whose calls are all on this machine: that the folder is there for them is certain.
NEAR = {"LokyBackend", "MultiprocessingBackend", "ThreadingBackend"}


def in_processes(n_jobs, function, parts, data):
    """Call a function for several parts of the work at once, and return the results.

    On Ctrl-C, joblib kills its processes, and with them what they have done. Here they
    are told of it, and end by themselves, and so they do where one fails. Ctrl-C a
    second time raises KeyboardInterrupt, and they are killed. Processes on other
    machines can't be told.

    Parameters
    ----------
    n_jobs : int
        As joblib has it, and :func:`joblib.parallel_config`.
    function : callable
        Takes a function that raises KeyboardInterrupt after Ctrl-C, to be called now
        and then; a part; and data.
    parts : list
    data : Data
        The same for all parts.

    Returns
    -------
    results : list
    interrupted : bool
        Whether Ctrl-C came.
    """
    # Here, as joblib's configuration is that of this thread. "c": what passes through
    # a file, networks too, may be written, in memory.
    parallel = Parallel(n_jobs, mmap_mode="c", batch_size=1, pre_dispatch="all")
    backend = type(parallel._backend).__name__
    ship = Shipped if backend == "MultiprocessingBackend" else lambda value: value
    folder = TemporaryDirectory(prefix="skdnn-", ignore_cleanup_errors=True)
    settings = get_config()  # also those of this thread
    calls = [Call(folder.name, k, backend, settings) for k in range(len(parts))]
    calls[0].go()
    future = Future()

    def run():
        try:
            results = parallel(
                delayed(_call)(call, function, ship(part), data)
                for call, part in zip(calls, parts, strict=True)
            )
            future.set_result([_unshipped(result) for result in results])
        except BaseException as error:
            future.set_exception(error)
        folder.cleanup()

    if threading.current_thread() is not threading.main_thread():
        run()  # where Ctrl-C never comes
        return future.result(), False
    try:
        # In another thread, as joblib takes KeyboardInterrupt for an error: one that
        # does not keep anybody from leaving.
        threading.Thread(target=run, daemon=True).start()
        _wait(future)
    except KeyboardInterrupt:
        calls[0].stop()
        try:
            _wait_for_the_last(future, calls)
        except KeyboardInterrupt:
            parallel._backend.abort_everything(ensure_ready=False)  # as joblib does
            raise
        if future.exception() is not None:  # it came while one was being sent, say
            raise KeyboardInterrupt from future.exception()
        return future.result(), True
    return future.result(), False


def _wait(future):
    while not future.done():
        wait([future], MOMENT)  # for ever, Windows would not hear Ctrl-C


def _wait_for_the_last(future, calls):
    """Wait for calls that are to end; raise KeyboardInterrupt if results get lost.

    One that Ctrl-C meets while it sends its result never comes to an end of that.
    """
    while not (future.done() or all(call.has_ended() for call in calls)):
        wait([future], MOMENT)
    if not wait([future], SENDING).done:
        raise KeyboardInterrupt


@dataclass
class Call:
    """One of several calls, and the folder in which they leave word for each other.

    Parameters
    ----------
    folder : str
    number : int
        Which one it is.
    backend : str
        The name of joblib's backend.
    settings : dict
        Of scikit-learn.
    main : int
        The process that waits for all.
    """

    folder: str
    number: int
    backend: str
    settings: dict
    main: int = field(default_factory=os.getpid)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def go(self):
        """Say to all that they may go on."""
        _touch(self._path("go"))

    def stop(self):
        """Say to all that they are to end."""
        with suppress(OSError):  # all have ended, or they are on another machine
            os.unlink(self._path("go"))

    def may_go_on(self):
        """Return whether nobody has said that all are to end."""
        return os.path.exists(self._path("go"))

    def begin(self):
        """Say that this one has begun; return what raises KeyboardInterrupt if due.

        That is so also where nobody waits any more, as the process that did was killed.
        """
        is_near, parent = self.backend in NEAR, os.getppid()
        is_elsewhere = is_near and os.getpid() != self.main
        can_hear = True
        try:
            _touch(self._path(f"begun-{self.number}"))
        except OSError:  # on another machine, or all are to end
            can_hear = is_near

        def check_for_interrupt():
            is_alone = is_elsewhere and os.getppid() != parent
            if is_alone or (can_hear and not self.may_go_on()):
                raise KeyboardInterrupt

        return check_for_interrupt

    def end(self):
        """Say that this one has ended, and wait for others where they need it."""
        # The processes of loky die of Ctrl-C where they have nothing to do, and take
        # the others with them. (Those that have not begun may need this process.)
        waits = self.backend == "LokyBackend"
        with suppress(OSError, KeyboardInterrupt):
            _touch(self._path(f"ended-{self.number}"))
            while waits and self.may_go_on() and self._others_work():
                time.sleep(MOMENT)

    def has_ended(self):
        """Return whether this one has ended."""
        return os.path.exists(self._path(f"ended-{self.number}"))

    def _others_work(self):
        names = os.listdir(self.folder)
        begun, ended = (
            {name.partition("-")[2] for name in names if name.startswith(what)}
            for what in ("begun", "ended")
        )
        return bool(begun - ended)


def _touch(path):
    with open(path, "w"):
        pass


def _call(call, function, part, data):
    """Call a function in one of the processes."""
    check_for_interrupt = call.begin()
    try:
        with config_context(**call.settings):
            result = function(check_for_interrupt, _unshipped(part), data)
    except BaseException:  # there will be no results
        call.stop()
        raise
    finally:
        call.end()
    return Shipped(result) if isinstance(part, Shipped) else result


class Shipped:
    """A value that is pickled with functions of all kinds in it, lambdas too.

    For joblib's "multiprocessing", which has but Python's pickle. The others do so by
    themselves, and pass large arrays through files.
    """

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        return Shipped, (wrap_non_picklable_objects(self.value, keep_wrapper=False),)


def _unshipped(value):
    return value.value if isinstance(value, Shipped) else value
