"""`vidbench measure`: any two folders, few passes, nothing silently left out."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from tests.forked import run_python
from vidbench.errors import InputError
from vidbench.jobs import measure as measuring
from vidbench.jobs.measure import MeasureOptions, choose_metrics, measure_clips
from vidbench.progress import Progress
from vidbench.samples.clip_folder import ClipShape, open_clips
from vidbench.samples.exchange import SampleWriter
from vidmetrics import CONVENTIONS, METRICS, frechet_distance, load_network
from vidmetrics.home import home
from vidmetrics.networks.network import Network
from vidmetrics.networks.preprocessing import Preprocessing
from vidmetrics.statistics.frechet_float32 import distance_float32_svd

QUIET = Progress(enabled=False)
SHAPE = ClipShape(num_frames=12)


def clips_of(seed, count, frames=12, height=20, width=20):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (count, 1, 5, 5, 3))
    drift = rng.integers(-6, 7, (count, 1, 5, 5, 3)) * np.arange(frames).reshape(1, -1, 1, 1, 1)
    small = np.clip(base + drift, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(small.repeat(-(-height // 5), 2).repeat(-(-width // 5), 3)[:, :, :height, :width])


def write_frames(folder, clips):
    for number, clip in enumerate(clips):
        place = folder / f"class {number % 2}" / f"clip {number}"
        place.mkdir(parents=True)
        for time, frame in enumerate(clip):
            Image.fromarray(frame).save(place / f"frame_{time}.png")


def write_videos(folder, clips):
    """Write lossless videos in class folders."""
    import av

    for number, clip in enumerate(clips):
        place = folder / f"class {number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        with av.open(str(place / f"v{number:02d}_000000_000001.mkv"), "w") as container:
            stream = container.add_stream("ffv1", rate=25)
            stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], "bgr0"
            for frame in clip:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")))
            container.mux(stream.encode())


@pytest.fixture
def arrays(tmp_path):
    """Two .npy files and their contents."""
    real, generated = clips_of(0, 13), clips_of(1, 9)
    np.save(tmp_path / "real.npy", real)
    np.save(tmp_path / "generated.npy", generated)
    return tmp_path / "real.npy", tmp_path / "generated.npy", real, generated


def options(*metrics, **more):
    return MeasureOptions(metrics=metrics, **{"shape": SHAPE, **more})


def test_the_same_clips_in_every_form(tmp_path, arrays):
    real_path, generated_path, _, generated = arrays
    longer = np.concatenate([generated, 255 - generated], axis=1)
    write_videos(tmp_path / "videos", longer)
    write_frames(tmp_path / "frames", longer)
    np.savez(tmp_path / "packed.npz", samples=longer)
    with SampleWriter(tmp_path / "exchange", num_frames=12, height=20, width=20) as writer:
        writer.add(generated)
    expected = measure_clips(real_path, generated_path, options("fvd-shapes"), QUIET)
    network = load_network("shapes")
    a, b = (network(clips)["logits"].astype(np.float64) for clips in (generated, arrays[2]))
    direct = frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))
    assert expected.metrics["fvd-shapes"].value == pytest.approx(direct, rel=1e-6)
    for name in ("videos", "frames", "packed.npz", "exchange"):
        found = measure_clips(real_path, tmp_path / name, options("fvd-shapes"), QUIET)
        # Not to the last bit: clips in folders are in another order.
        assert found.metrics["fvd-shapes"].value == pytest.approx(direct, rel=1e-6)
        assert (found.samples.num_clips, found.samples.lossy, found.num_frames) == (9, False, 12)
        assert found.official is False
        assert found.reasons == ("Clips from arbitrary folders were measured, without a task.",)


def test_first_frames_at_a_stride_and_a_resolution(tmp_path):
    clips = clips_of(2, 5, frames=25, height=20, width=30)
    write_videos(tmp_path / "videos", clips)
    np.save(tmp_path / "clips.npy", clips)
    for path in (tmp_path / "videos", tmp_path / "clips.npy"):
        opened = open_clips(path, ClipShape(num_frames=9, stride=3))
        read = opened.read(np.arange(5))
        by_first_pixels = sorted(range(5), key=lambda i: read[i].tobytes())
        expected = sorted((clip[:25:3] for clip in clips), key=lambda clip: clip.tobytes())
        assert all(np.array_equal(read[i], clip) for i, clip in zip(by_first_pixels, expected, strict=True))
        assert (opened.height, opened.width) == (20, 30)
        smaller = open_clips(path, ClipShape(num_frames=9, stride=3, resolution=10))
        assert smaller.read(np.array([4])).shape == (1, 9, 10, 10, 3)
        centre = Image.fromarray(read[4, 0, :, 5:25]).resize((10, 10), Image.Resampling.BICUBIC)
        assert np.array_equal(smaller.read(np.array([4]))[0, 0], np.asarray(centre))
        assert len({str(opened.identity), str(smaller.identity)}) == 2
    with pytest.raises(InputError, match=r"v0\d_000000_000001.mkv.*ends after 25 frames but frame 27"):
        open_clips(tmp_path / "videos", ClipShape(num_frames=10, stride=3))
    with pytest.raises(InputError, match=r"clips.npy.*25 frames, but 28 \(10 at stride 3\)"):
        open_clips(tmp_path / "clips.npy", ClipShape(num_frames=10, stride=3))


def test_links_are_followed_and_order_is_not_by_class(tmp_path):
    write_videos(tmp_path / "elsewhere", clips_of(3, 8))
    (tmp_path / "data").mkdir()
    for name in ("class 0", "class 1"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    (tmp_path / "data" / ".hidden.mkv").write_bytes(b"")
    linked, plain = (open_clips(tmp_path / name, SHAPE) for name in ("data", "elsewhere"))
    assert linked.num_clips == plain.num_clips == 8
    assert linked.identity == plain.identity
    assert np.array_equal(linked.read(np.arange(8)), plain.read(np.arange(8)))
    by_class = np.concatenate([clips_of(3, 8)[0::2], clips_of(3, 8)[1::2]])
    assert not np.array_equal(plain.read(np.arange(8)), by_class)


class TinyI3D(torch.nn.Module):
    """Replaces the I3D: pixels and eps as in the convention, a few sums as features."""

    outputs = {"logits": 6, "pool": 1}  # noqa: RUF012
    min_frames = 9

    def __init__(self, convention):
        super().__init__()
        self.pixels, self.eps = Preprocessing(convention.resize, convention.crop), convention.batch_norm_eps
        self.preprocessing = f"{self.pixels.id}-{self.eps}"

    def preprocessing_at(self, height, width):
        return f"{self.pixels.id_at(height, width)}-{self.eps}"

    def forward(self, clips_NTHWC):
        x = self.pixels(clips_NTHWC)[:, :, ::4, ::7, ::7]
        means, spreads = x.mean(dim=(2, 3, 4)), x.square().mean(dim=(2, 3, 4))
        return {"logits": torch.cat([means, spreads], 1) / (1 + self.eps) ** 0.5, "pool": means[:, :1]}


@pytest.fixture
def tiny(monkeypatch):
    """Replace every I3D by a tiny one; returns the number of clips that each network processed."""
    by_network = {c.network: c for c in CONVENTIONS.values()}
    clips_seen: dict[str, int] = {}

    class Counted(Network):
        def __call__(self, clips_NTHWC):
            clips_seen[self.name] = clips_seen.get(self.name, 0) + len(clips_NTHWC)
            return super().__call__(clips_NTHWC)

    def load(name, weights=None, device="cpu", precision="exact"):
        if name not in by_network:
            return load_network(name, weights, device, precision)
        body = TinyI3D(by_network[name])
        return Counted(name, body, device=device, precision=precision, weights_sha256="ab" * 32, proven=False)

    file = home() / "weights" / "i3d-kinetics-400.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    monkeypatch.setattr(measuring, "load_network", load)
    return clips_seen


@pytest.mark.parametrize(
    ("height", "width", "passes"),
    [
        (64, 64, dict.fromkeys((f"i3d-kinetics-400{v}" for v in ("", "+styleganv", "+videogpt")), 13)),
        (20, 30, dict.fromkeys((c.network for c in CONVENTIONS.values()), 13)),
        (224, 224, dict.fromkeys(("i3d-kinetics-400", "i3d-kinetics-400+videogpt", "i3d-kinetics-400+magvit"), 13)),
    ],
)
def test_all_conventions_from_as_few_passes_as_possible(tmp_path, tiny, height, width, passes):
    real, generated = clips_of(0, 7, 9, height, width), clips_of(1, 6, 9, height, width)
    np.save(tmp_path / "real.npy", real)
    np.save(tmp_path / "generated.npy", generated)
    chosen = options("fvd", "fvd-[smvc]*", shape=ClipShape(num_frames=9), device="cpu")
    result = measure_clips(tmp_path / "real.npy", tmp_path / "generated.npy", chosen, QUIET)
    assert set(result.metrics) == {*CONVENTIONS, "fvd-shapes", "fvd-shapes-second"}
    assert tiny == passes
    assert result.network_passes == len(passes) + 2  # the embedded networks
    for id, convention in CONVENTIONS.items():
        with torch.inference_mode():
            body = TinyI3D(convention)
            a, b = (body(torch.from_numpy(x))["logits"].double().numpy() for x in (generated, real))
        cov_a, cov_b = (np.cov(x, rowvar=False, ddof=convention.ddof) for x in (a, b))
        distance = distance_float32_svd if id == "fvd-videogpt" else frechet_distance
        assert result.metrics[id].value == pytest.approx(distance(a.mean(0), cov_a, b.mean(0), cov_b), rel=1e-4)
        assert result.metrics[id].network == convention.network
    assert result.networks["i3d-kinetics-400+videogpt"].preprocessing.endswith("-1e-05")
    assert "The weights of 'i3d-kinetics-400' are not proven to be the published ones." in result.reasons
    # The second time no network runs.
    tiny.clear()
    again = measure_clips(tmp_path / "real.npy", tmp_path / "generated.npy", chosen, QUIET)
    assert tiny == {}
    assert again.metrics == result.metrics


def test_metrics_by_name_and_by_pattern():
    assert choose_metrics(["fvd-shapes", "fvd*"]) == {"fvd-shapes": True} | dict.fromkeys(
        (id for id in METRICS if id.startswith("fvd") and id != "fvd-shapes"), False
    )
    assert choose_metrics(["fvd*", "fvd"])["fvd"] is True
    with pytest.raises(InputError, match="did you mean 'fvd-magvit'"):
        choose_metrics(["fvd-magvitt"])
    with pytest.raises(InputError, match=r"No metric matches 'fdv\*'"):
        choose_metrics(["fdv*"])


def test_what_cannot_run_is_said_or_refused(arrays):
    real, generated = arrays[:2]
    result = measure_clips(real, generated, options("fvd*", "is-shapes"), QUIET)
    assert {"fvd-shapes", "is-shapes"} <= set(result.metrics)
    assert set(CONVENTIONS) <= set(result.not_measured)
    assert set(result.metrics) | set(result.not_measured) == {id for id in METRICS if id[:3] == "fvd"} | {"is-shapes"}
    assert all("i3d-kinetics-400.safetensors" in result.not_measured[id] for id in CONVENTIONS)
    # Nine clips are too few for an extrapolation, which has its own message.
    assert "fvd-inf-shapes" in result.not_measured
    assert (
        "predicted frame" in measure_clips(real, generated, options("[ps]s*", "is-shapes"), QUIET).not_measured["psnr"]
    )
    with pytest.raises(InputError, match="'ssim' compares each predicted frame"):
        measure_clips(real, generated, options("ssim"), QUIET)
    assert result.metrics["is-shapes"].num_reference is None
    with pytest.raises(InputError, match=r"weights of 'i3d-kinetics-400' .*are not at"):
        measure_clips(real, generated, options("fvd*", "fvd-cdfvd"), QUIET)
    with pytest.raises(InputError, match="None of the metrics can be measured: The weights of"):
        measure_clips(real, generated, options("fvd-m*"), QUIET)


def test_too_few_frames_for_a_network(arrays, tiny):
    real, generated = arrays[:2]
    short = ClipShape(num_frames=8)
    result = measure_clips(real, generated, options("fvd*", shape=short), QUIET)
    assert "fvd-shapes" in result.metrics
    assert not set(CONVENTIONS) & set(result.metrics)
    assert "at least 9 frames, not 8" in result.not_measured["fvd-magvit"]
    with pytest.raises(InputError, match="at least 9 frames, not 8; change --num-frames"):
        measure_clips(real, generated, options("fvd", shape=short), QUIET)
    assert tiny == {}


def test_the_batch_size_does_not_change_a_number(arrays):
    real, generated = arrays[:2]
    first = measure_clips(real, generated, options("*-shapes", batch_size=1), QUIET)
    shutil.rmtree(home())
    second = measure_clips(real, generated, options("*-shapes", batch_size=7), QUIET)
    assert {"fvd-shapes", "fid-shapes", "is-shapes"} <= set(first.metrics)
    for id, metric in first.metrics.items():
        assert second.metrics[id].value == pytest.approx(metric.value, rel=1e-6)
        assert second.metrics[id].interval == pytest.approx(metric.interval, rel=1e-5)


def run(*arguments, cwd):
    return run_python(["-m", "vidbench", "measure", *arguments], cwd)


def test_the_command_line(tmp_path, arrays):
    done = run("real.npy", "generated.npy", "--metric", "fvd*", "--num-frames", 12, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["official"] is False
    assert "fvd-shapes" in document["metrics"]
    assert "Not measured: fvd, fvd-styleganv, fvd-videogpt, fvd-magvit, fvd-cdfvd" in done.stderr
    table = run("real.npy", "generated.npy", "--metric", "fvd-shapes", "--num-frames", 12, cwd=tmp_path)
    assert "fvd-shapes" in table.stdout
    assert "unofficial, because:" in table.stdout
    value = document["metrics"]["fvd-shapes"]["value"]
    assert f"{value:.1f}" in table.stdout or f"{value:.2f}" in table.stdout or f"{value:,.0f}" in table.stdout


def refusals(folder):
    """Invalid arguments, and what the message must contain."""
    np.save(folder / "wide.npy", clips_of(5, 4, width=30))
    np.save(folder / "one.npy", clips_of(5, 1))
    np.save(folder / "floats.npy", clips_of(5, 4).astype(np.float32))
    write_videos(folder / "mixed", clips_of(6, 2))
    write_frames(folder / "mixed", clips_of(6, 2))
    write_frames(folder / "short", clips_of(6, 2, frames=7))
    (folder / "empty").mkdir()
    (folder / "loose").mkdir()
    Image.fromarray(clips_of(6, 1)[0, 0]).save(folder / "loose" / "frame.png")
    write_videos(folder / "sizes", clips_of(7, 2))
    write_videos(folder / "sizes" / "other", clips_of(7, 2, height=16))
    shape = ("--num-frames", 12)
    known = ("real.npy", "generated.npy", *shape)
    return [
        (("nowhere", "generated.npy", *shape), ["nowhere", "exchange folder"]),
        (("empty", "generated.npy", *shape), ["empty", "contains no samples"]),
        (("real.npy", "wide.npy", *shape), ["20x20", "30x20", "--resolution"]),
        (("real.npy", "one.npy", *shape), ["one.npy", "two or more"]),
        (("real.npy", "floats.npy", *shape), ["float32", "convert"]),
        (("real.npy", "mixed", *shape), ["mixed", "separate them"]),
        (("real.npy", "loose", *shape), ["loose images"]),
        (("real.npy", "short", *shape), ["short", "7 frames, but 12"]),
        (("sizes", "generated.npy", *shape), ["20x", "--resolution"]),
        ((*known[:2], "--num-frames", 0), ["--num-frames 0"]),
        ((*known, "--stride", 0), ["--stride 0"]),
        ((*known, "--weights", "shapes"), ["NETWORK=FILE"]),
        ((*known, "--weights", "shape=x.npz"), ["did you mean 'shapes'"]),
        ((*known, "--weights", "shapes=x.npz"), ["x.npz", "--weights"]),
        ((*known, "--metric", "fvdd"), ["Unknown metric 'fvdd'"]),
    ]


def test_bad_input_is_one_sentence(tmp_path, arrays, monkeypatch, capsys):
    from vidbench.cli import main

    monkeypatch.chdir(tmp_path)
    for arguments, parts in refusals(tmp_path):
        monkeypatch.setattr(sys, "argv", ["vidbench", "measure", *map(str, arguments), "--metric", "fvd-shapes"])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        sentence = printed.err.strip().splitlines()[-1]
        assert (exit_.value.code, printed.out) == (2, ""), (arguments, sentence)
        assert sentence.startswith("Error: ")
        for part in parts:
            assert part in sentence, (arguments, sentence)
