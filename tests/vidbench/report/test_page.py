"""The page of a run: its charts, nearest real clips, text for pasting into a paper, and no external requests."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import vidbench
from vidbench.models.trivial import NoiseModel, StaticModel
from vidbench.rendering.axes import Axis
from vidbench.report.charts import WIDTH, Point, growth_chart, scale_bar, sweep_chart
from vidbench.report.citation import latex_row, result_bibtex
from vidbench.report.material import Extremes, Material, _class_indices
from vidbench.report.nearest import nearest_real
from vidbench.report.page import beyond_scale, no_scale, render_report
from vidbench.report.pictures import _strip_webp, reduction, sheets
from vidbench.report.provenance import provenance
from vidbench.results.real_clips import floor_sets
from vidbench.results.schema import Result
from vidbench.scoring.clip_sources import DatasetSource, ModelSource, model_task
from vidbench.scoring.features import FeatureStore
from vidbench.tasks import load_task
from vidmetrics.statistics.clip_keys import place_keys


def _circles(svg):
    return [float(circle.get("cx")) for circle in ElementTree.fromstring(svg).iter("circle")]


@pytest.mark.parametrize("higher", [False, True])
def test_the_best_end_of_a_bar_is_on_the_left(higher):
    bounds = {"real": 19.0, "noise": 1.0} if higher else {"real": 1.0, "noise": 19.0}
    good, bad = (18.0, 2.0) if higher else (2.0, 18.0)
    near, far = (_circles(scale_bar("m", value, None, bounds, higher))[0] for value in (good, bad))
    assert 0 < near < WIDTH / 2 < far < WIDTH


def test_a_bar_stays_inside_and_names_are_escaped():
    svg = scale_bar("<script>&", 3.0, (-1.0, 900.0), {"real": 2.0, "static": 2.9, "copy": 2.95, "noise": 800.0}, False)
    root = ElementTree.fromstring(svg)
    for line in root.iter("line"):
        assert all(0 <= float(line.get(key)) <= WIDTH for key in ("x1", "x2"))
    labels = [text.text for text in root.iter("text")]
    assert "<script>& 3.00" in labels
    # static and copy are nearly equal: their labels must be on different rows.
    rows = {text.text.split()[0]: text.get("y") for text in root.iter("text")}
    assert rows["static"] != rows["copy"]
    height = float(root.get("viewBox").split()[3])
    assert all(float(text.get("y")) < height for text in root.iter("text"))


def _lines(svg, kind):
    lines = [line for line in ElementTree.fromstring(svg).iter("line") if line.get("class") == kind]
    return [(float(line.get("x1")), float(line.get("x2"))) for line in lines]


@pytest.mark.parametrize(("value", "higher"), [(30.0, False), (0.4, True)])
def test_a_bar_is_broken_where_a_score_is_worse_than_the_ceiling(value, higher):
    bounds = {"real": 19.0, "noise": 1.0} if higher else {"real": 1.0, "noise": 19.0}
    svg = scale_bar("m", value, None, bounds, higher, bounds["noise"])
    (rail,), (beyond,) = _lines(svg, "rail"), _lines(svg, "beyond")
    (dot,) = _circles(svg)
    assert rail[1] == beyond[0] < beyond[1] == pytest.approx(dot)
    inside = scale_bar("m", 10.0, None, bounds, higher, bounds["noise"])
    assert _lines(inside, "beyond") == []
    assert [text.text for text in ElementTree.fromstring(svg).iter("text")][-2:] == ["better", "worse"]


def test_bounds_that_are_no_scale_are_not_drawn_as_one():
    task = load_task("shapes-gen").task
    assert no_scale(task, 1.0, 19.0, higher_is_better=False) == ""
    assert no_scale(task, 19.0, 1.0, higher_is_better=True) == ""
    assert no_scale(task, None, 19.0, higher_is_better=False) == "no scale: without real to compare with"
    assert no_scale(task, None, None, higher_is_better=False) == "no scale: without real and noise to compare with"
    assert (
        no_scale(task, 2.0, 1.0, higher_is_better=False) == "no scale: real (2.00) is no better than noise (1.00) here"
    )
    assert no_scale(task, 1.0, 1.0, higher_is_better=True).startswith("no scale: real (1.00)")
    assert beyond_scale(task, 20.0, 1.0, 19.0, higher_is_better=False) == "worse than noise"
    assert beyond_scale(task, 0.5, 1.0, 19.0, higher_is_better=False) == "better than real"
    assert beyond_scale(task, 0.5, 19.0, 1.0, higher_is_better=True) == "worse than noise"
    assert beyond_scale(task, 19.0, 1.0, 19.0, higher_is_better=False) == ""
    # Of several sets of real clips, the one draw is no limit: every fourth honest score is below it.
    several = floor_sets([1.0, 0.6, 1.4])
    assert beyond_scale(task, 0.7, 1.0, 19.0, higher_is_better=False, sets=several) == ""
    assert beyond_scale(task, 0.5, 1.0, 19.0, higher_is_better=False, sets=several).startswith(
        "better than each of 3 sets"
    )
    assert beyond_scale(task, 1.5, 1.0, 0.1, higher_is_better=True, sets=several).startswith(
        "better than each of 3 sets"
    )


def test_the_floor_of_several_sets_is_a_shade_of_its_mean_and_deviation():
    several, bounds = floor_sets([2.0, 3.0, 4.0]), {"real": 2.0, "noise": 200.0}
    assert 'class="floor"' not in scale_bar("m", 30.0, None, bounds, False)
    assert 'class="floor"' not in scale_bar("m", 30.0, None, bounds, False, floor_sets=floor_sets([2.0]))
    svg = scale_bar("m", 30.0, None, bounds, False, floor_sets=several)
    (left, right) = map(float, re.search(r'<line class="floor" x1="([\d.]+)"[^>]*x2="([\d.]+)"', svg).groups())
    axis = Axis(2.0, 200.0, log=True)
    assert (left, right) == pytest.approx([14 + axis.place(end) * (WIDTH - 28) for end in (2.0, 4.0)], abs=0.1)
    assert "3 sets of real clips 3.00 ± 1.00" in svg


def test_the_line_of_a_growth_chart_meets_the_ring_and_its_points():
    counts = [100, 200, 400, 800]
    values = [5.0 + 200.0 / count for count in counts]
    svg = growth_chart(counts, values, 3, 5.0)
    root = ElementTree.fromstring(svg)
    start, end = (tuple(map(float, place.split(","))) for place in root.find("polyline").get("points").split())
    circles = {c.get("class"): [] for c in root.iter("circle")}
    for circle in root.iter("circle"):
        circles[circle.get("class")].append((float(circle.get("cx")), float(circle.get("cy"))))
    assert circles["ring"] == [pytest.approx(start, abs=0.11)]
    # The values lie on the line, so that it ends at the smallest size that it is fitted to.
    assert circles["dot"][1] == pytest.approx(end, abs=0.11)
    assert len(circles["dot"]) == 4
    assert "ring" not in growth_chart(counts, values, 0, None)
    assert 'class="error"' not in svg
    wide = ElementTree.fromstring(growth_chart(counts, values, 3, 5.0, (1.0, 9.0)))
    (band,) = [line for line in wide.iter("line") if line.get("class") == "error"]
    assert (
        float(band.get("x1")) == float(band.get("x2")) == pytest.approx(float(wide.find("circle").get("cx")), abs=0.11)
    )
    assert float(band.get("y1")) > float(wide.find("circle").get("cy")) > float(band.get("y2"))
    flat = ElementTree.fromstring(growth_chart(counts, [2.0] * 4, 4, 2.0))
    assert all(0 <= float(c.get("cy")) <= 190 for c in flat.iter("circle"))


def test_a_sweep_runs_over_sigma_in_order():
    svg = sweep_chart([Point(1.0, 7.0), Point(0.2, 3.0, (2.0, 4.0)), Point(0.6, 5.0)], 7.0)
    assert _circles(svg) == sorted(_circles(svg))
    assert svg.count('class="error"') == 1


def _store(folder, rows):
    store = FeatureStore(folder, len(rows))
    for shard in range(store.num_shards):
        clips = rows[store.indices(shard)]
        store.write(shard, {"pool": clips.reshape(-1, clips.shape[-1]).astype(np.float32)}, place_keys(len(clips)))
    return store


@pytest.mark.parametrize("frames", [1, 3])
def test_neighbours_are_those_of_brute_force(tmp_path, frames):
    rng = np.random.default_rng(1)
    # A large common offset, with which squares lose digits.
    a, b = (1000 + rng.normal(size=(count, frames, 5)) for count in (150, 333))
    found = nearest_real(_store(tmp_path / "a", a), _store(tmp_path / "b", b), "pool", frames)
    a, b = (each.astype(np.float32).astype(float).mean(axis=1) for each in (a, b))
    distances = np.linalg.norm(a[:, None] - b[None], axis=2)
    np.testing.assert_array_equal(found.nearest, distances.argmin(axis=1))
    np.testing.assert_allclose(found.distances, distances.min(axis=1), rtol=1e-6)
    assert found.num_real == 333
    assert found.distances[found.order()[0]] == found.distances.min()


def test_real_clips_stand_under_their_own_class():
    def clips(labels):
        labels = None if labels is None else np.array(labels)
        return SimpleNamespace(labels=labels, class_names=("a", "b"))

    held_out, apart = clips([1, 1, 0, 0]), clips([1, 0, 0, 1])
    task = load_task("shapes-gen").task
    run = SimpleNamespace(num_samples=4, evaluation=held_out, has_evaluation_clips=True, task=task)

    def samples_of(source):
        return {label: mine.tolist() for label, (mine, _) in _class_indices(run, source).items()}

    model = NoiseModel.load(None, model_task(task, ("a", "b")), "cpu")
    assert samples_of(ModelSource(model, {}, task, held_out, 0)) == {0: [0, 2], 1: [1, 3]}
    static = StaticModel.load(None, model_task(task, ("a", "b")), "cpu")
    assert samples_of(ModelSource(static, {}, task, held_out, 0)) == {0: [2, 3], 1: [0, 1]}
    assert samples_of(DatasetSource(apart)) == {0: [1, 2], 1: [0, 3]}
    assert samples_of(DatasetSource(clips(None))) == {}


def test_large_clips_are_reduced_to_be_shown():
    assert reduction(12, 32, 32) == reduction(12, 128, 128) == 1
    assert reduction(48, 128, 128) == reduction(12, 256, 256) == 2
    assert reduction(10**9, 2, 2) == 1


def test_a_strip_has_twice_its_size_where_that_fits():
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (12, 64, 64, 3), np.uint8)
    plain = np.tile((np.arange(32, dtype=np.uint8) * 7)[None, None, :, None], (12, 32, 1, 3))

    def size(webp):
        with Image.open(io.BytesIO(webp)) as image:
            assert image.n_frames in (1, 12)
            return image.size

    assert size(_strip_webp(plain)) == (64, 64)
    # Noise does not fit, nor does what fits by its first picture alone; a still that one picture calls too large does.
    assert size(_strip_webp(noise)) == (64, 64)
    late = np.concatenate([np.zeros_like(noise[:1]), noise[1:]])
    assert size(_strip_webp(late)) == (64, 64)
    still = np.repeat(noise[:1, :48, :48], 12, axis=0)
    assert size(_strip_webp(still)) == (96, 96)


class _Page(HTMLParser):
    """The content of a page; asserts that all tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.images = [], set(), [], [], 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        self.links += [attributes["href"]] if "href" in attributes else []
        self.sources += [attributes["src"]] if "src" in attributes else []
        if tag == "img":
            assert attributes["alt"]
        if tag not in ("meta", "img", "circle", "line", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def empty_material(task):
    """One black clip to show."""
    clips = np.zeros((1, task.clips.num_frames, task.clips.height, task.clips.width, 3), np.uint8)
    nothing = Extremes(clips[:0], clips[:0], (), ())
    return Material(clips, clips, "", nothing, nothing, (0, 0), "not searched", (), 0)


def test_the_page_is_whole_and_self_contained(small_task, plugin):
    result = vidbench.evaluate("slow_plugin:load", str(small_task), output="out")
    text = (plugin / "out" / "report.html").read_text()
    page = _Page(text)
    assert {"scores", "clips", "neighbours", "classes", "count", "cite", "protocol", "provenance"} <= page.ids
    assert "truncation" not in page.ids
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    # Two sheets, 8 nearest and 8 farthest pairs, 24 classes.
    assert len(page.sources) == 2 + 16 + 24
    assert all(source.startswith("data:image/webp;base64,") for source in page.sources)
    assert not re.search(r"https?:|@import|url\(", text)
    assert "<script" not in text
    assert "user&#39;s own" in text
    for digest in (result.task.fingerprint, result.networks["shapes"].weights_sha256, result.data.reference.sha256):
        assert digest in text
    for name in ("disc-drifting-left", "real", "static", "noise"):
        assert name in text
    assert result.networks["shapes"].license == "Apache-2.0: trained for vidbench and shipped with it"
    assert ("shapes licence", result.networks["shapes"].license) in provenance(result)
    assert "shapes licence" in text
    # A result from before the key says nothing of licences.
    older = json.loads(result.to_json())
    del older["networks"]["shapes"]["license"]
    assert "shapes licence" not in dict(provenance(Result.model_validate(older)))
    assert result_bibtex(result).splitlines()[0] in text

    # Every cell says which column it is of, for a page as narrow as a phone.
    cells = re.findall(r"<td[^>]*>", text.split('id="scores"')[1].split('id="clips"')[0])
    assert cells
    assert all('data-label="' in cell for cell in cells)
    assert f"<summary>{result.task.fingerprint[:12]}…</summary>{result.task.fingerprint}</details>" in text
    assert text.count(">Copy</button>") == 2

    # Scores worse than noise, and a task without its floor.
    bounds = result.bounds["noise"].values
    worse = {
        id: metric.model_copy(update={"value": bounds[id] * (0.5 if metric.higher_is_better else 2), "interval": None})
        for id, metric in result.metrics.items()
    }
    task, material = load_task(str(small_task)).task, empty_material(task=load_task(str(small_task)).task)
    changed = result.model_copy(update={"metrics": worse})
    text = render_report(changed, task, material)
    assert text.count('class="beyond"') == text.count(">worse than noise</p>") == len(worse)
    without = {name: bound for name, bound in result.bounds.items() if name != "real"}
    text = render_report(changed.model_copy(update={"bounds": without}), task, material)
    assert text.count("no scale: without real to compare with") == len(worse)
    assert 'class="rail"' not in text
    assert "Each bar" not in text

    row = latex_row(result).splitlines()
    assert row[0].startswith("% vidbench")
    assert "unofficial" in row[0]
    assert row[-1].startswith(r"slow\_plugin:load & ")
    assert row[-1].count("&") == row[1].count("&") == 3
    assert re.sub(r"[\\{}]", "", result_bibtex(result)).count("=") == 4


@pytest.mark.parametrize(
    ("model", "title"),
    [
        (SimpleNamespace(name="samples", samples_sha256="0" * 64), "First 2 samples"),
        (SimpleNamespace(name="dvdgan", samples_sha256=None), "First 2 samples of dvdgan"),
    ],
    ids=["files", "model"],
)
def test_samples_from_files_are_not_named_after_a_model(model, title):
    clips = np.zeros((2, 2, 8, 8, 3), np.uint8)
    material = SimpleNamespace(samples_NTHWC=clips, real_NTHWC=clips[:0])
    (picture,) = sheets(material, SimpleNamespace(model=model), load_task("shapes-gen").task)
    assert picture.title == title
