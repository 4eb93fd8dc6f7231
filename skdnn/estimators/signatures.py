"""How an estimator comes by the arguments that it shares with others."""

import re
from functools import partial
from inspect import cleandoc, signature
from itertools import chain


def with_arguments_of(base):
    """Return a decorator that gives an estimator arguments and documentation of a base.

    The class itself says only what is its own: `__init__` with further arguments,
    `_parameter_constraints` and, in its docstring, its own parameters and attributes.
    The signature, which scikit-learn reads, and the docstring then have all.
    """
    return partial(_add_arguments, base)


def _add_arguments(base, cls):
    """Give a class what it shares with others of its base."""
    own = list(signature(cls.__init__).parameters.values())[1:]
    itself, *shared = signature(base.__init__).parameters.values()
    # By position the own ones come first, by name the shared ones.
    order = (False, own), (False, shared), (True, shared), (True, own)
    groups = [
        [p for p in parameters if (p.kind is p.KEYWORD_ONLY) == by_name]
        for by_name, parameters in order
    ]
    full = signature(cls.__init__).replace(parameters=[itself, *chain(*groups)])

    def __init__(self, *args, **kwargs):
        try:
            given = full.bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}: {error}") from None
        given.apply_defaults()
        for name, value in list(given.arguments.items())[1:]:
            setattr(self, name, value)

    __init__.__signature__ = full
    cls.__init__ = __init__
    constraints = base._parameter_constraints | cls._parameter_constraints
    cls._parameter_constraints = constraints
    if cls.__doc__:  # not in python -OO
        cls.__doc__ = _merge(base.__doc__, cls.__doc__)
    return cls


def _merge(shared, own):
    """Return a docstring with the entries of both, in each of its lists."""
    shared, own = cleandoc(shared), cleandoc(own)
    for title in ("Parameters", "Attributes"):
        head = f"{title}\n{'-' * len(title)}\n"
        section = re.compile(head + r"(.*?)(?=\n\n\S[^\n]*\n---|\Z)", re.DOTALL)
        entries = section.search(shared)[1].strip("\n")
        if head not in own:  # it has none of its own
            own = own.replace("Attributes\n", f"{head}{entries}\n\nAttributes\n", 1)
            continue
        own = section.sub(lambda m, e=entries: f"{m[0].rstrip()}\n\n{e}", own, count=1)
    return own
