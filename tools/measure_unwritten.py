"""Measure what published code does and the papers do not say, on real videos and moving shapes: docs/unwritten.json.

    python tools/measure_unwritten.py ../shared/data/weizmann --output docs/unwritten.json

Each entry has two forms of one protocol, ``paper`` and ``code``: as a reader of the paper would do it and as the released code does it.
No clip is of a model: "samples" are held-out real clips, or predictions by shifting the last context frame. Distances are Fréchet
distances of the embedded network of shapes (24 features), so they show the mechanics and not the size that an I3D would have.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
import scipy
import torch
from PIL import Image

from studies.protocols.windows import FRAMES, Video, Window, read_videos, span
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.files import write_text
from vidmetrics import Moments, frechet_distance, load_network

SEED = 24
CONTEXT = 4
Form = Callable[[np.random.Generator], float]


class Features:
    """Logits of clips; those of windows are kept."""

    def __init__(self) -> None:
        self._network, self._kept = load_network("shapes"), {}

    def of_clips(self, clips: np.ndarray) -> np.ndarray:
        return np.concatenate([self._network(clips[i : i + 64])["logits"] for i in range(0, len(clips), 64)])

    def of_windows(self, windows: list[Window]) -> np.ndarray:
        keys = [(window.video.name, window.start, window.stride) for window in windows]
        missing = {key: window for key, window in zip(keys, windows, strict=True) if key not in self._kept}
        if missing:
            rows = self.of_clips(np.stack([window.clip() for window in missing.values()]))
            self._kept |= dict(zip(missing, rows, strict=True))
        return np.stack([self._kept[key] for key in keys])


def distance(real: np.ndarray, generated: np.ndarray) -> float:
    sides = []
    for rows in (real, generated):
        moments = Moments(rows.shape[1])
        moments.update(rows)
        sides += [moments.mean, moments.covariance]
    return frechet_distance(*sides)


def drawn(videos: list[Video], each: int, rng: np.random.Generator, stride: int = 1, short: int = 0) -> list[Window]:
    """Return windows of each video from uniform starts, of which the last ``short`` are never drawn."""
    lasts = [len(video.frames_THWC) - span(stride) - short for video in videos]
    return [
        Window(v, int(rng.integers(0, last + 1)), stride) for v, last in zip(videos, lasts, strict=True) for _ in range(each)
    ]  # fmt: skip


def disjoint(videos: list[Video]) -> list[Window]:
    return [Window(v, start) for v in videos for start in range(0, len(v.frames_THWC) - FRAMES + 1, FRAMES)]


def listed_draw(windows: list[Window], count: int, seed: int) -> list[Window]:
    generator = Random(seed)  # LARP draws its windows so, and nothing here is secret  # nosec B311
    return generator.sample(windows, count)


def first_quarter(videos: list[Video], each: int, rng: np.random.Generator) -> list[Window]:
    """Return consecutive frames from starts that were meant for every fourth frame (LVDM, lvdm/data/taichi.py)."""
    lasts = [len(range(0, len(video.frames_THWC), 4)) - FRAMES for video in videos]
    return [
        Window(v, int(rng.integers(0, last + 1))) for v, last in zip(videos, lasts, strict=True) for _ in range(each)
    ]


def resampled(videos: list[Video], each: int, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Return clips of videos of which ``rate`` of 25 frames are taken first, as OmniTokenizer takes 16."""
    clips = []
    for video in videos:
        n = len(video.frames_THWC)
        taken = np.linspace(0, n - 1, int(n / 25 * rate)).astype(int)
        for start in rng.integers(0, len(taken) - FRAMES + 1, each):
            clips.append(video.frames_THWC[taken[start : start + FRAMES]])
    return np.stack(clips)


def as_jpeg(clips: np.ndarray, quality: int) -> np.ndarray:
    frames = []
    for frame in clips.reshape(-1, *clips.shape[2:]):
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=quality)
        frames.append(np.asarray(Image.open(file)))
    return np.stack(frames).reshape(clips.shape)


