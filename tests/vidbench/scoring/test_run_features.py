"""What a run tells the progress about its work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from vidbench.distributed.ranks import Ranks
from vidbench.scoring.run_features import expect_work


def test_only_the_clips_of_the_model_are_expected_at_its_rate():
    told = {}
    progress = SimpleNamespace(expect=lambda stages, elsewhere, others: told.update(stages=stages, others=others))
    run = SimpleNamespace(
        total_samples=31, num_samples=20, output=Path(), statistics="imported", networks={}, device="cpu",
        task=SimpleNamespace(clips=SimpleNamespace(num_frames=12), evaluation=SimpleNamespace(codec="none")), ranks=Ranks(0, 3), progress=progress,
    )  # fmt: skip
    bounds = [SimpleNamespace(name="noise", source=object()), SimpleNamespace(name="real", source=None)]
    expect_work(run, {"Samples of grey": object(), "Samples of grey, sigma 0.5": object()}, bounds, Path())
    assert told == {"stages": {"Samples of grey": 11, "Samples of grey, sigma 0.5": 11}, "others": 7}
