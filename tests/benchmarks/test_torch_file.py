import io
import pickle
import struct
from collections import OrderedDict
from typing import ClassVar

import numpy as np
import pytest

from benchmarks import torch_file


class Tensor:
    """Pickles as torch's tensors do: a function, a storage and its view."""

    def __init__(self, key, offset, shape, stride):
        self.key, self.view = key, (offset, shape, stride)


def saved(tensors, storages, magic=torch_file.MAGIC):
    """A file in the old format, written by hand: no torch is here."""

    class Pickler(pickle._Pickler):  # the one in Python lets names be chosen
        dispatch: ClassVar = dict(pickle._Pickler.dispatch)

        def save_tensor(self, tensor):
            self.write(b"ctorch._utils\n_rebuild_tensor_v2\n(")
            self.write(b"(")
            self.save("storage")
            self.write(b"ctorch\nFloatStorage\n")
            for each in (tensor.key, "cpu", 0, None):
                self.save(each)
            self.write(b"tQ")
            for each in (*tensor.view, False, OrderedDict()):
                self.save(each)
            self.write(b"tR")

        dispatch[Tensor] = save_tensor

    out = io.BytesIO()
    for value in (magic, 1001, {"little_endian": True}, tensors, sorted(storages)):
        Pickler(out, 2).dump(value)
    for key in sorted(storages):
        out.write(struct.pack("<q", len(storages[key])) + np.array(storages[key], "<f4").tobytes())
    out.seek(0)
    return out


def test_tensors_are_views_of_their_storages():
    tensors = OrderedDict(a=Tensor("0", 0, (2, 3), (3, 1)), b=Tensor("0", 1, (2, 2), (1, 2)))
    found = torch_file.read(saved(tensors, {"0": range(6)}))
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["b"].tolist() == [[1, 3], [2, 4]]


def test_another_file_is_refused():
    with pytest.raises(ValueError, match="not a file of torch's old format"):
        torch_file.read(saved({}, {}, magic=1))


def test_a_name_that_could_run_code_is_refused():
    evil = pickle.dumps(pickle.Unpickler)
    with pytest.raises(pickle.UnpicklingError, match="_pickle.Unpickler is no part"):
        torch_file.read(io.BytesIO(evil))
