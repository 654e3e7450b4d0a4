"""Dated benchmark results: every file can be read, the page lists the newest, every benchmark can write one."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
RESULTS = sorted((BENCHMARKS / "results").glob("*.md"))
TWINS = sorted((BENCHMARKS / "results").glob("*.json"))
PROGRAMS = sorted(path for path in BENCHMARKS.glob("*.py") if path.name not in ("dated_results.py", "page.py"))


def _module(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


dated_results = _module("dated_results")
page = _module("page")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_says_where_and_how_it_was_measured(path):
    match = dated_results.NAME.fullmatch(path.name)
    assert match, "a result is called DATE-BENCHMARK-MACHINE.md"
    result = dated_results.read(path)
    assert result.date.startswith(match["date"])
    assert path.read_text(encoding="utf-8").startswith(f"# {path.stem}\n")
    assert match["benchmark"] in {program.stem for program in PROGRAMS} | {"together"}
    assert match["benchmark"] in result.command
    assert result.rows


@pytest.mark.parametrize("twin", TWINS, ids=lambda path: path.stem)
def test_the_json_of_a_result_says_what_its_table_says(twin):
    assert dated_results.read_json(twin) == dated_results.read(twin.with_suffix(".md"))


def test_results_are_tables_and_their_json():
    assert set(RESULTS) | set(TWINS) == set((BENCHMARKS / "results").iterdir())
    assert TWINS


def test_the_page_lists_the_newest_results_and_every_program():
    text = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert dated_results.newest_table() in text, "run python benchmarks/dated_results.py"
    assert f"{page.MARKS[0]}\n{page.section()}\n{page.MARKS[1]}" in text, "run python benchmarks/dated_results.py"
    assert all(f"| `{program.name}` |" in text for program in PROGRAMS)


def test_the_plot_is_that_of_the_newest_results():
    drawn = (BENCHMARKS / page.PLOT).read_text(encoding="utf-8")
    assert drawn == page.plot(page.panels()), "run python benchmarks/dated_results.py"
    ElementTree.fromstring(drawn)


def test_the_plot_has_every_rate_of_a_result_but_those_of_plain_twins(tmp_path):
    rows = [
        {"frames": "8x8", "network": name, "clips_per_second": rate}
        for name, rate in (("ours fast", "1200"), ("plain fast", "7"), ("peer <a>", "300"))
    ]
    facts = dict.fromkeys(("versions", "commit"), "unknown")
    for date, first in (("2026-01-01", "9"), ("2026-01-02", "1200")):
        result = dated_results.DatedResult(
            **facts,
            date=date,
            machine="A GPU, 4 cores",
            command="i3d_gpu",
            rows=({**rows[0], "clips_per_second": first}, *rows[1:]),
        )
        name = f"{date}-i3d_gpu-x"
        dated_results.write_json(tmp_path / f"{name}.md", result)
    (panel,) = page.panels(tmp_path)
    assert panel == page.Panel("I3D, clips per second: A GPU, 8x8", (("ours fast", 1200.0), ("peer <a>", 300.0)))
    tree = ElementTree.fromstring(page.plot([panel]))
    texts = [node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["I3D, clips per second: A GPU, 8x8", "ours fast", "1,200", "peer <a>", "300"]
    long, short = (float(bar.get("width")) for bar in tree.iter("{http://www.w3.org/2000/svg}rect"))
    assert long == 4 * short
    assert "Not measured yet." in page.tables(tmp_path)


def test_the_figures_of_the_estimate_are_those_of_the_results():
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    quoted = sorted(set(re.findall(r"benchmarks/results/([\w.-]+\.md)", page)))
    assert {name.split("-")[3] for name in quoted} == {"decode", "decode_rates", "memory_against_n", "network_rates"}
    for name in quoted:
        for row in dated_results.read(BENCHMARKS / "results" / name).rows:
            (key,) = [key for key in row if key.endswith(("per_cpu_second", "clips_per_second", "peak_mib"))]
            assert re.search(rf"(?<![\d.]){re.escape(row[key])}(?![\d.]*\d)", page), f"{name} measured {row[key]}"


def test_the_newest_of_each_benchmark_and_machine():
    names = ["2026-01-01-a-x.md", "2026-02-01-a-x.md", "2026-01-15-a-y.md", "2025-12-31-b_c-x-2.md"]
    assert dated_results.newest(names) == ["2026-02-01-a-x.md", "2026-01-15-a-y.md", "2025-12-31-b_c-x-2.md"]
    with pytest.raises(ValueError, match="not called"):
        dated_results.newest(["2026-1-1-a-x.md"])


def test_what_is_written_is_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(dated_results, "RESULTS", tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["/somewhere/benchmarks/some_rates.py", "/data/a video.mp4", "--record", "h200", "-n", "3"]
    )
    path = dated_results.record("h200", [{"n": 1, "rate": 2.5}, {"n": 2, "rate": None}], device="A GPU", note="A note.")
    assert path == tmp_path / f"{datetime.now(UTC).date()}-some_rates-h200.md"
    result = dated_results.read(path)
    assert dated_results.read_json(path.with_suffix(".json")) == result
    assert result.rows == ({"n": "1", "rate": "2.5"}, {"n": "2", "rate": "None"})
    assert result.command == "python benchmarks/some_rates.py 'a video.mp4' -n 3"
    assert result.machine.startswith("A GPU, ")
    assert f"python {sys.version_info.major}.{sys.version_info.minor}." in result.versions
    assert "torch " in result.versions
    assert result.note == "A note."
    with pytest.raises(FileExistsError):
        dated_results.record("h200", [{"n": 1}])
    with pytest.raises(ValueError, match="cannot be part"):
        dated_results.record("a/b", [{"n": 1}])


def test_a_file_without_a_table_is_refused(tmp_path):
    (tmp_path / "x.md").write_text("# x\n\n- date: d\n- machine: m\n- versions: v\n- commit: c\n- command: `x`\n")
    with pytest.raises(ValueError, match="lacks a table"):
        dated_results.read(tmp_path / "x.md")
    (tmp_path / "y.md").write_text("# y\n\n- date: d\n- command: `x`\n\n| a |\n|---|\n| 1 |\n")
    with pytest.raises(ValueError, match="lacks commit, machine, versions"):
        dated_results.read(tmp_path / "y.md")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_every_benchmark_can_record(program):
    text = program.read_text(encoding="utf-8")
    assert "add_record_option(" in text
    assert "record(arg" in text


def test_a_benchmark_records_what_it_prints(tmp_path):
    # A copy, because results are written next to the program.
    for name in ("dated_results.py", "training_clips.py"):
        (tmp_path / name).write_text((BENCHMARKS / name).read_text(encoding="utf-8"))
    command = [
        sys.executable,
        "training_clips.py",
        "--runs",
        "2",
        "--batches",
        "1",
        "--rounds",
        "1",
        "--record",
        "here",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results").glob("*.md")
    assert done.stderr.strip().endswith(path.name)
    assert dated_results.read(path).rows == ({key: str(value) for key, value in json.loads(done.stdout).items()},)
