"""A network that does not accept clips of the task's length is refused before any clip is read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.scoring import run, run_plan
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task
from vidmetrics.networks.network import Network


@pytest.mark.parametrize(
    ("shortest", "longest", "message"),
    [
        (16, 16, "'c3d' needs clips of at least 16 frames, not 12 as the task 'shapes-gen' has"),
        (4, 8, "'c3d' accepts clips of at most 8 frames, not 12 as the task 'shapes-gen' has"),
        (12, 12, None),
        (12, None, None),
    ],
)
def test_a_task_of_another_length_is_refused(monkeypatch, tmp_path, shortest, longest, message):
    body = SimpleNamespace(outputs={"logits": 3}, min_frames=shortest, max_frames=longest, preprocessing="none")
    network = Network("c3d", body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)
    monkeypatch.setattr(run_plan, "load_network", lambda *_, **__: network)
    task = load_task("shapes-gen")

    def opened():
        return run.open_run(
            task, RunOptions(output=tmp_path), ranks=Ranks(), progress=Progress(enabled=False), default_name="model"
        )

    if message is None:
        assert opened().networks == {"shapes": network}
        return
    with pytest.raises(InputError, match=message):
        opened()
