"""Reading weights of every kind: what would not fit into memory is refused before it is read, duplicates by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from vidmetrics import InputError
from vidmetrics.formats import memory
from vidmetrics.weights.reading import read_weights

ROWS = np.zeros((100, 100), np.float32)


@pytest.fixture
def small_machine(monkeypatch):
    """Return a function that sets the memory of the machine, in bytes."""
    return lambda size: monkeypatch.setattr(memory, "memory_bytes", lambda: size)


def test_a_checkpoint_that_does_not_fit_is_not_read(writer, tmp_path, small_machine):
    slots = {"w/Momentum": np.zeros((1000, 100), np.float32), "global_step": np.array(3, np.int64)}
    writer.write_checkpoint(tmp_path / "model.ckpt", {"w": ROWS, "v": ROWS, **slots})
    small_machine(80_000)
    assert set(read_weights([tmp_path / "model.ckpt.index"])) == {"w", "v"}  # what is left out does not count
    small_machine(79_999)
    with pytest.raises(InputError, match=r"Reading .*model.ckpt needs 0.0 GB"):
        read_weights([tmp_path / "model.ckpt.index"])


def test_a_state_dict_that_does_not_fit_is_not_unpacked(tmp_path, small_machine):
    torch.save({"w": torch.from_numpy(ROWS)}, tmp_path / "w.pt")
    small_machine(50_000)
    assert read_weights([tmp_path / "w.pt"])["w"].shape == (100, 100)
    small_machine(39_999)
    with pytest.raises(InputError, match=r"Unpacking .*w.pt needs"):
        read_weights([tmp_path / "w.pt"])


def test_a_tensor_that_repeats_a_few_bytes_counts_in_full(tmp_path, small_machine):
    torch.save({"w": torch.zeros(1).expand(100_000)}, tmp_path / "w.pt")
    small_machine(400_000)
    assert read_weights([tmp_path / "w.pt"])["w"].shape == (100_000,)
    small_machine(399_999)
    with pytest.raises(InputError, match=r"Reading .*w.pt needs"):
        read_weights([tmp_path / "w.pt"])


def test_a_name_in_two_files_is_refused(tmp_path):
    for name in ("a", "b"):
        save_file({"w": ROWS, f"only-{name}": ROWS[:1]}, tmp_path / f"{name}.safetensors")
    with pytest.raises(InputError, match=r"'w' is in .*b.safetensors and also in another file"):
        read_weights([tmp_path / "a.safetensors", tmp_path / "b.safetensors"])
