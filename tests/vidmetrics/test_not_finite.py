"""Every metric on features refuses features that are not finite and names the first such clip of either side."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import METRICS, InputError, measure

COUNT, FRAMES = 600, 2
BAD = (471, 500)
ON_FEATURES = [metric for metric in METRICS.values() if metric.network]


def clips(side):
    """Clips with their own index in the first two bytes and their side in the third."""
    made = np.zeros((COUNT, FRAMES, 1, 1, 3), np.uint8)
    made[..., 0, 0, 0], made[..., 0, 0, 1] = (
        np.divmod(np.arange(COUNT), 256)[0][:, None],
        (np.arange(COUNT) % 256)[:, None],
    )
    made[..., 0, 0, 2] = side
    return made


def failing(metric, side, value):
    """A network that returns the value in the last row of the bad clips of one side."""
    rows_per_clip = FRAMES if metric.network == "inception-2015-12-05" else 1

    def network(batch):
        index = batch[:, 0, 0, 0, 0].astype(int) * 256 + batch[:, 0, 0, 0, 1]
        features = np.random.default_rng(int(index[0])).normal(size=(len(batch), rows_per_clip, 3)).astype(np.float32)
        features[np.isin(index, BAD) & (batch[:, 0, 0, 0, 2] == side), -1, 1] = value
        return {metric.output: features.reshape(-1, 3)}

    network.name, network.outputs = metric.network, {metric.output: 3}
    network.length_problem, network.rows_per_clip = lambda frames: None, lambda frames: rows_per_clip
    network.preprocessing_at = lambda height, width: ""
    network.weights_sha256, network.preprocessing, network.precision = "0" * 64, "", "exact"
    network.implementation, network.proven = "plain", False
    return network


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("metric", ON_FEATURES, ids=lambda metric: metric.id)
def test_the_first_bad_clip_is_named(metric, value):
    sides = {"generated": 1} if metric.needs_reference == "none" else {"generated": 1, "real": 0}
    real = None if metric.needs_reference == "none" else clips(0)
    frame = ", frame 1," if metric.network == "inception-2015-12-05" else ""
    for name, side in sides.items():
        with pytest.raises(InputError, match=f"'{metric.output}' for clip 471{frame} of the {name} clips;"):
            measure(metric.id, real, clips(1), network=failing(metric, side, value))
