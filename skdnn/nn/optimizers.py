"""Optimizers: one step of gradient descent on the network's flat parameter vector.

``start`` gives an optimizer its state, flat arrays as long as the parameters;
``step`` reads the gradients and changes the parameters in place. It does so in blocks
that fit the second-level cache: each is then read from memory once instead of once for
every elementary operation. Who has something else to do with a block, as long as it is
there, steps by hand: ``begin``, then ``update`` for each block.
"""

from copy import copy

import numpy as np

from skdnn.messages import plain
from skdnn.nn.vectors import block_size, blocks, column, some, stacked

FLUSH_EVERY = 100  # steps


def clip_by_global_norm(gradients, norm, max_norm):
    """Scale `gradients` in place so that their Euclidean norm is at most `max_norm`.

    Parameters
    ----------
    gradients : ndarray of shape (..., n_parameters)
    norm : float or ndarray of shape (...)
        Their norm now.
    max_norm : float or ndarray of shape (...)

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural
    networks".
    """
    if some(norm > max_norm):
        factors = max_norm / np.maximum(norm, max_norm)
        gradients *= column(factors, gradients.dtype)


class Optimizer:
    """Base of all optimizers.

    The flat vectors may have an axis of networks in front. An optimizer says which
    vectors it remembers, each at first 0, and how it changes a block of the parameters,
    in place::

        class RMSprop(Optimizer):
            state_names = ("v",)

            def __init__(self, decay=0.9, epsilon=1e-7):
                self.decay, self.epsilon = decay, epsilon

            def _update(self, p, g, v, scratch, decaying):
                v *= self.decay
                v += (1 - self.decay) * g**2
                p -= self._rate * g / (np.sqrt(v) + self.epsilon)

    What all blocks of a step have in common, `begin` computes, as ``self._rate`` here.

    Attributes
    ----------
    state_names : tuple of str
        Of the vectors in `state`. A sum of squares, which alone may overflow without
        harm, is called "v".
    state : dict of str to ndarray of shape (..., n_parameters)
        What the optimizer remembers from step to step.
    n_steps : int
        The number of steps taken.
    """

    state_names = ()

    def start(self, parameters, gradients, n_weights):
        """Allocate the state for these two vectors.

        Parameters
        ----------
        parameters, gradients : ndarray of shape (..., n_parameters)
        n_weights : int
            The first `n_weights` parameters are weights of dense layers, the only
            ones that decay.
        """
        self.allocate(parameters)
        self.bind(parameters, gradients, n_weights)

    def allocate(self, parameters):
        """Allocate the state, of which :meth:`stacked` makes use."""
        self.n_steps = 0
        self.state = {name: np.zeros_like(parameters) for name in self.state_names}

    @staticmethod
    def stacked(optimizers, network):
        """Return an optimizer that does what several do, which have the same settings.

        From then on, each of them has its state in the memory of the one returned.

        Parameters
        ----------
        optimizers : list of Optimizer
        network : Network
            That of all their networks: see :meth:`skdnn.nn.Network.stacked`.
        """
        stack = copy(optimizers[0])
        states = [it.state for it in optimizers]
        stack.state = {
            name: stacked([state[name] for state in states]) for name in stack.state
        }
        for k, state in enumerate(states):
            state.update({name: vector[k] for name, vector in stack.state.items()})
        stack.bind(network.parameters, network.gradients, network.n_weights)
        return stack

    def bind(self, parameters, gradients, n_weights):
        """Cut the vectors and the state into blocks, with a scratch block beside."""
        *networks, n_parameters = parameters.shape
        size = min(block_size(parameters), n_parameters)
        scratch = np.empty((*networks, size), parameters.dtype)
        self._dtype = parameters.dtype
        self._blocks = []
        for block in blocks(0, n_parameters, block_size(parameters)):
            vectors = [parameters, gradients, *self.state.values()]
            views = [vector[..., block] for vector in vectors]
            views.append(scratch[..., : block.stop - block.start])
            views.append(parameters[..., block.start : min(block.stop, n_weights)])
            self._blocks.append(views)

    def step(self, learning_rate):
        """Take one step.

        Parameters
        ----------
        learning_rate : float or ndarray of shape (n_networks,)
        """
        self.begin(learning_rate)
        for block in range(len(self._blocks)):
            self.update(block)

    def begin(self, learning_rate):
        """Begin a step: what its updates have in common."""
        self.n_steps += 1
        self._rate = column(learning_rate, self._dtype)

    def update(self, block):
        """Take the step on one block of the vectors, and flush what is tiny.

        Weights that nothing but the penalty moves, behind a pixel that is always 0 say,
        decay for ever, and their moments with them. Arithmetic with subnormal numbers
        takes a hundred times as long.
        """
        self._update(*self._blocks[block])
        if self.n_steps % FLUSH_EVERY == 0:
            p, _, *state, _, _ = self._blocks[block]
            limit = 1e8 * np.finfo(p.dtype).tiny
            for vector in (p, *state):
                vector *= np.abs(vector) > limit

    def _update(self, p, g, *others):
        """Change parameters p, given their gradients g, in place.

        All are parts of the flat vectors, and of the same shape but for the last: the
        vectors of `state`, in the order of `state_names`, scratch memory to write to,
        and that part of p that may decay, the weights of dense layers.
        """
        raise NotImplementedError

    def __getstate__(self):
        # The blocks are views: whoever unpickles calls bind again.
        return {k: v for k, v in vars(self).items() if k[0] != "_"}


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    With gradient g, learning rate eta and velocity v::

        v = momentum v - eta g
        p = p + v                       plain momentum
        p = p + momentum v - eta g      Nesterov

    Parameters
    ----------
    momentum : float, default=0.9
        In [0, 1]. 0 is plain gradient descent.
    nesterov : bool, default=True
        Whether to look ahead along the velocity.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods";
    Nesterov (1983), "A method of solving a convex programming problem with convergence
    rate O(1/k²)", in the form of Sutskever, Martens, Dahl and Hinton (2013), "On the
    importance of initialization and momentum in deep learning".
    """

    state_names = ("velocity",)

    def __init__(self, momentum=0.9, nesterov=True):
        self.momentum = plain(momentum)
        self.nesterov = plain(nesterov)

    def _update(self, p, g, v, step, decaying):
        np.multiply(g, self._rate, out=step)
        v *= self.momentum
        v -= step
        if self.nesterov:
            p -= step
            p += np.multiply(v, self.momentum, out=step)
        else:
            p += v


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    With gradient g, learning rate eta and step number t::

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        p = p - eta sqrt(1 - beta_2^t) / (1 - beta_1^t)  m / (sqrt(v) + epsilon)

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the two moments, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of the second moment, before its bias is corrected, as in
        scikit-learn (PyTorch adds it after).

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization"; the order of
    computation of the end of its section 2.
    """

    state_names = ("m", "v")

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.beta_1 = plain(beta_1)
        self.beta_2 = plain(beta_2)
        self.epsilon = plain(epsilon)

    weight_decay = 0.0

    def bind(self, parameters, gradients, n_weights):
        """See :class:`Optimizer`."""
        super().bind(parameters, gradients, n_weights)
        self._root = (1 - self.beta_2) ** 0.5

    def begin(self, learning_rate):
        """See :class:`Optimizer`."""
        self.n_steps += 1
        # The moments are kept without their factors (1 - beta), which saves two
        # passes: m = (1 - beta_1) m_kept and v = (1 - beta_2) v_kept.
        t = self.n_steps
        size = learning_rate * (1 - self.beta_1) / self._root
        size *= (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
        self._size, self._shrink = column(size, self._dtype), None
        if self.weight_decay:
            self._shrink = column(1 - learning_rate * self.weight_decay, self._dtype)

    def _update(self, p, g, m, v, step, decaying):
        m *= self.beta_1
        m += g
        v *= self.beta_2
        v += np.multiply(g, g, out=step)
        np.sqrt(v, out=step)
        step += self.epsilon / self._root
        np.divide(m, step, out=step)
        step *= self._size
        if self._shrink is not None:
            decaying *= self._shrink
        p -= step


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p = (1 - eta weight_decay) p - Adam's step``.

    Parameters
    ----------
    weight_decay : float, default=0.01
        At least 0. Only the weights of dense layers decay.
    beta_1, beta_2, epsilon : float
        As in :class:`Adam`.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization".
    """

    def __init__(self, weight_decay=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        super().__init__(beta_1, beta_2, epsilon)
        self.weight_decay = plain(weight_decay)


# As the argument `solver` names them; which arguments of an estimator are theirs,
# skdnn/estimators/jobs.py says.
OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
