"""Callbacks of scikit-learn, told of the epochs of a fit."""

from skdnn.estimators.learned import attributes_learned, attributes_of_all
from skdnn.training import Listener
from skdnn.training.statistics import snapshot


class CallbackTasks(Listener):
    """The tasks of a fit that callbacks see: the fit, and in it each epoch.

    Parameters
    ----------
    estimator : BaseMLP
        The one that the user has, with the callbacks.
    learner : BaseMLP
        Its copy, which learns.
    jobs : list of Job
    data : FitData
    as_given : dict
        What callbacks get: "X", "y" and "metadata", as they were passed to `fit`.
    """

    def __init__(self, estimator, learner, jobs, data, as_given):
        self.estimator, self.learner = estimator, learner
        self.jobs, self.data = jobs, data
        self.as_given = {"estimator": estimator, **as_given}
        n_rounds = 1 if jobs[0].takes_steps else len(jobs)  # or one after the other
        self.context = estimator._init_callback_context(
            max_subtasks=learner.max_iter * n_rounds
        )
        self.context.call_on_fit_task_begin(**self.as_given)

    def on_epoch_begin(self):
        """See :class:`Listener`."""
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.as_given)

    def on_epoch_end(self, rows):
        """See :class:`Listener`."""
        attributes = self._attributes if rows else None
        return self.epoch.call_on_fit_task_end(
            **self.as_given, reconstruction_attributes=attributes
        )

    def end(self, jobs):
        """Say that the fit has ended, with these jobs."""
        self.jobs = jobs
        self.context.call_on_fit_task_end(
            **self.as_given, reconstruction_attributes=self._attributes
        )

    def listener(self):
        """Return this one, if there are callbacks: contexts of epochs cost time."""
        return self if getattr(self.learner, "_skl_callbacks", None) else None

    def _attributes(self):
        """Return what the estimator would have learned if training ended now."""
        task, networks = self.data.task, [snapshot(job, self.data) for job in self.jobs]
        state = attributes_of_all(self.learner, self.jobs, task, networks)
        # What else the estimator has is of the fit before.
        before = dict.fromkeys(attributes_learned(self.estimator))
        state = {**before, **attributes_learned(self.learner), **state}
        return {**state, "history_": list(state["history_"])}
