"""A run that is interrupted, cut off, or meets other data: it saves a state, repairs its log, and says what changed."""

import dataclasses
import json
import math
import os
import signal
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dvdgan import checkpoint
from dvdgan.model import DVDGAN
from dvdgan.training.interruption import Interruption
from dvdgan.training.update import Networks
from vidbench.models import InputError, SampleRequest, file_sha256


def interrupted_at(request, step, number=signal.SIGINT, times=1):
    """The request, whose process gets a signal after a step."""
    said = []

    def progress(done, total, text):
        if done == step:
            for _ in range(times):
                os.kill(os.getpid(), number)

    return dataclasses.replace(request, progress=progress, say=said.append), said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_saves_its_first_state_and_resumes_to_the_same_weights(tmp_path, request_for, number):
    before = signal.getsignal(number)
    request, said = interrupted_at(request_for(tmp_path, 5, checkpoint_every="100"), 2, number)
    with pytest.raises(KeyboardInterrupt):
        DVDGAN.train(request)
    assert signal.getsignal(number) == before
    # The signal came after step 2, so step 3 was completed.
    assert [step for step, _ in checkpoint.list_states(tmp_path)] == [3]
    assert said == [f"Interrupted: the training state of step 3 is saved in {tmp_path}."]
    DVDGAN.train(request_for(tmp_path, 5, checkpoint_every="100"))
    DVDGAN.train(request_for(tmp_path / "whole", 5, checkpoint_every="100"))
    states = [load_file(checkpoint.state_path(folder, 5)) for folder in (tmp_path, tmp_path / "whole")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_a_second_signal_ends_at_once(tmp_path, request_for):
    request, _ = interrupted_at(request_for(tmp_path, 5, checkpoint_every="100"), 2, times=2)
    with pytest.raises(KeyboardInterrupt):
        DVDGAN.train(request)
    assert checkpoint.list_states(tmp_path) == []


def test_outside_the_main_thread_there_are_no_signals():
    seen = []

    def work():
        with Interruption() as interruption:
            seen.append(interruption.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_a_torn_last_line_of_the_log_is_removed_aloud(tmp_path, request_for):
    DVDGAN.train(request_for(tmp_path, 2))
    log = tmp_path / "train.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"step": 3, "loss_spa')
    said = []
    DVDGAN.train(dataclasses.replace(request_for(tmp_path, 4), say=said.append))
    assert log.read_bytes().startswith(whole)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()][-1] == 4
    assert any("was cut off" in sentence for sentence in said)


def test_a_resumed_run_whose_data_changed_is_refused(tmp_path, request_for):
    DVDGAN.train(dataclasses.replace(request_for(tmp_path, 1), data_sha256="a" * 64))
    with pytest.raises(InputError, match=r"training data is not what the run in .* was trained on; restore it"):
        DVDGAN.train(dataclasses.replace(request_for(tmp_path, 2), data_sha256="b" * 64))
    DVDGAN.train(dataclasses.replace(request_for(tmp_path, 2), data_sha256="a" * 64))


def test_the_first_process_decides_which_state_is_resumed_and_the_others_wait_for_it(tmp_path, request_for):
    DVDGAN.train(request_for(tmp_path, 1))
    state, agreed = checkpoint.state_path(tmp_path, 1), []
    hidden = state.rename(tmp_path / "not-yet-visible")
    decided = [1, file_sha256(hidden)]

    def visible(is_there):
        if not is_there():
            hidden.rename(state)
        return is_there()

    request = dataclasses.replace(
        request_for(tmp_path, 2),
        from_main=lambda make: decided,
        visible=visible,
        agree=lambda what, value: agreed.append((what, value)),
    )
    DVDGAN.train(request)
    assert ("the training state found in --output", decided) in agreed
    assert {"the checkpoint to start from", "the settings"} <= {what for what, _ in agreed}
    with pytest.raises(InputError, match="is not visible here"):
        DVDGAN.train(dataclasses.replace(request, output=tmp_path / "other", visible=lambda is_there: False))


def nan_in(path, name, target):
    tensors = load_file(path)
    tensors[name].view(-1)[0] = math.nan
    metadata = checkpoint.read_metadata(path, checkpoint.SAMPLER)
    target.write_bytes(checkpoint.to_bytes(tensors, metadata))


def test_a_checkpoint_that_is_not_finite_is_refused(tmp_path, request_for, task):
    path = DVDGAN.train(request_for(tmp_path, 1))
    for name in ("head.weight", next(name for name in load_file(path) if name.endswith("standing_mean"))):
        nan_in(path, name, tmp_path / "nan.safetensors")
        with pytest.raises(InputError, match=f"The tensor '{name}' of .* contains NaN or infinity"):
            DVDGAN.load(tmp_path / "nan.safetensors", task, "cpu")


def test_outputs_that_are_not_finite_are_refused(tmp_path, request_for, task):
    model = DVDGAN.load(DVDGAN.train(request_for(tmp_path, 1)), task, "cpu")
    request = SampleRequest(np.arange(2), np.arange(2, dtype=np.uint64), np.zeros(2, np.int64), None, 5)
    assert model.sample(request).shape == (2, 5, 8, 8, 3)
    with torch.no_grad():
        model._generator.head.bias[0] = math.nan
    with pytest.raises(InputError, match="generated values that are not finite"):
        model.sample(request)


def test_a_state_that_is_not_finite_is_not_saved(tmp_path, request_for, monkeypatch):
    tensors = Networks.tensors

    def broken(self):
        found = tensors(self)
        found["generator/head.weight"] = found["generator/head.weight"] * math.nan
        return found

    monkeypatch.setattr(Networks, "tensors", broken)
    with pytest.raises(
        InputError, match=r"training state of step 1 .* would not be finite, first in 'generator/head\.weight'"
    ):
        DVDGAN.train(request_for(tmp_path, 1))
    assert checkpoint.list_states(tmp_path) == []
