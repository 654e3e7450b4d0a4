"""Networks that take clips of certain lengths only are found out before anything is read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.scoring import run
from vidbench.tasks import load_task


@pytest.mark.parametrize(
    ("shortest", "longest", "message"),
    [
        (16, 16, "'c3d' needs 16 frames.*'shapes-gen' have 12"),
        (4, 8, "'c3d' takes 8 frames at most.*'shapes-gen' have 12"),
        (12, 12, None),
        (12, None, None),
    ],
)
def test_a_task_of_another_length_is_refused(monkeypatch, tmp_path, shortest, longest, message):
    network = SimpleNamespace(name="c3d", min_frames=shortest, max_frames=longest)
    monkeypatch.setattr(run, "load_network", lambda *_, **__: network)
    task = load_task("shapes-gen")

    def opened():
        return run.open_run(task, run.Options(output=tmp_path), Ranks(), Progress(enabled=False), "model")

    if message is None:
        assert opened().networks == {"shapes": network}
        return
    with pytest.raises(InputError, match=message):
        opened()
