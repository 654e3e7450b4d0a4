"""What is known of the effect of a difference: one table of measured figures, each with the file that holds it.

No figure is made here. tests/vidbench/tasks/differences/test_effects.py reads every one of them in its file: a table of docs/, a value of
studies/protocols/results.json or of docs/unwritten.json, or a row of leaderboards/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FOOTGUNS = "docs/footguns.md"
_CONVENTIONS = "docs/conventions.md"
_STUDY = "studies/protocols/results.json"
_FLOORS = "docs/floors.md"
_UNWRITTEN = "docs/unwritten.json"
_CONTROL = "another-seed"

SHAPES = "embedded moving shapes and their network"
ORDER = "16 models on 72 videos, networks with seeded weights"
SEEDED_I3D = "I3D with seeded weights, a few short clips"
ACTIONS = "real videos of four actions, embedded network of shapes, five seeds"
PREDICTIONS = "shifted context frames of moving shapes, embedded network, five seeds"
PAPERS = "one model, as published"


@dataclass(frozen=True)
class MeasuredFigure:
    """A figure and the place that holds it.

    Attributes:
        text: as it is printed.
        file: path in the repository.
        place: heading of the section, keys of the value joined by dots, or id of the row.
    """

    text: str
    file: str
    place: str


@dataclass(frozen=True)
class Effect:
    """One measurement of a difference.

    Attributes:
        words: the sentence, with ``{}`` for each figure.
        figures: the figures, in that order.
        measured_on: what they were measured on.
        applies: pairs of values that it is about, in either order; empty for any.
        datasets: datasets that it is about; empty for any.
    """

    words: str
    figures: tuple[MeasuredFigure, ...]
    measured_on: str
    applies: tuple[tuple[str, str], ...] = ()
    datasets: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentence with its figures."""
        return self.words.format(*(figure.text for figure in self.figures))

    @property
    def sources(self) -> tuple[str, ...]:
        """The files that hold the figures, each once, with the places in it."""
        places: dict[str, dict[str, None]] = {}
        for figure in self.figures:
            places.setdefault(figure.file, {})[figure.place] = None
        return tuple(f"{file}: {', '.join(inside)}" for file, inside in places.items())


def _figures(file: str, place: str, *texts: str) -> tuple[MeasuredFigure, ...]:
    return tuple(MeasuredFigure(text, file, place) for text in texts)


def _reordered(text: str, change: str, protocol: str, **about: Any) -> Effect:
    kind = "conventions" if protocol.startswith("fvd") else "protocols"
    figures = _figures(_STUDY, f"summary.{kind}.{protocol}.flips", text)
    words = f"{change} changed the order of {{}} of 120 pairs of models"
    if kind == "protocols" and protocol != _CONTROL:
        # Samples and windows of a new seed are in each of these, so the control tells what is due to chance.
        words, figures = words + "; a new seed alone of {}", (*figures, *_control())
    return Effect(words, figures, ORDER, **about)


def _control() -> tuple[MeasuredFigure, ...]:
    return _figures(_STUDY, f"summary.protocols.{_CONTROL}.flips", "20.0")


def _convention(change: str, text: str, **about: Any) -> Effect:
    figures = _figures(_CONVENTIONS, "Effect of each difference", text)
    return Effect(f"{change} changed an FVD by {{}}", figures, SEEDED_I3D, **about)


def _unwritten(
    entry: str, words: str, paper: str, code: str, change: str, measured_on: str = ACTIONS, **about: Any
) -> Effect:
    """Return one entry of docs/what-the-code-does.md; ``change`` is its mean and standard deviation, divided by ``/``."""
    mean, spread = change.split("/")
    places = {"paper.mean": paper, "code.mean": code, "change.mean": mean, "change.sd": spread}
    figures = tuple(MeasuredFigure(text, _UNWRITTEN, f"entries.{entry}.{place}") for place, text in places.items())
    return Effect(
        f"{words} changed {{}} to {{}}, by {{}} with a standard deviation of {{}}", figures, measured_on, **about
    )


_ANOTHER_SEED = (
    _reordered("20.0", "a new seed of windows and samples", _CONTROL),
    Effect(
        "16 sets of held-out clips of shapes-gen have an fvd-shapes of {}",
        _figures(_FLOORS, "Several sets", "0.257 ± 0.103"),
        SHAPES,
    ),
)
_FEW = Effect(
    "held-out real clips have a Fréchet distance of {} at N = 256, {} at 1,024 and {} at 4,096, where the true one is 0",
    _figures(_FOOTGUNS, "Few samples look bad", "1.202", "0.2072", "0.1119"),
    SHAPES,
)
_EIGHTH = _reordered("19.0", "an eighth of the clips on both sides", "eighth")
_OTHER_CLIPS = Effect(
    "the same held-out clips are at a distance of {} to {} from four reference sets of 1,024 clips of one split",
    _figures(_FOOTGUNS, "Another reference set", "0.2291", "0.7441"),
    SHAPES,
)

