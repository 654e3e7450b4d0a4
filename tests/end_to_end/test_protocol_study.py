"""The study of protocols: its whole chain on made-up videos and a tiny network, its parts against oracles, its stored result."""

from __future__ import annotations

import json
from itertools import combinations, product
from pathlib import Path

import av
import numpy as np
import pytest
from scipy import ndimage

from studies.protocols import __main__ as program
from studies.protocols import distances, models, page, ranks, tuning
from studies.protocols.analysis import study
from studies.protocols.collect import StudySettings
from studies.protocols.corruptions import (
    CORRUPTIONS,
    cropped_then_resized,
    resized_then_cropped,
    shared_out,
    through_mp4,
)
from studies.protocols.features import FeatureStore
from studies.protocols.record import record_of, write_record
from studies.protocols.windows import drawn_windows, every_window, read_videos
from vidbench.errors import InputError
from vidmetrics import CONVENTIONS, frechet_distance

STORED = page.HERE / "results.json"


def _write_video(file: Path, seed: int, frames: int = 25) -> None:
    rng = np.random.default_rng(seed)
    colours, (y, x) = rng.integers(40, 215, (2, 3)), rng.integers(4, 40, 2)
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"threads": "1"})
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for t in range(frames):
            picture = np.full((64, 64, 3), colours[0], np.uint8)
            picture[y : y + 20, (x + t) % 44 : (x + t) % 44 + 20] = colours[1]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two classes, seven people in train and two in test, as the Weizmann folder names them."""
    folder = tmp_path_factory.mktemp("weizmann")
    for number, label in enumerate(("bending", "waving")):
        for person in range(9):
            split = "train" if person < 7 else "test"
            _write_video(
                folder / split / label / f"wz{number}{2 * person:02d}weizma_000000_000001.mp4", 10 * person + number
            )
    return folder


def _tiny_network(choice):
    projection = np.random.default_rng(choice.seed).standard_normal((3 * 16, 5))

    def extract(clips_NTHWC):
        blocks = clips_NTHWC.reshape(len(clips_NTHWC), 12, 4, 16, 4, 16, 3).mean((1, 3, 5)) / 64
        return (blocks.reshape(len(clips_NTHWC), -1) @ projection).astype(np.float32)

    return extract


@pytest.fixture(scope="module")
def settings(data):
    return StudySettings(
        data=data,
        checkpoints={},
        num_samples=16,
        per_video=4,
        network_seeds=(0, 1),
        corruptions=("noise", "one-person"),
        protocols=("base", "another-seed", "test", "another-seed-2"),
    )


@pytest.fixture(scope="module")
def stored_study(settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return folder, study(settings, FeatureStore(folder, _tiny_network, lambda line: None))


def test_the_whole_study_runs_small(settings, stored_study, tmp_path):
    folder, found = stored_study
    assert found["models"] == ["memoriser", "noise", "one-person"]
    assert set(found["summary"]["protocols"]) == {"base", "another-seed", "test"}
    assert found["summary"]["protocols"]["base"]["tau"] == 1
    assert list(found["summary"]["controls"]) == ["another-seed-2"]
    assert len(found["summary"]["protocols"]["test"]["flips_of_each"]) == 2
    assert list(found["networks"]["1"]["conventions"]) == list(CONVENTIONS)
    assert found["networks"]["0"]["protocols"]["test"]["num_reference"] == 2 * 2 * 4
    assert (
        found["networks"]["0"]["conventions"]["fvd-magvit"]["scores"]
        == found["networks"]["0"]["protocols"]["base"]["scores"]
    )
    store = FeatureStore(folder, _tiny_network, lambda line: None)
    write_record(tmp_path / "results.json", record_of(settings, store, found, {"study": 1.0}, []))
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["clip_passes"] > 300
    assert record["seconds"] == {"study": 1.0}
    assert record["settings"]["num_samples"] == 16
    assert "| `another-seed` |" in page.tables(record)
    assert page.draw(record).startswith("<svg xmlns=")


def test_what_is_stored_is_not_computed_again(settings, stored_study):
    folder, found = stored_study

    def refuse(choice):
        raise AssertionError("a network was made although all features are stored")

    assert study(settings, FeatureStore(folder, refuse, lambda line: None)) == found


def test_a_folder_without_videos_is_refused_in_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(program, "train_checkpoints", lambda *arguments: [])
    with pytest.raises(SystemExit) as stopped:
        program.main(["--data", str(tmp_path), "--output", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert "give --data the Weizmann folder" in capsys.readouterr().err


def test_a_study_of_another_size_does_not_take_the_features_of_the_first(tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(program, "train_checkpoints", lambda *arguments: [])
    monkeypatch.setattr(program, "FeatureStore", lambda folder, *_: folders.append(folder))
    monkeypatch.setattr(program, "study", lambda *_: (_ for _ in ()).throw(InputError("No study.")))
    for size in ("16", "32"):
        with pytest.raises(SystemExit):
            program.main(["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--num-samples", size])
    assert len(set(folders)) == 2


def test_windows_are_of_the_videos_and_the_people(data):
    videos = read_videos(data, "train")
    assert [video.person for video in videos] == 2 * list(range(7))
    windows = drawn_windows(videos, 28, seed=3, stride=2)
    assert sorted(window.video.name for window in windows) == sorted(2 * [video.name for video in videos])
    for window in windows:
        assert np.array_equal(window.clip(), window.video.frames_THWC[window.start :: 2][:12])
    assert len(every_window(videos, 4)) == 14 * len(range(0, 25 - 12 + 1, 4))


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_a_corruption_of_no_strength_changes_nothing_and_a_strong_one_something(name):
    rng = np.random.default_rng(0)
    clips = rng.integers(60, 190, (2, 12, 64, 64, 3)).astype(np.uint8)
    apply = CORRUPTIONS[name].apply
    assert np.array_equal(apply(clips, 0.0, 1), clips)
    changed = apply(clips, min(1.0, CORRUPTIONS[name].most), 1)
    assert changed.shape == clips.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, clips)


@pytest.mark.parametrize("pixels", [0.3, 1.0, 2.6])
def test_a_shift_is_that_of_scipy(pixels):
    clips = np.random.default_rng(4).integers(0, 256, (1, 2, 16, 16, 3)).astype(np.uint8)
    moved = ndimage.shift(clips.astype(np.float64), (0, 0, pixels, pixels, 0), order=1, mode="nearest")
    assert np.abs(CORRUPTIONS["shift"].apply(clips, pixels, 0) - moved).max() < 0.51


def test_mp4_and_the_two_orders_of_crop_and_resize_keep_the_picture():
    y, x = np.mgrid[:64, :64]
    clip = np.stack([np.stack([2 * x + t, 2 * y, x + y], -1) for t in range(12)]).astype(np.uint8)[None]
    assert np.abs(through_mp4(clip).astype(int) - clip).mean() < 4
    first, second = cropped_then_resized(clip).astype(int), resized_then_cropped(clip).astype(int)
    assert first.shape == second.shape == clip.shape
    assert 0 < np.abs(first - second).max() <= 3  # a ramp: the views differ by less than two pixels


@pytest.mark.parametrize(("power", "most", "reached"), [(2.0, 100.0, True), (0.7, 100.0, True), (2.0, 1.5, False)])
def test_tuning_finds_the_strength_or_says_that_it_cannot(power, most, reached):
    found = tuning.tune(lambda s: 1.0 + 0.1 * s**power, target=2.0, clean=1.0, first=1.0, most=most, step=0.01)
    assert found.reached == reached
    assert found.strength == pytest.approx(10 ** (1 / power), rel=0.1) if reached else found.strength == most


def test_tuning_looks_beside_a_jump_of_one_clip():
    def score(share):  # the target is between clips 5 and 6, below which nobody searches, and 3 clips have it
        return (1.0, 1.1, 1.2, 1.99, 1.4, 1.5, 2.5, 2.5, 2.5, 2.6, 2.7)[round(10 * share)]

    found = tuning.tune(score, target=2.0, clean=1.0, first=0.5, most=1.0, step=0.1)
    assert (round(10 * found.strength), found.reached) == (3, True)
    assert found.trials > tuning.MOST_TRIALS


def test_drawn_distances_are_those_of_the_repeated_rows():
    rng = np.random.default_rng(1)
    reference, samples = rng.standard_normal((21, 6)), rng.standard_normal((12, 6)) + 0.3
    people, sample_people = np.repeat([0, 1, 2], 7), np.repeat([0, 1, 2], 4)
    weights = distances.drawn_people(3, 5, seed=2)
    assert (weights.sum(1) == 3).all()
    parts = distances.PeopleParts.of(reference, people, np.arange(3))
    for ddof, follow in product((0, 1), (False, True)):
        counts = weights[:, sample_people] if follow else np.ones((5, 12), int)
        found = distances.drawn_distances(samples, counts, parts, weights, ddof)
        for row, count, value in zip(weights, counts, found, strict=True):
            drawn = (np.repeat(samples, count, axis=0), np.repeat(reference, row[people], axis=0))
            moments = [f for x in drawn for f in (x.mean(0), np.cov(x, rowvar=False, ddof=ddof))]
            assert value == pytest.approx(frechet_distance(*moments), rel=1e-5)


def test_a_draw_without_any_sample_does_not_count():
    rng = np.random.default_rng(2)
    parts = distances.PeopleParts.of(rng.standard_normal((8, 3)), np.repeat([0, 1], 4), np.arange(2))
    found = distances.drawn_distances(
        rng.standard_normal((5, 3)), np.array([[0.0] * 5, [1.0] * 5]), parts, np.ones((2, 2))
    )
    assert np.isnan(found).tolist() == [True, False]
    assert ranks.excludes_zero(found)


def test_an_eighth_of_a_corruption_of_whole_clips_has_about_its_share():
    whole = shared_out(0.5, 128, seed=3)
    assert whole.sum() == 64
    assert 3 <= whole[:16].sum() <= 13
    assert (shared_out(0.6, 128, seed=3) >= whole).all()


def test_a_flip_is_certain_if_both_differences_exclude_zero():
    base, other = np.array([1.0, 2.0, 3.0]), np.array([2.5, 2.0, 3.0])
    assert ranks.flipped_pairs(base, other) == [(0, 1)]
    assert ranks.tau(base, other) == pytest.approx(1 / 3)
    spread = np.linspace(-0.1, 0.1, 50)

    def drawn(values, times):
        return lambda model: values["abc".index(model)] + times * spread * ("abc".index(model) - 1)

    assert ranks.certain_flips([("a", "b")], drawn(base, 1), drawn(other, 1)) == [("a", "b")]
    assert ranks.certain_flips([("a", "b")], drawn(base, 1), drawn(other, 8)) == []
    assert ranks.certain_flips([("a", "b")], drawn(base, 20), drawn(other, 1)) == []


def _tau_by_counting(a, b):
    """Kendall's tau without ties, from its definition."""
    signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in combinations(range(len(a)), 2)]
    return float(np.mean(signs)), sum(sign < 0 for sign in signs)


