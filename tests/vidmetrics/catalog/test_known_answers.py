"""Published numbers, recomputed wherever the trained weights are available; `vidbench doctor` lists them too.

The weights are expected in VIDBENCH_HOME, where `vidbench weights fetch i3d-kinetics-400` puts them; I3D weights must be
proven. Without weights these tests are skipped and say so. Each computation also runs on stand-in networks and a few
stand-in images, where it must return a number other than the published one.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pytest
import torch

import vidmetrics
from vidmetrics.catalog.known_answers import CONSTANT_LENGTHS, KNOWN_ANSWERS, known_answer
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network
from vidmetrics.networks.precision import computing
from vidmetrics.statistics.moments import Moments
from vidmetrics.weights import proof
from vidmetrics.weights.reading import read_weights


class Here:
    """Networks and data of a computation: the cache folder, in full size."""

    def __init__(self, home: Path) -> None:
        self.data = home / "known-answers"
        self._weights = home / "weights"

    def network(self, name):
        path = self._weights / f"{name}.safetensors"
        if not path.is_file():
            pytest.skip(f"no trained weights at {path}: run `vidbench weights fetch {name}`")
        network = vidmetrics.load_network(name, weights=path, device="cuda" if torch.cuda.is_available() else "cpu")
        if name.startswith("i3d") and not network.proven:
            pytest.skip(f"the weights at {path} are not DeepMind's")
        return network

    def folder(self, name, remedy):
        if not (self.data / name).exists():
            pytest.skip(f"no {self.data / name}: {remedy}")
        return self.data / name

    def count(self, published):
        """Return how many clips or images to use, given the number in the published computation."""
        return published


class Body(torch.nn.Module):
    """A fast network without training: seeded projections of 27 mean colours."""

    min_frames, preprocessing = 1, "none"

    def __init__(self, per_frame, **outputs):
        super().__init__()
        self.per_frame, self.outputs = per_frame, outputs
        generator = torch.Generator().manual_seed(0)
        self.projections = {name: torch.randn(27, size, generator=generator) for name, size in outputs.items()}

    def forward(self, clips_NTHWC):
        N, T = clips_NTHWC.shape[:2]
        x_NCTHW = clips_NTHWC.permute(0, 4, 1, 2, 3).float() / 255
        if self.per_frame:
            x_NCTHW = x_NCTHW.transpose(1, 2).reshape(N * T, 3, 1, *x_NCTHW.shape[3:])
        return self._features(x_NCTHW)

    def _features(self, x_NCTHW):
        colours = torch.nn.functional.adaptive_avg_pool3d(x_NCTHW, (1, 3, 3)).flatten(1)
        return {name: colours @ projection for name, projection in self.projections.items()}


class StandIns(Here):
    """The same with stand-in networks and few clips."""

    BODIES: ClassVar = {
        "i3d-kinetics-400": {"per_frame": False, "logits": 16},
        "inception-2015-12-05": {"per_frame": True, "pool": 24, "logits-unbiased": 12},
        "c3d-ucf101": {"per_frame": False, "logits": 12},
    }

    def network(self, name):
        body = Body(**self.BODIES[name])
        return Network(name, body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)

    def folder(self, name, remedy):
        assert (self.data / name).exists(), f"the stand-ins lack {name}"
        return self.data / name

    def count(self, published):
        return {128: 3, 50_000: 60, 10_000: 7, 5_000: 30, 1_000: 9, 100: 20}[published]


def black_against_white(at, count, frames):
    black, white = (np.full((count, frames, 64, 64, 3), value, np.uint8) for value in (0, 255))
    return vidmetrics.measure("fvd", black, white, network=at.network("i3d-kinetics-400")).value


def noise_without_preprocessing(at):
    network, sides = at.network("i3d-kinetics-400"), []
    plain = getattr(network._body, "_plain", network._body)  # it accepts scaled pixels
    for seed in (2, 1):
        random, moments = np.random.RandomState(seed), Moments(network.outputs["logits"])
        for _ in range(at.count(128)):
            clip = torch.from_numpy(random.rand(1, 16, 224, 224, 3).astype(np.float32))
            with torch.inference_mode(), computing("exact"):
                features = plain._features(clip.permute(0, 4, 1, 2, 3).contiguous().to(network._device))
            moments.update(features["logits"].cpu().numpy())
        sides.append(moments)
    real, fake = sides
    return vidmetrics.frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)


def cifar10_features(at, output, train, chosen=None):
    """Return features of CIFAR-10 images in index order: of all, or of the subset in torch-fidelity's tests."""
    folder = at.folder(
        "cifar-10-batches-bin", "unpack cifar-10-binary.tar.gz of www.cs.toronto.edu/~kriz/cifar.html there"
    )
    files = [f"data_batch_{number}.bin" for number in range(1, 6)] if train else ["test_batch.bin"]
    # Each record is a label byte, then 32x32 red, green and blue values.
    records = np.concatenate([np.fromfile(folder / file, np.uint8).reshape(-1, 3073) for file in files])
    images_NHWC = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert len(images_NHWC) == at.count(50_000 if train else 10_000) or isinstance(at, StandIns)
    if chosen:
        # Files are named by index and sorted by name.
        images_NHWC = images_NHWC[np.sort(np.random.RandomState(2020).choice(len(images_NHWC), chosen, replace=False))]
    network = at.network("inception-2015-12-05")
    parts = np.array_split(images_NHWC[:, None], -(-len(images_NHWC) // 100))
    return np.concatenate([network(part)[output] for part in parts])


def cifar10_score(at, chosen=None):
    logits = cifar10_features(at, "logits-unbiased", train=True, chosen=chosen)
    return vidmetrics.inception_score(logits[np.random.RandomState(2020).permutation(len(logits))], splits=10)


def cifar10_fid(at):
    sides = []
    for train in (True, False):
        features = cifar10_features(at, "pool", train, at.count(5_000))
        sides.append(Moments(features.shape[1]))
        sides[-1].update(features)
    a, b = sides
    return vidmetrics.frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


def cifar10_kid(at):
    random, size = np.random.RandomState(2020), at.count(1_000)
    train, test = (cifar10_features(at, "pool", side, at.count(5_000)) for side in (True, False))
    values = []
    for _ in range(100):
        subsets = [rows[random.choice(len(rows), size, replace=False)] for rows in (train, test)]
        values.append(vidmetrics.polynomial_mmd(*subsets))
    return float(np.mean(values)), float(np.std(values))


def ucf101_score(at):
    from vidbench.data.layouts import find_listing
    from vidbench.data.videos import VideoDataset
    from vidbench.tasks.schema import ClipSpec

    network = at.network("c3d-ucf101")
    root = at.folder("UCF101", "put the videos and the lists of UCF-101 there")
    clips = ClipSpec(num_frames=16, height=64, width=64, resize="pil-bicubic", crop="center")
    dataset = VideoDataset(find_listing("ucf101", root, "all"), clips, at.count(10_000))
    batches = np.array_split(np.arange(dataset.num_clips), -(-dataset.num_clips // 16))
    logits = np.concatenate([network(dataset.read(batch))["logits"] for batch in batches])
    assert len(logits) == at.count(10_000)
    return vidmetrics.inception_score(logits, splits=1)[0]


def imagenet_logits(at):
    remedy = "it is in github.com/deepmind/kinetics-i3d, data/"
    prefix = at.folder("rgb_imagenet/model.ckpt.index", remedy).with_suffix("")
    clip_NTHWC = np.load(at.folder("v_CricketShot_g04_c01_rgb.npy", remedy), allow_pickle=False)  # float32 in [-1, 1]
    tensors = read_weights([prefix])
    assert proof.prove(tensors).checkpoint == proof.IMAGENET
    body = I3D.from_tensors(tensors, num_classes=400).eval()
    with torch.inference_mode(), computing("exact"):
        logits = body._features(torch.from_numpy(clip_NTHWC).permute(0, 4, 1, 2, 3).float().contiguous())["logits"]
    return float(logits.double().norm())


# Standard deviations published with some of the numbers, and their tolerances.
COMPUTATIONS = {
    "fvd-example": lambda at: black_against_white(at, 16, 15),
    **{f"fvd-constant-{T}": lambda at, T=T: black_against_white(at, 8, T) for T in CONSTANT_LENGTHS},
    "fvd-constant-30-tensorflow": lambda at: black_against_white(at, 8, 30),
    "fvd-random": noise_without_preprocessing,
    "is-cifar10-train": cifar10_score,
    "is-cifar10-100": lambda at: cifar10_score(at, at.count(100)),
    "is-cifar10-5000": lambda at: cifar10_score(at, at.count(5_000)),
    "fid-cifar10-5000": cifar10_fid,
    "kid-cifar10-5000": cifar10_kid,
    "is-ucf101-real": ucf101_score,
    "i3d-imagenet-logits": imagenet_logits,
}
SPREADS = {
    "is-cifar10-train": (0.09514061, 1e-2),
    "is-cifar10-5000": (0.5778723, 1e-2),
    "kid-cifar10-5000": (1.023118e-4, 2e-6),
}


def deviation(name, at):
    """Return the computed number, and how far it is from the published one in units of the tolerance."""
    found = COMPUTATIONS[name](at)
    value, spread = found if isinstance(found, tuple) else (found, None)
    answer = known_answer(name)
    off = abs(value - answer.value) / answer.tolerance
    if name in SPREADS:
        published, tolerance = SPREADS[name]
        off = max(off, abs(spread - published) / tolerance)
    return value, off


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_the_published_number(name, real_home):
    value, off = deviation(name, Here(real_home))
    assert off <= 1, (name, value, known_answer(name))


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory, writer):
    """A cache folder with synthetic images, videos and a checkpoint."""
    home = tmp_path_factory.mktemp("stand-ins")
    random = np.random.default_rng(0)
    cifar = home / "known-answers" / "cifar-10-batches-bin"
    cifar.mkdir(parents=True)
    for name, count in [*((f"data_batch_{number}.bin", 12) for number in range(1, 6)), ("test_batch.bin", 40)]:
        random.integers(0, 256, (count, 3073), np.uint8).tofile(cifar / name)
    ucf = home / "known-answers" / "UCF101"
    ucf.mkdir()
    videos = [f"v_Archery_g0{number}_c01" for number in range(1, 8)]
    (ucf / "classInd.txt").write_text("".join(f"{n} {'Archery' if n == 1 else f'Class{n}'}\n" for n in range(1, 102)))
    for split in (1, 2, 3):
        (ucf / f"trainlist0{split}.txt").write_text("".join(f"Archery/{name}.avi 1\n" for name in videos[:4]))
        (ucf / f"testlist0{split}.txt").write_text("".join(f"Archery/{name}.avi\n" for name in videos[4:]))
    (ucf / "Archery").mkdir()
    for name in videos:
        with av.open(str(ucf / "Archery" / f"{name}.avi"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height = 80, 64
            for pixels in random.integers(0, 256, (20, 64, 80, 3), np.uint8):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
    checkpoint = home / "known-answers" / "rgb_imagenet"
    checkpoint.mkdir()
    writer.write_checkpoint(checkpoint / "model.ckpt", dict(seeded_i3d_weights(0)))
    clip = random.uniform(-1, 1, (1, 9, 224, 224, 3)).astype(np.float32)
    np.save(home / "known-answers" / "v_CricketShot_g04_c01_rgb.npy", clip)
    return StandIns(home)


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_the_computation_runs_and_detects_stand_in_weights(name, stand_ins, monkeypatch):
    proven = proof.prove
    # The synthetic checkpoint passes where the real one has to be proven; nothing else does.
    monkeypatch.setattr(proof, "prove", lambda tensors: _as_imagenet(proven(tensors)))
    value, off = deviation(name, stand_ins)
    assert np.isfinite(value)
    assert off > 1


def _as_imagenet(verdict):
    import dataclasses

    return dataclasses.replace(verdict, checkpoint=proof.IMAGENET)


def test_without_weights_or_data_a_computation_skips(tmp_path):
    for name in COMPUTATIONS:
        with pytest.raises(pytest.skip.Exception, match=r"^no "):
            COMPUTATIONS[name](Here(tmp_path))


def test_unproven_weights_do_not_count_as_trained(tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "weights").mkdir()
    save_file(dict(seeded_i3d_weights(0)), tmp_path / "weights" / "i3d-kinetics-400.safetensors")
    with pytest.raises(pytest.skip.Exception, match="not DeepMind's"):
        COMPUTATIONS["fvd-example"](Here(tmp_path))


def test_black_and_white_have_the_published_psnr_and_ssim():
    # The same README as the table by length; these need no weights.
    black, white = (np.full((1, 2, 64, 64, 3), value, np.uint8) for value in (0, 255))
    assert vidmetrics.measure("psnr", black, white).value == 0
    assert vidmetrics.measure("ssim", black, white).value == pytest.approx(9.999000099990664e-05, rel=1e-9)


def test_every_known_answer_is_computed():
    assert list(COMPUTATIONS) == [answer.name for answer in KNOWN_ANSWERS]
    assert len({answer.name for answer in KNOWN_ANSWERS}) == len(KNOWN_ANSWERS)


def test_an_answer_is_found_by_its_name():
    for answer in KNOWN_ANSWERS:
        assert known_answer(answer.name) is answer


# "value" of "fvd" in the README of JunyaoHu/common_metrics_on_video_quality, commit 5f75173: FVD_n for n = 10 to 30.
README = """
            569.2296293622766,
            486.3584254441098,
            551.9610501807822,
            146.36638178542628,
            172.85453222258292,
            133.70311962583372,
            152.91750309134142,
            357.7402855012116,
            382.4668646785276,
            306.73840379649727,
            338.4151811780684,
            78.17255931098194,
            82.33446642508818,
            64.5885972265882,
            66.06281151704604,
            314.4803706985065,
            316.6870909853734,
            288.97196946254184,
            287.7805184515251,
            152.1524775765185,
            151.2564750365302
"""


def test_answers_by_length_are_those_of_the_published_table():
    published = [float(text) for text in README.split(",")]
    assert tuple(range(10, 31)) == CONSTANT_LENGTHS
    assert [known_answer(f"fvd-constant-{frames}").value for frames in CONSTANT_LENGTHS] == published
    for frames, value in zip(CONSTANT_LENGTHS, published, strict=True):
        answer = known_answer(f"fvd-constant-{frames}")
        assert answer.question == f"FVD of 8 clips of {frames} frames of 64x64, all black against all white"
        # "0.3 %, or 0.5 if that is more": 0.5 for values below 167.
        assert answer.tolerance == pytest.approx(0.5 if value < 500 / 3 else 3 * value / 1000, rel=1e-12)


def test_tolerances_are_those_of_the_sources():
    # About 131; five times 0.62, to one digit; printed with nine digits, and 1e-4 of it.
    for name, value, tolerance in (
        ("fvd-example", 131, 3), ("is-ucf101-real", 60.2, 3), ("i3d-imagenet-logits", 87.108871, 0.0087108871),
    ):  # fmt: skip
        assert (known_answer(name).value, known_answer(name).tolerance) == pytest.approx((value, tolerance), rel=1e-9)