# The terms of `metric_terms`.
_TF1, _HALF_PIXEL = "tf1-bilinear to 224x224", "bilinear to 224x224"
_OVER_64 = f"tf1-bilinear to 64x64, then {_TF1}"
_BAIR = ("bair-image-aux1", "bair-image-main")
_K600 = ("kinetics-600", "kinetics")
_ONE_WINDOW = Effect(
    "MAGVIT-L-FP has an FVD of {} against the first window of each video and of {} against all 15",
    (
        *_figures("leaderboards/bair-pred.csv", "magvit-l-fp-fvd", "62"),
        *_figures("leaderboards/bair-pred.csv", "magvit-l-fp-debiased-fvd", "31"),
    ),
    PAPERS,
    applies=(("first", "all"),),
    datasets=_BAIR,
)

_BY_NAME = _unwritten(
    "first-by-name",
    "the first 9 of 56 videos by name instead of 9 drawn ones as the reference set",
    "5.17", "6.71", "1.54/2.09",
    applies=(("seed", "name"), ("seed", "path"), ("seed", "list")),
)  # fmt: skip
_STRIDE_3 = (("1", "3"),)

EFFECTS: Mapping[str, tuple[Effect, ...]] = {
    "training split": (
        Effect(
            "DIGAN has an FVD of {} trained on train split 1 and of {} trained on all videos",
            (
                *_figures("leaderboards/ucf101-gen.csv", "digan-fvd", "655"),
                *_figures("leaderboards/ucf101-gen.csv", "digan-fvd-2", "577"),
            ),
            PAPERS,
            applies=(("all", "train01"),),
            datasets=("ucf101",),
        ),
    ),
    "reference split": (
        _reordered(
            "77.7",
            "the test split instead of the train split",
            "test",
            applies=(("train", "test"), ("train", "val"), ("train01", "test01")),
        ),
        _reordered(
            "33.3",
            "both splits instead of the train split",
            "both",
            applies=(("train", "all"), ("train01", "all")),
        ),
        Effect(
            "DVD-GAN-FP has an FVD of {} against the test set and of {} against the train set",
            (
                *_figures("leaderboards/k600-pred.csv", "dvd-gan-fp-v2-vs-test-set-fvd", "69.15"),
                *_figures("leaderboards/k600-pred.csv", "dvd-gan-fp-v2-vs-train-set-fvd", "68.66"),
            ),
            PAPERS,
            applies=(("train", "test"),),
            datasets=_K600,
        ),
        _OTHER_CLIPS,
    ),
    "stride": (
        Effect(
            "held-out clips at stride 2 are at a distance of {} from a reference set at stride 1, instead of {}",
            _figures(_FOOTGUNS, "Frame rate and stride", "10.39", "0.2072"),
            SHAPES,
        ),
        _reordered("16.3", "stride 2 in the reference set alone", "stride-one-side"),
        _unwritten("stride-of-both-sides", "stride 3 on both sides", "3.63", "4.83", "1.20/0.09", applies=_STRIDE_3),
    ),
    "stride of the reference set": (
        _reordered("16.3", "stride 2 in the reference set alone", "stride-one-side"),
        _unwritten(
            "stride-of-one-side",
            "stride 3 in the reference set alone",
            "3.63",
            "13.72",
            "10.09/0.10",
            applies=_STRIDE_3,
        ),
    ),
    "order of the reference set": (
        _reordered(
            "15.0", "the first windows by name instead of random ones", "first-by-name", applies=_BY_NAME.applies
        ),
        _BY_NAME,
    ),
    "crop": (_reordered("15.0", "the other order of crop and resize", "crop-order", applies=(("center", "center"),)),),
    "samples per context": (
        _unwritten(
            "pooled-samples",
            "one distance of 10 samples of each context, instead of the mean of 10 distances,",
            "79.95",
            "78.33",
            "-1.62/0.13",
            PREDICTIONS,
        ),
        _unwritten(
            "best-of-10", "the best PSNR of 10 samples instead of 100", "20.09", "15.94", "-4.15/0.17", PREDICTIONS
        ),
    ),
    "pixels": (
        Effect(
            "decoded alike on both sides, a distance of {} became {} (shapes) and one of {} became {} (I3D)",
            _figures(_FOOTGUNS, "FFmpeg's default pixels", "0.6407", "0.6400", "1.029", "1.026"),
            "126 clips of four public videos, I3D with seeded weights",
        ),
    ),
    "windows of the reference set": (
        _reordered(
            "21.0", "windows at the first frame instead of random ones", "first-window", applies=(("first", "uniform"),)
        ),
        _reordered(
            "21.0",
            "all windows (every eighth start) instead of random ones",
            "all-windows",
            applies=(("all", "uniform"),),
        ),
        _unwritten(
            "disjoint-windows",
            "disjoint windows of whole videos instead of as many of each",
            "3.53",
            "3.47",
            "-0.06/0.33",
            applies=(("disjoint", "uniform"),),
        ),
        _unwritten(
            "last-window-never",
            "never the last window",
            "3.63",
            "3.61",
            "-0.02/0.07",
            applies=(("before-last", "uniform"),),
        ),
        _ONE_WINDOW,
    ),
    "reference set and held-out clips": (
        Effect(
            "VDM has an FVD of {} with the same windows on both sides, each once, and of {} with both sides drawn with replacement",
            (
                *_figures("leaderboards/k600-pred.csv", "vdm-langevin-128-steps-fvd", "16.2"),
                *_figures("leaderboards/k600-pred.csv", "vdm-langevin-dvd-gan-trivd-sampling-fvd", "16.9"),
            ),
            PAPERS,
            applies=(("the same windows of the same videos", "other windows of the same videos"),),
            datasets=_K600,
        ),
    ),
    "size of the reference set": (_FEW, _EIGHTH),
    "samples": (_FEW, _EIGHTH),
    "seed of the samples": _ANOTHER_SEED,
    "seed of the held-out clips": _ANOTHER_SEED,
    "seed of the reference set": _ANOTHER_SEED,
    "fvd-styleganv": (
        _reordered("4.0", "eps, divisor and root of fvd-styleganv instead of those of fvd", "fvd-styleganv"),
    ),
    "fvd-videogpt": (
        _reordered("6.0", "eps, divisor and root of fvd-videogpt instead of those of fvd", "fvd-videogpt"),
    ),
    "fvd-magvit": (_reordered("0.0", "eps, divisor and root of fvd-magvit instead of those of fvd", "fvd-magvit"),),
    "fvd-cdfvd": (_reordered("5.0", "eps, divisor and root of fvd-cdfvd instead of those of fvd", "fvd-cdfvd"),),
    "divisor of the covariance": (
        _convention("N - 1 to N, 56 against 16 clips,", "+0.27 %"),
        Effect(
            "N - 1 to N changed a distance at N = 2,048 by {}",
            _figures(_FOOTGUNS, "N or N - 1", "-0.03 %"),
            "seeded features",
        ),
    ),
    "matrix root": (_convention("float64 to float32 roots", "-0.01 %"),),
    "resize to the network": (
        _convention("TF1 bilinear to half-pixel bilinear, 64x64,", "+1.15 %", applies=((_TF1, _HALF_PIXEL),)),
        _convention("64x64 first, frames of 64x48,", "-1.11 %", applies=((_TF1, _OVER_64),)),
    ),
    "crop for the network": (_convention("stretch to central crop, frames of 64x48,", "+1.73 %"),),
    "eps of the batch norms": (_convention("1e-3 to 1e-5", "+2.05 %"),),
    "network": (
        Effect(
            "the same clips are at {}, {} and {} with weights from three seeds",
            _figures(_FOOTGUNS, "Other weights", "15.73", "34.91", "17.67"),
            SEEDED_I3D,
        ),
    ),
    "output": (
        Effect(
            "the same clips are at {} on logits and at {} on pooled features",
            _figures(_FOOTGUNS, "Another output of the network", "0.2436", "0.1178"),
            SHAPES,
        ),
    ),
    "splits": (
        Effect(
            "held-out real clips have {} in 1 split and {} in 10, at N = 1,024",
            _figures(_FOOTGUNS, "Splits of the Inception Score", "18.99", "18.88"),
            SHAPES,
        ),
    ),
}
"""Measurements by the title of a field (`compared_fields`), of a term of a metric (`metric_terms`), or by the id of a convention that is compared with `fvd`;
what is not here is not measured."""

NOT_MEASURED = "not measured"


def effects_of(title: str, values: tuple[Any, Any], datasets: tuple[str, str]) -> tuple[Effect, ...]:
    """Return the measurements of a difference.

    Args:
        title: the field or term.
        values: the two values; of a plan of windows its starts count.
        datasets: the datasets of the two tasks.
    """
    pair = {_word(values[0]), _word(values[1])}
    return tuple(
        effect
        for effect in EFFECTS.get(title, ())
        if (not effect.applies or any(pair == set(each) for each in effect.applies))
        and (not effect.datasets or set(datasets) <= set(effect.datasets))
    )


def _word(value: Any) -> str:
    # The starts come first in a plan of windows.
    return str(value[0]) if isinstance(value, tuple) and value else str(value)
