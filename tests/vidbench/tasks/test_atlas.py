"""The page of the atlas is that of the task files, and its cells are what the files say."""

from __future__ import annotations

from pathlib import Path

from vidbench.tasks import load_task, task_names
from vidbench.tasks.atlas import COLUMNS, atlas_page
from vidbench.tasks.schema import PlanSpec

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "atlas.md"


def cells(task):
    """The row of a task, by column."""
    line = atlas_page([task]).splitlines()[-1]
    return dict(zip(COLUMNS, (cell.strip() for cell in line.strip("|").split(" | ")), strict=True))


def test_the_page_is_that_of_the_task_files():
    tasks = [load_task(name).task for name in task_names()]
    text = _PAGE.read_text(encoding="utf-8")
    assert text == atlas_page(tasks), "run `python tools/write_atlas.py`"
    assert [text.count(f"| `{task.name}` v{task.version}, ") for task in tasks] == [1] * len(tasks)


def test_a_row_says_what_the_file_says():
    row = cells(load_task("ucf101-gen-latte").task)
    assert row["samples / real clips"] == "2,048 / 2,048"
    assert (row["frames"], row["context frames"], row["stride"]) == ("16", "none", "every third frame")
    assert "videos of fewer than 48 frames are dropped" in row["clips"]
    assert row["published where"] == "Vchitect/Latte b27c24a"
    assert row["results"] == "official"


def test_both_sides_of_a_prediction_stand_in_a_row_and_one_of_a_generation():
    own = PlanSpec(stride=3)
    for name, told in (("k600-pred", True), ("ucf101-gen-fvd", False)):
        task = load_task(name).task
        other = task.model_copy(update={"reference": task.reference.model_copy(update={"clips": own})})
        assert cells(other)["stride"].startswith("every third frame")
        assert ("held out: every frame" in cells(other)["stride"]) == told


def test_what_results_are_follows_status_ranks_and_pixels():
    task = load_task("ucf101-gen-fvd").task
    loose = task.clips.model_copy(update={"pixels": "ffmpeg-default"})
    for update, said in (
        ({}, "official"),
        ({"unranked": "why"}, "official, without ranks"),
        ({"status": "deprecated", "successor": "k600-gen"}, "deprecated: use `k600-gen`"),
        ({"status": "broken"}, "unofficial"),
        ({"clips": loose}, "unofficial"),
    ):
        assert cells(task.model_copy(update=update))["results"] == said
