"""The rows of a model of this repository are replaced by those of a new result, with every digest that names the old one."""

from __future__ import annotations

import importlib
import json
import shutil

import pytest

from tests.end_to_end.test_interval_coverage import ROOT
from vidbench.leaderboard.boards import packaged_folder, read_board
from vidbench.leaderboard.check import check_folder
from vidbench.results.schema import read_result


@pytest.fixture(scope="module")
def tool():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        yield importlib.import_module("remake_rows")


@pytest.fixture
def boards(tmp_path):
    return shutil.copytree(packaged_folder()[0], tmp_path / "leaderboards")


def test_rows_and_digests_are_those_of_the_new_result(tool, boards, tmp_path):
    stored = next(each for each in tool.measured(boards) if each.result.task.name == "shapes-gen")
    document = json.loads((boards / "results" / f"{stored.sha256}.json").read_text(encoding="utf-8"))
    document["execution"]["finished"] = "2026-12-01T00:00:00+00:00"
    new = tmp_path / "result.json"
    new.write_text(json.dumps(document), encoding="utf-8")
    before = read_board(boards, "shapes-gen").rows
    sha256 = tool.replace_rows(stored, new, boards)
    rows = read_board(boards, "shapes-gen").rows
    assert [each.result_sha256 for each in rows] == [sha256] * len(before)
    assert all(each.id.endswith(sha256[:8]) and each.status == "claimed" for each in rows)
    described = {"model", "metric", "value", "spread", "setting", "paper", "arxiv", "training", "extra_data", "group"}
    assert [each.model_dump(include=described) for each in rows] == [
        each.model_dump(include=described) for each in before
    ]
    assert not (boards / "results" / f"{stored.sha256}.json").exists()
    assert check_folder(boards)[1] == []
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(f"[stored](results/{stored.sha256}.json), {stored.sha256[:8]}", "utf-8")
    assert tool.rename(stored.sha256, sha256, tmp_path) == [tmp_path / "docs" / "page.md"]
    assert (tmp_path / "docs" / "page.md").read_text("utf-8") == f"[stored](results/{sha256}.json), {sha256[:8]}"


def test_another_value_from_the_same_checkpoint_is_told(tool, boards):
    result = read_result(next((boards / "results").glob("*.json")))
    name, record = next(iter(result.metrics.items()))
    assert tool.moved(result, result) == []
    other = result.model_copy(
        update={"metrics": {**result.metrics, name: record.model_copy(update={"value": 2 * record.value})}}
    )
    assert tool.moved(result, other) == [name]
    trained_again = result.model_copy(
        update={"model": result.model.model_copy(update={"checkpoint_sha256": "0" * 64}), "metrics": other.metrics}
    )
    assert tool.moved(result, trained_again) == []