def test_the_printed_taus_and_flips_follow_from_the_stored_scores():
    record = json.loads(STORED.read_text(encoding="utf-8"))
    text = page.PAGE.read_text(encoding="utf-8")
    rows = [(kind, id) for kind in ("protocols", "controls", "conventions") for id in record["summary"][kind]]
    assert len(rows) >= 12 + 5
    for kind, id in rows:
        if id in ("base", "fvd"):
            continue
        counted = []
        for network in record["networks"].values():
            if id not in network[kind]:
                continue  # a smaller study: the row shows the networks that it has
            scores = (network["protocols"]["base"]["scores"], network[kind][id]["scores"])
            counted.append(_tau_by_counting(*([one[m] for m in record["models"]] for one in scores)))
        taus, flips = zip(*counted, strict=True)
        row = next(line for line in text.splitlines() if line.startswith(f"| `{id}` |"))
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] == f"{np.mean(flips):.1f} ({', '.join(map(str, flips))})"
        assert sum(map(float, cells[3:7])) == pytest.approx(np.mean(flips), abs=0.21)  # each pair is of one kind
        assert cells[10] == f"{np.mean(taus):.2f} ({min(taus):.2f})"


def test_page_and_figure_are_those_of_the_stored_result():
    record = json.loads(STORED.read_text(encoding="utf-8"))
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.with_tables(text, record) == text
    assert page.FIGURE.read_text(encoding="utf-8") == page.draw(record)


