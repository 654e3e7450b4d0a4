"""The wheel holds what runs and nothing else, and runs where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "vidbench": ROOT / "vidbench",
    "vidmetrics": ROOT / "metrics" / "vidmetrics",
    "dvdgan": ROOT / "baselines" / "dvdgan",
}
CHECKPOINTS = {"dvdgan/checkpoints/shapes-gen.safetensors", "dvdgan/checkpoints/shapes-pred.safetensors"}
# What code reads while it runs. A picture, a log or a page has no place here.
SUFFIXES = {".py", ".pyi", ".typed", ".toml", ".json", ".csv", ".txt", ".jinja", ".css", ".js", ".safetensors"}
MIB = 2**20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def sizes(wheel) -> dict[str, int]:
    """Compressed size of each file of the three packages."""
    with zipfile.ZipFile(wheel) as archive:
        return {i.filename: i.compress_size for i in archive.infolist() if ".dist-info/" not in i.filename}


def test_the_wheel_holds_the_three_packages_and_no_other(sizes):
    assert {name.split("/")[0] for name in sizes} == set(SOURCES)


@pytest.mark.parametrize("package", SOURCES)
def test_the_wheel_holds_every_module(package, sizes):
    source = SOURCES[package]
    modules = {f"{package}/{path.relative_to(source).as_posix()}" for path in source.rglob("*.py")}
    assert modules == {name for name in sizes if name.startswith(f"{package}/") and name.endswith(".py")}


@pytest.mark.parametrize("package", SOURCES)
def test_every_package_says_that_it_is_typed(package, sizes):
    assert f"{package}/py.typed" in sizes


def test_pictures_logs_and_pages_stay_in_the_repository(sizes):
    # The exceptions name the owner of the third-party data next to them.
    others = {name for name in sizes if PurePosixPath(name).suffix not in SUFFIXES}
    assert others == {
        "vidbench/data/layouts/kinetics600_labels.origin.md",
        "vidmetrics/weights/i3d_tensor_crc32c.origin.md",
    }
    assert not {name for name in sizes if name.startswith(("dvdgan/images/", "dvdgan/results/"))}


def test_the_wheel_holds_the_leaderboards(sizes):
    boards = {f"vidbench/leaderboards/{p.relative_to(ROOT / 'leaderboards').as_posix()}"
              for p in (ROOT / "leaderboards").rglob("*") if p.is_file()}  # fmt: skip
    assert boards == {name for name in sizes if name.startswith("vidbench/leaderboards/")}


def test_two_checkpoints_are_nearly_all_of_its_size(wheel, sizes):
    assert set(sizes) >= CHECKPOINTS
    rest = wheel.stat().st_size - sum(sizes[name] for name in CHECKPOINTS)
    assert rest < 2.25 * MIB, f"{rest / MIB:.1f} MiB besides the checkpoints"
    assert wheel.stat().st_size < 22 * MIB


def test_the_wheel_runs_without_a_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "VIDBENCH_HOME": str(tmp_path / "home")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    origins = json.loads(
        run("-c", "import json, vidbench, vidmetrics, dvdgan\n"
                  "print(json.dumps([p.__file__ for p in (vidbench, vidmetrics, dvdgan)]))")
    )  # fmt: skip
    assert all(Path(origin).is_relative_to(tmp_path / "site") for origin in origins)
    assert "evaluate" in run("-m", "vidbench", "--help")
    assert "DVD-GAN" in run("-m", "vidbench", "leaderboard", "show", "shapes-gen")
    run("-m", "vidbench", "leaderboard", "check")
    assert "fvd-shapes" in run("-m", "vidbench", "tasks", "show", "shapes-gen")
