"""Public names of the package: light import, metric definitions, one-call metrics."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import vidmetrics
from vidmetrics import (
    METRICS,
    InputError,
    density_coverage,
    frechet_distance,
    get_metric,
    inception_score,
    kid_subsets,
    measure,
    polynomial_mmd,
    precision_recall,
    psnr_frames,
    ssim_frames,
)
from vidmetrics.catalog.definitions import function_ids
from vidmetrics.networks.network import Network
from vidmetrics.statistics.extrapolation import frechet_at_infinity
from vidmetrics.statistics.frechet import gaussian


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_import_is_light():
    heavy = "[m for m in ('torch', 'scipy', 'safetensors', 'pandas', 'vidmetrics.networks') if m in sys.modules]"
    assert run_python(f"import sys, vidmetrics, vidmetrics.catalog.definitions; print({heavy})") == "[]"


def test_functions_named_like_their_files_stay_functions():
    code = (
        "import vidmetrics.statistics.inception_score, vidmetrics.one_call, vidmetrics\n"
        "from vidmetrics.one_call import fvd\n"
        "from vidmetrics.statistics.inception_score import score_sums\n"
        "print(callable(vidmetrics.inception_score), callable(vidmetrics.measure), vidmetrics.fvd is fvd)"
    )
    assert run_python(code) == "True True True"


def test_type_checkers_see_the_functions_of_the_catalog():
    tool = Path(__file__).resolve().parents[2] / "tools" / "write_stub.py"
    stub = runpy.run_path(str(tool))
    assert stub["STUB"].read_text(encoding="utf-8") == stub["stub_text"](), "run `make schema`"
    named = re.findall(r"(?:^| as )(\w+)(?:: \S+)?$", stub["stub_text"](), flags=re.MULTILINE)
    assert sorted(set(named) - {"_one_call"}) == dir(vidmetrics)


def test_a_function_is_one_object_under_both_paths():
    assert vidmetrics.fvd is vidmetrics.fvd is vidmetrics.one_call.fvd
    assert (vidmetrics.is_.__name__, vidmetrics.is_.__doc__.split(";")[0]) == ("is_", "Return the metric ``is``")
    with pytest.raises(AttributeError, match="no attribute 'psnr_best'"):
        _ = vidmetrics.one_call.psnr_best


def test_public_names():
    assert {*vidmetrics.__all__, *function_ids(), "Moments", "Statistics"} <= set(dir(vidmetrics))
    assert all(getattr(vidmetrics, name) is not None for name in dir(vidmetrics))
    with pytest.raises(AttributeError, match=r"[Nn]o .*attribute '?sqrtm"):
        _ = vidmetrics.sqrtm


def test_definitions():
    table = {m.id: (m.network, m.output, m.statistic, m.splits, m.higher_is_better) for m in METRICS.values()}
    assert table == {
        "fvd": ("i3d-kinetics-400", "logits", "frechet", None, False),
        "fvd-styleganv": ("i3d-kinetics-400+styleganv", "logits", "frechet", None, False),
        "fvd-videogpt": ("i3d-kinetics-400+videogpt", "logits", "frechet", None, False),
        "fvd-magvit": ("i3d-kinetics-400+magvit", "logits", "frechet", None, False),
        "fvd-cdfvd": ("i3d-kinetics-400+cdfvd", "logits", "frechet", None, False),
        "fid-i3d-k600": ("i3d-kinetics-600", "pool", "frechet", None, False),
        "is-i3d-k600": ("i3d-kinetics-600", "logits", "inception-score", 10, True),
        "kvd": ("i3d-kinetics-400", "logits", "kernel", None, False),
        "fid": ("inception-2015-12-05", "pool", "frechet", None, False),
        "is": ("inception-2015-12-05", "logits-unbiased", "inception-score", 10, True),
        "kid": ("inception-2015-12-05", "pool", "kernel-subsets", None, False),
        "is-c3d-ucf101": ("c3d-ucf101", "logits", "inception-score", 1, True),
        "fid-c3d-ucf101": ("c3d-ucf101", "fc7", "frechet", None, False),
        **{
            id: (*place, id.removesuffix("-shapes"), None, True)
            for name in ("precision", "recall", "density", "coverage")
            for id, place in ((name, ("i3d-kinetics-400", "logits")), (f"{name}-shapes", ("shapes", "pool")))
        },
        "psnr": ("", "", "psnr", None, True),
        "ssim": ("", "", "ssim", None, True),
        "psnr-best": ("", "", "psnr-best", None, True),
        "ssim-best": ("", "", "ssim-best", None, True),
        "lpips": ("", "", "lpips", None, False),
        "lpips-vgg": ("", "", "lpips", None, False),
        "lpips-best": ("", "", "lpips-best", None, False),
        "fvd-inf": ("i3d-kinetics-400", "logits", "frechet-inf", None, False),
        "fid-inf": ("inception-2015-12-05", "pool", "frechet-inf", None, False),
        "fvd-videomae-ssv2": ("videomae-ssv2", "pool", "frechet", None, False),
        "fvd-videomae-ssv2-cdfvd": ("videomae-ssv2", "pool", "frechet", None, False),
        "jedi": ("vjepa-ssv2", "pool", "second-moments", None, False),
        "jedi-shapes": ("shapes", "pool", "second-moments", None, False),
        "kvd-shapes": ("shapes", "logits", "kernel", None, False),
        "fvd-inf-shapes": ("shapes", "logits", "frechet-inf", None, False),
        "fvd-shapes": ("shapes", "logits", "frechet", None, False),
        "fvd-shapes-second": ("shapes-second", "logits", "frechet", None, False),
        "fid-shapes": ("shapes", "pool", "frechet", None, False),
        "is-shapes": ("shapes", "logits", "inception-score", 1, True),
    }
    assert {id for id, m in METRICS.items() if not m.ddof} == {"fvd-styleganv", "fvd-cdfvd", "fvd-videomae-ssv2-cdfvd"}
    compared = {id: m.compared_by for id, m in METRICS.items() if m.compared_by}
    assert compared == {"lpips": "lpips-alex", "lpips-vgg": "lpips-vgg", "lpips-best": "lpips-alex"}
    assert all(METRICS[id].id == id and len(METRICS[id].source) > 40 for id in METRICS)
    with pytest.raises(InputError, match="'fvd-shape'; did you mean 'fvd-shapes'"):
        get_metric("fvd-shape")
    with pytest.raises(TypeError):
        METRICS["fvd"] = None


class Colours(torch.nn.Module):
    """Mean colour as logits, two pixels as pool."""

    outputs = {"logits": 3, "pool": 2, "logits-unbiased": 3, "fc7": 2}  # noqa: RUF012
    min_frames = 1
    preprocessing = "none"

    def forward(self, clips_NTHWC):
        floats = clips_NTHWC.float() / 64
        logits, pool = floats.mean(dim=(1, 2, 3)), floats[:, 0, 0, :2, 0]
        return {"logits": logits, "pool": pool, "logits-unbiased": logits, "fc7": pool}

    def compare(self, true_NTHWC, predicted_NTHWC):
        return (true_NTHWC.float() - predicted_NTHWC.float()).abs().mean(dim=(2, 3, 4))


class FrameColours(torch.nn.Module):
    """The same for every frame, in clip-major order like a network of frames."""

    outputs = Colours.outputs
    min_frames = 1
    preprocessing = "none"
    per_frame = True

    def forward(self, clips_NTHWC):
        return Colours()(clips_NTHWC.flatten(0, 1)[:, None])


@pytest.fixture
def colours(monkeypatch):
    """Replace every network by one that numpy can reproduce."""

    def load(name, weights=None, device="cpu", precision="exact"):
        body = FrameColours() if name.startswith("inception") else Colours()
        return Network(name, body, device=device, precision=precision, weights_sha256="0" * 64, proven=False)

    monkeypatch.setattr("vidmetrics.networks.load_network", load)
    return load


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (50, 2, 3, 4, 3), np.uint8), rng.integers(50, 256, (40, 2, 3, 4, 3), np.uint8)


def by_numpy(id, real, generated):
    definition = get_metric(id)

    def features(clips):
        if definition.network.startswith("inception"):
            clips = clips.reshape(-1, 1, *clips.shape[2:])
        floats = clips.astype(np.float32) / 64
        return floats.mean(axis=(1, 2, 3)) if "logits" in definition.output else floats[:, 0, 0, :2, 0]

    if definition.needs_reference == "frames":
        if definition.compared_by:
            return np.abs(real.astype(float) - generated.astype(float)).mean()
        return {"psnr": psnr_frames, "ssim": ssim_frames}[id](real, generated).mean()
    if definition.statistic == "inception-score":
        return inception_score(features(generated), definition.splits)[0]
    a, b = features(real), features(generated)
    cov_a, cov_b = (np.cov(x.T, ddof=definition.ddof) for x in (a, b))
    return {
        "frechet": lambda: frechet_distance(a.mean(0), cov_a, b.mean(0), cov_b),
        "kernel": lambda: polynomial_mmd(a, b),
        # Over all pairs, as the authors' code computes it, where ours goes through second moments.
        "second-moments": lambda: (
            100 * sum(sign * np.mean((x @ y.T / a.shape[1]) ** 2) for x, y, sign in ((a, a, 1), (b, b, 1), (a, b, -2)))
        ),
        "kernel-subsets": lambda: kid_subsets(b, a)[0],
        "precision": lambda: precision_recall(a, b)[0],
        "recall": lambda: precision_recall(a, b)[1],
        "density": lambda: density_coverage(a, b)[0],
        "coverage": lambda: density_coverage(a, b)[1],
        "frechet-inf": lambda: extrapolated(a, b, len(generated)),
    }[definition.statistic]()


def extrapolated(real, generated, num_clips):
    reference = gaussian(real.mean(0), np.cov(real.T))
    rows = len(generated) // num_clips
    everything = np.zeros(num_clips, np.int64)
    return frechet_at_infinity(generated, reference, everything, 1, rows_per_sample=rows)[0]


@pytest.mark.parametrize("id", [id for id in METRICS if not id.endswith("-best")])
def test_one_call_metrics(colours, clips, id):
    real, generated = clips
    if id == "kid":  # its subsets have 1,000 rows
        real, generated = np.tile(real, (10, 1, 1, 1, 1)), np.tile(generated, (13, 1, 1, 1, 1))
    if METRICS[id].needs_reference == "frames":
        real, generated = np.tile(real[:40], (1, 1, 4, 4, 1)), np.tile(generated, (1, 1, 4, 4, 1))
    function = getattr(vidmetrics, "is_" if id == "is" else id.replace("-", "_"))
    expected = by_numpy(id, real, generated)
    if METRICS[id].needs_reference == "none":
        assert function(generated) == pytest.approx(expected, rel=1e-5)
        assert function(np.split(generated, [3, 30])) == pytest.approx(expected, rel=1e-5)
        assert measure(id, None, generated).num_reference is None
    else:
        assert function(real, generated) == pytest.approx(expected, rel=1e-5)
        batches = (iter(np.split(real, [3, 30])), (generated[i : i + 7] for i in range(0, len(generated), 7)))
        assert function(*batches) == pytest.approx(expected, rel=1e-5)
        estimate = measure(id, real, generated)
        assert (estimate.num_samples, estimate.num_reference) == (len(generated), len(real))


@pytest.mark.parametrize("id", ["psnr-best", "ssim-best"])
def test_a_best_of_several_metric_refuses_one_prediction(clips, id):
    real, generated = clips
    with pytest.raises(InputError, match=rf"'{id}' scores the best .* {id[:4]}_frames .* best_of_k"):
        measure(id, real[:40], generated)


def test_sides_of_different_length_or_size_are_refused_and_clips_are_counted(colours, clips):
    real, generated = clips
    estimate = measure("fid", real, generated)
    assert (estimate.num_samples, estimate.num_reference) == (40, 50)
    with pytest.raises(InputError, match="Real clips have 1 frames of 4x3 and generated clips 2 frames of 4x3"):
        measure("fid", real[:, :1], generated)
    with pytest.raises(InputError, match="2 frames of 4x2 and generated clips 2 frames of 4x3"):
        measure("fid", real[:, :, 1:], generated)
    with pytest.raises(InputError, match="same number of frames"):
        measure("fid", real, [generated[:3], generated[3:, :1]])


def test_measure_accepts_a_loaded_network_and_returns_an_interval(colours, clips):
    estimate = measure("fvd-shapes", *clips, network=colours("shapes"))
    assert estimate.num_samples == 40
    assert estimate.interval[0] < estimate.value < estimate.interval[1]
    with pytest.raises(InputError, match="defined on 'shapes', not on 'i3d-kinetics-400'"):
        measure("fvd-shapes", *clips, network=colours("i3d-kinetics-400"))


def test_wrong_sets_of_clips_are_refused(colours, clips):
    real, generated = clips
    with pytest.raises(InputError, match="compares with real clips"):
        measure("fvd", None, generated)
    with pytest.raises(InputError, match="only generated clips"):
        measure("is-shapes", real, generated)
    with pytest.raises(InputError, match="no generated clips"):
        measure("fvd", real, [])
    with pytest.raises(InputError, match="no generated clips"):
        measure("fvd", real, generated[:0])
    with pytest.raises(InputError, match="at least 2 samples, not 1"):
        measure("fvd", real[:1], generated)
    with pytest.raises(InputError, match="uint8"):
        measure("fvd", real.astype(np.float32), generated)
