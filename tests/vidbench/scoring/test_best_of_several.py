"""Scores of frames with several predictions per clip: the best of them counts, or their mean."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.errors import InputError
from vidbench.scoring.frame_scores import estimate_frames, refuse_infinite
from vidmetrics.catalog.definitions import METRICS

# Six predictions of two frames, two per clip.
SCORES = np.array([[20.0, 22.0], [30.0, 34.0], [25.0, 25.0], [21.0, 23.0], [28.0, 26.0], [27.0, 29.0]])


def a_store(scores):
    def read(score, clips=range(6)):
        assert score == "psnr"
        yield scores[clips.start : 2]
        yield scores[2 : clips.stop]

    return SimpleNamespace(read=read, keys=lambda clips: np.array(clips, np.uint64) // 2)


@pytest.mark.parametrize(("best", "value"), [(True, (32 + 25 + 28) / 3), (False, (26.5 + 23.5 + 27.5) / 3)])
def test_the_best_or_the_mean_of_several_counts(best, value):
    (definition,) = [m for m in METRICS.values() if m.facts.frame_score == "psnr" and m.facts.best_of_several == best]
    estimate = estimate_frames(definition, a_store(SCORES), range(6), 2)
    assert estimate.value == pytest.approx(value, rel=1e-12)
    assert estimate.num_samples == 6


def test_an_exact_frame_is_named():
    infinite = SCORES.copy()
    infinite[4, 1] = np.inf
    definition = SimpleNamespace(id="psnr", frame_score="psnr")
    refuse_infinite(definition, a_store(infinite), [25.0, 26.0])
    with pytest.raises(InputError, match="predicted frame 1 of sample 4 equals the"):
        refuse_infinite(definition, a_store(infinite), [25.0, np.inf])
