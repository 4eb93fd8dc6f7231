"""Archives: values in a file that tells whether it is whole.

A file is an ``.npz``: the arrays, and the rest as JSON. The comment at the end of the
archive is a checksum of all that comes before it.
"""

import hashlib
import json
import os
import stat
import zipfile
from io import SEEK_END

import numpy as np

from skdnn.training.fingerprint import BLOCK

SIZE = hashlib.sha256().digest_size


def write_archive(file, content):
    """Write dictionaries, lists, numbers, strings, None and arrays to an open file."""
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


def read_archive(path):
    """Return what a file holds; raise an error if it is damaged, or no archive."""
    with open(path, "rb", opener=open_at_once) as file:
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


def open_at_once(path, flags):
    """Open a file, but nothing that one could have to wait for: a pipe, a device."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is not a file")
    return descriptor