def test_the_readme_quotes_the_stored_result():
    record = json.loads(STORED.read_text(encoding="utf-8"))
    rows = {**record["summary"]["protocols"], **record["summary"]["conventions"]}
    readme = " ".join((page.HERE.parents[1] / "README.md").read_text(encoding="utf-8").split())
    for words, id in (
        ("other videos as reference flipped {} of 120 pairs", "test"),
        ("a new seed {}", "another-seed"),
        ("an eighth of the clips {}", "eighth"),
        ("mp4 {}", "mp4"),
        ("the divisor {}", "fvd-styleganv"),
    ):
        assert words.format(round(rows[id]["flips"])) in readme


class _OnADevice:
    """Clips that are not in the memory of the host, as a GPU's tensor: only `cpu` brings them there."""

    def __init__(self, clips):
        self.clips = clips

    def detach(self):
        return self

    def cpu(self):
        return type("", (), {"numpy": lambda _: self.clips})()

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def test_samples_may_be_on_a_device(monkeypatch):
    class Model:
        def sample(self, request):
            return _OnADevice(np.full((len(request.indices), 12, 32, 32, 3), 7, np.uint8))

    chosen = type("", (), {"factory": type("", (), {"load": staticmethod(lambda *_: Model())})})
    monkeypatch.setattr(models, "choose_registered", lambda _: chosen)
    clips = models.sampled_clips(Path("x"), ("a", "b"), 33, 0, "cuda")()
    assert clips.shape == (33, 12, 64, 64, 3)
    assert (clips == 7).all()
