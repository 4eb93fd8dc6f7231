"""Fingerprints: a short name for settings and data, the same in every process."""

import hashlib
from copyreg import dispatch_table
from types import CodeType, FunctionType

import numpy as np
from scipy.sparse import issparse

BLOCK = 1 << 20  # bytes


def fingerprint_of(value):
    """Return a hash of a value that is the same in every process.

    Parameters
    ----------
    value : object
        Anything made of numbers, strings, arrays (dense, mapped or sparse; read block
        by block, at 1 to 2 GB/s), containers, functions and objects that can be
        pickled. Of a function, name, code, defaults and closure count, but not what it
        calls; of an object, its class's name and its state.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in _parts(value):
        digest.update(part)
    return digest.hexdigest()[:32]


def _parts(value):
    """Yield bytes that tell a value from any other."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"array {value.dtype.str} {value.shape};".encode()
        value = np.atleast_1d(value)
        n_rows = max(BLOCK * len(value) // max(value.nbytes, 1), 1)
        for start in range(0, len(value), n_rows):
            rows = np.ascontiguousarray(value[start : start + n_rows])
            yield rows.reshape(-1).view(np.uint8)
    elif issparse(value):
        value = value.tocsr()
        yield f"sparse {value.shape};".encode()
        for array in (value.indptr, value.indices, value.data):
            yield from _parts(array)
    elif value is None or isinstance(value, (int, float, complex, str, bytes)):
        text = f"{type(value).__name__} {value!r}"
        yield f"{len(text)} {text};".encode()
    elif isinstance(value, type):
        yield f"class {value.__module__}.{value.__qualname__};".encode()
    elif isinstance(value, dict):
        yield from _parts(["dict", *sorted(map(fingerprint_of, value.items()))])
    elif isinstance(value, (set, frozenset)):
        yield from _parts(["set", *sorted(map(fingerprint_of, value))])
    elif isinstance(value, (list, tuple, np.ndarray)):
        yield f"list {len(value)};".encode()
        for item in value:
            yield from _parts(item)
    elif isinstance(value, FunctionType):
        closure = [cell.cell_contents for cell in value.__closure__ or ()]
        defaults = value.__defaults__, value.__kwdefaults__
        name = value.__module__, value.__qualname__
        yield from _parts(["function", name, value.__code__, defaults, closure])
    elif isinstance(value, CodeType):
        yield from _parts(
            ["code", value.co_code, value.co_consts, value.co_names, value.co_varnames]
        )
    else:
        reduce = dispatch_table.get(type(value), lambda value: value.__reduce_ex__(2))
        reduced = reduce(value)
        if isinstance(reduced, str):  # a name, in a module
            reduced = [type(value), getattr(value, "__module__", None), reduced]
        else:  # with the state, and iterators over the items
            reduced = [*reduced[:3], *map(list, filter(None, reduced[3:5]))]
        yield from _parts(["object", reduced])
