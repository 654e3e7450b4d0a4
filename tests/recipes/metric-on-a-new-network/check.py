"""A Fréchet distance on a new feature extractor: its weights are fetched, verified and proven, then it measures clips."""

import contextlib
import io
import json
import runpy

import numpy as np
from safetensors.numpy import save_file

import vidmetrics
from vidbench.cli import run_command
from vidmetrics.weights.sources import source_of


def printed(*words: str) -> str:
    """Run a command that must succeed; returns what it prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = run_command(list(words))
    assert code == 0, (words, code)
    return text.getvalue()


# Fetched as published (from the folder of downloads, since this test makes no network requests), imported and proven.
weights = (((np.arange(16 * 192) * 7919) % 257 - 128) / 128).astype(np.float32).reshape(16, 192)
folder = source_of("thumbnails").folder
folder.mkdir(parents=True)
save_file({"projection.weight": weights}, folder / "thumbnails.safetensors")
assert "thumbnails" in printed("weights", "list")
printed("weights", "fetch", "thumbnails", "--offline")
printed("weights", "verify", "thumbnails")
network = vidmetrics.load_network("thumbnails")
assert network.proven

# The features and the distance, by numpy.
random = np.random.default_rng(0)
real, samples = (random.integers(0, high, (40, 5, 16, 24, 3), np.uint8) for high in (256, 200))


def features(clips_NTHWC: np.ndarray) -> np.ndarray:
    """Features real ``[N, 16]``."""
    n, t, h, w, c = clips_NTHWC.shape
    blocks = clips_NTHWC.reshape(n, t, 8, h // 8, 8, w // 8, c).mean(axis=(3, 5)) / 255
    return (blocks.transpose(0, 1, 4, 2, 3).reshape(n, t, -1) @ weights.T.astype(float)).mean(axis=1)


sides = [features(clips) for clips in (real, samples)]
assert np.allclose(network(real)["pool"], sides[0], atol=1e-4)
expected = vidmetrics.frechet_distance(
    *(f(side) for side in sides for f in (lambda x: x.mean(0), lambda x: np.cov(x.T)))
)
assert np.isclose(vidmetrics.fid_thumbnails(real, samples), expected, rtol=1e-4)

# From the command line, with the network in the record.
np.save("real.npy", real)
np.save("samples.npy", samples)
command = ["measure", "real.npy", "samples.npy", "--metric", "fid-thumbnails", "--num-frames", "5", "--json"]
measurement = json.loads(printed(*command))
assert np.isclose(measurement["metrics"]["fid-thumbnails"]["value"], expected, rtol=1e-4)
assert measurement["networks"]["thumbnails"]["proven"] is True

stub = runpy.run_path("tools/write_stub.py")
assert stub["STUB"].read_text() == stub["stub_text"](), "run `make schema`"
cards = runpy.run_path("tests/vidmetrics/catalog/test_metric_cards.py")
cards["test_every_metric_has_one_card"]()
cards["test_every_card_says_everything_and_the_right_range_and_direction"]()
