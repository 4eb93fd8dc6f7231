"""Who is told of the epochs of a fit."""


class Listener:
    """Base of who is told of epochs. These hooks do nothing."""

    def on_epoch_begin(self):
        """Hear that an epoch, or an iteration of L-BFGS, begins."""

    def on_epoch_end(self, rows):
        """Hear that it ended; return whether training is to stop.

        Parameters
        ----------
        rows : list of dict
            Of the history, one for each network that is still finite; none where Ctrl-C
            ended the epoch, or it came to nothing.
        """
        return False