def in_one_mp4(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two clips that were one lossy file, side by side: H.264 with its own crf, 23, 8 frames per second."""
    both = np.concatenate([left, right], axis=2)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = both.shape[2], both.shape[1], "yuv420p"
        for frame in both:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        read = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    return read[:, :, : left.shape[2]], read[:, :, left.shape[2] :]


def shifted(clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return predictions of clips: the last context frame moves on at a speed that is drawn for each."""
    out = clips.copy()
    for clip, speed in zip(out, rng.integers(-5, 6, (len(out), 2)), strict=True):
        for t in range(CONTEXT, clip.shape[0]):
            clip[t] = np.roll(clip[CONTEXT - 1], speed * (t - CONTEXT + 1), axis=(0, 1))
    return out


def psnr(truth: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Return the mean PSNR over the frames of each clip, of an error of at least 1e-8 as piqa has it."""
    error = np.mean((truth / 255.0 - made / 255.0) ** 2, axis=(2, 3, 4))
    return np.mean(-10 * np.log10(error + 1e-8), axis=1)


def weizmann_forms(train: list[Video], test: list[Video], features: Features) -> dict[str, tuple[Form, Form]]:
    """Return the two forms of each entry about windows and files of real videos."""
    share = round(len(train) * 2048 / 13320)
    samples = features.of_windows

    def against(reference: Callable[[Any], list[Window]], stride: int = 1) -> Form:
        # The held-out windows are drawn by another generator, so that both forms have the same.
        return lambda rng: distance(
            samples(reference(rng)), samples(drawn(test, 30, np.random.default_rng(SEED), stride))
        )

    def of_both(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Form:
        def value(rng: np.random.Generator) -> float:
            real, held = (np.stack([w.clip() for w in drawn(v, n, rng)]) for v, n in ((train, 4), (test, 14)))
            return distance(*(features.of_clips(side) for side in change(real, held)))

        return value

    def mp4(real: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [in_one_mp4(*pair) for pair in zip(real, held, strict=True)]
        return tuple(np.stack(side) for side in zip(*pairs, strict=True))  # type: ignore[return-value]

    def at_rates(real: int, held: int) -> Form:
        return lambda rng: distance(
            *(features.of_clips(resampled(v, n, rng, rate)) for v, n, rate in ((train, 4, real), (test, 14, held)))
        )

    def reconstructed(rows: Callable[[np.random.Generator], np.ndarray]) -> Form:
        clips = np.stack([Window(v, (len(v.frames_THWC) - FRAMES) // 2).clip() for v in train])
        original, coded = features.of_clips(clips), features.of_clips(as_jpeg(clips, 30))
        return lambda rng: (lambda taken: distance(original[taken], coded[taken]))(rows(rng))

    count, more = len(train), round(len(train) * 463 / 9537)
    few = lambda rng: [train[i] for i in rng.choice(count, share, replace=False)]  # noqa: E731
    return {
        "first-by-name": (against(lambda r: drawn(few(r), 40, r)), against(lambda r: drawn(train[:share], 40, r))),
        "stride-of-one-side": (against(lambda r: drawn(train, 8, r)), against(lambda r: drawn(train, 8, r, 3))),
        "stride-of-both-sides": (against(lambda r: drawn(train, 8, r)), against(lambda r: drawn(train, 8, r, 3), 3)),
        "mp4-of-both-sides": (of_both(lambda *sides: sides), of_both(mp4)),
        "jpeg-95-of-real-side": (of_both(lambda *sides: sides), of_both(lambda r, h: (as_jpeg(r, 95), h))),
        "rate-of-one-side": (at_rates(25, 25), at_rates(25, 16)),
        "rate-of-both-sides": (at_rates(25, 25), at_rates(16, 16)),
        "disjoint-windows": (
            against(lambda r: drawn(train, 4, r)),
            against(lambda r: listed_draw(disjoint(train), 4 * len(train), int(r.integers(1 << 32)))),
        ),
        "last-window-never": (against(lambda r: drawn(train, 8, r)), against(lambda r: drawn(train, 8, r, short=1))),
        "first-quarter": (against(lambda r: drawn(train, 8, r, 4), 4), against(lambda r: first_quarter(train, 8, r), 4)),
        "padded-by-duplicates": (
            reconstructed(lambda r: np.arange(count)),
            reconstructed(lambda r: np.concatenate([np.arange(count), r.choice(count, more, replace=False)])),
        ),
    }  # fmt: skip


def shapes_forms(clips: np.ndarray, features: Features) -> dict[str, tuple[Form, Form]]:
    """Return the two forms of each entry about several samples of a context, and about the context frames."""
    real = features.of_clips(clips)

    def of_samples(pooled: bool) -> Form:
        def value(rng: np.random.Generator) -> float:
            each = [features.of_clips(shifted(clips, rng)) for _ in range(10)]
            return distance(real, np.concatenate(each)) if pooled else float(np.mean([distance(real, e) for e in each]))

        return value

    def best(of: int) -> Form:
        return lambda rng: float(
            np.max([psnr(clips[:, CONTEXT:], shifted(clips, rng)[:, CONTEXT:]) for _ in range(of)], axis=0).mean()
        )

    def with_given(frames: slice, coded: bool) -> Callable[[np.random.Generator], np.ndarray]:
        def made(rng: np.random.Generator) -> np.ndarray:
            out = shifted(clips, rng)
            if coded:
                out[:, :CONTEXT] = as_jpeg(out[:, :CONTEXT], 75)
            return out[:, frames]

        return made

    predicted, every, coded = (
        with_given(slice(CONTEXT, None), False),
        with_given(slice(None), False),
        with_given(slice(None), True),
    )
    return {
        "pooled-samples": (of_samples(False), of_samples(True)),
        "best-of-10": (best(100), best(10)),
        "given-frames-in-psnr": (
            lambda rng: float(psnr(clips[:, CONTEXT:], predicted(rng)).mean()),
            lambda rng: float(psnr(clips, coded(rng)).mean()),
        ),
        "given-frames-reconstructed": (
            lambda rng: distance(real, features.of_clips(every(rng))),
            lambda rng: distance(real, features.of_clips(coded(rng))),
        ),
    }  # fmt: skip


def measured(forms: tuple[Form, Form], seeds: int) -> dict[str, Any]:
    """Return the mean and the standard deviation over seeds of both forms, and of their difference with one seed in both."""
    paper, code = (np.array([form(np.random.default_rng(seed)) for seed in range(seeds)]) for form in forms)
    return {
        name: {"mean": float(f"{values.mean():.5g}"), "sd": float(f"{values.std(ddof=1):.5g}")}
        for name, values in (("paper", paper), ("code", code), ("change", code - paper))
    }


def main() -> None:
    """Read the videos, measure every entry, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weizmann", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=128, help="Moving shapes for the entries about predictions.")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    features = Features()
    train, test = (read_videos(chosen.weizmann, split) for split in ("train", "test"))
    shapes = ShapesDataset("test", chosen.clips, FRAMES, 32, 32).read(np.arange(chosen.clips))
    entries = {}
    for name, forms in (weizmann_forms(train, test, features) | shapes_forms(shapes, features)).items():
        entries[name] = measured(forms, chosen.seeds)
        print(name, json.dumps(entries[name]), flush=True)
    document = {
        "command": "python tools/measure_unwritten.py ../shared/data/weizmann --output docs/unwritten.json",
        "versions": {
            "python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "scipy": scipy.__version__, "av": av.__version__,
        },
        "seeds": f"0 to {chosen.seeds - 1}; held-out windows {SEED}",
        "real videos": {"train": len(train), "test": len(test)},
        "shapes": chosen.clips,
        "network": "shapes",
        "entries": entries,
    }  # fmt: skip
    write_text(chosen.output, json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
