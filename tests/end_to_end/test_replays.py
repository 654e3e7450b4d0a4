"""Clip plans against the samplers of published code, as run by their authors' own functions: tests/golden/replays has what those took.

Where the authors' draw is seeded, or there is none, ours must take the same clips in the same order. Where it is not seeded, ours must take
the same videos, and draw from the same possible starts with the same probabilities.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from vidbench.data.clips import stride_in
from vidbench.data.layouts.listing import Listing
from vidbench.data.videos import VideoDataset
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec

FOLDER = Path(__file__).parents[1] / "golden" / "replays"
REPLAYS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
SEEDED = [name for name, replay in REPLAYS.items() if "tuples" in replay]
DRAWN = [name for name in REPLAYS if name not in SEEDED]
_SEEDS = 300
# Of 60 histograms none should fall below this by chance.
_LEAST_P = 1e-5


class Counted:
    """A video of which only the length matters."""

    def __init__(self, name: str, frames: int) -> None:
        self.path, self._frames = Path(name), frames

    def count(self) -> int:
        return self._frames


def even(counts: Collection[int]) -> bool:
    """Return whether counts may be of equally likely values."""
    return len(counts) == 1 or bool(chisquare(list(counts)).pvalue > _LEAST_P)


def listing(replay: dict[str, Any]) -> Listing:
    classes = tuple(sorted({label for label, _, _ in replay["videos"] if label}))
    labels = {name: classes.index(label) if label else None for label, name, _ in replay["videos"]}
    sources = {name: Counted(name, frames) for _, name, frames in replay["videos"]}
    return Listing("replay", classes, labels, sources, "a replay")


def plan(replay: dict[str, Any], seed: int | None = None, limit: bool = True) -> list[list[Any]]:
    """Return video, first frame, stride and number of frames of each clip that the task takes, in order."""
    task = load_task(replay["task"]).task
    spec: ClipSpec = task.reference_clips if replay["side"] == "reference" else task.clips
    if seed is not None:
        spec = spec.model_copy(update={"seed": seed})
    dataset = VideoDataset(listing(replay), spec, replay["most"] if limit else None)
    frames = {name: count for _, name, count in replay["videos"]}
    clips = []
    for name in dataset.clip_ids(np.arange(dataset.num_clips)):
        video, _, number = name.rpartition("#")
        place = next(place for place, each in enumerate(dataset.videos) if each.video_id == video)
        start = int(dataset.starts(place)[dataset._numbers_of(place).index(int(number))])
        clips.append([video, start, stride_in(spec, frames[video]), spec.num_frames])
    return clips


@pytest.mark.parametrize("name", SEEDED)
def test_ours_are_the_clips_that_the_authors_sampler_took(name):
    replay = REPLAYS[name]
    assert plan(replay) == replay["tuples"]
    assert len(replay["tuples"]) == replay["most"]


@pytest.mark.parametrize("name", DRAWN)
def test_ours_are_drawn_as_the_authors_sampler_draws(name):
    replay = REPLAYS[name]
    ours = plan(replay)
    assert [clip[2:] for clip in ours] == [[replay["stride"], replay["num_frames"]]] * replay["most"]
    starts: dict[str, Counter[int]] = {}
    taken: Counter[str] = Counter()
    for seed in range(_SEEDS):
        clips = plan(replay, seed)
        taken.update(clip[0] for clip in clips)
        for video, start, _, _ in clips:
            starts.setdefault(video, Counter())[start] += 1
    if "order" in replay:
        assert [clip[0] for clip in ours] == replay["order"]
    else:
        # Each draw has different videos, all of them equally often.
        assert len({clip[0] for clip in ours}) == replay["most"]
        for drawn in (taken, replay["taken"]):
            assert set(drawn) == set(replay["taken"])
            assert even(drawn.values())
    assert set(starts) == set(replay["starts"])
    for video, counts in replay["starts"].items():
        theirs = Counter({int(start): count for start, count in counts.items()})
        # Every possible start was drawn, by both: the ends of the range are the ones to get wrong.
        assert set(theirs) == set(range(max(theirs) + 1)), video
        assert set(starts[video]) <= set(theirs), video
        assert max(starts[video]) >= max(theirs) - 1, video
        for drawn in (theirs, starts[video]):
            assert even([drawn[start] for start in theirs]), video


def test_a_replay_says_how_it_was_made_and_every_one_stands_in_the_documents():
    page = (FOLDER.parents[2] / "docs" / "replays.md").read_text(encoding="utf-8")
    assert len(REPLAYS) >= 10
    for name, replay in REPLAYS.items():
        assert replay["task"] == name
        assert len(replay["commit"]) == 40
        assert replay["recipe"]
        assert replay["versions"]["python"]
        assert isinstance(replay["replaced"], list)
        assert f"| `{name}` | {replay['repository']} {replay['commit'][:7]} |" in page
