"""The files around the code: citation, changelog, hooks, workflow, editor settings. Each is checked against what it describes."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import pytest

from vidbench.version import __version__

yaml = pytest.importorskip("yaml", reason="PyYAML reads the files that are checked here")

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
HOOKS = {
    hook["id"]: hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    for hook in repository["hooks"]
}


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_the_files_that_start_first_exist():
    listed = (ROOT / "tests" / "longest_first.txt").read_text(encoding="utf-8").split()
    assert len(listed) == len(set(listed)) >= 10
    assert [name for name in listed if not (ROOT / name).is_file()] == []


def test_the_longest_files_start_first(request):
    listed = (ROOT / "tests" / "longest_first.txt").read_text(encoding="utf-8").split()
    items = [SimpleNamespace(nodeid=f"{name}::test") for name in ("tests/a.py", *reversed(listed), "tests/b.py")]
    plugin = request.config.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    plugin.pytest_collection_modifyitems(items)
    assert [item.nodeid.partition("::")[0] for item in items] == [*listed, "tests/a.py", "tests/b.py"]


# --- citation and changelog -------------------------------------------------------------------------------------------


def _sections() -> list[tuple[str, str | None]]:
    """Version and date of each section of the changelog, the newest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    found = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)|(Unreleased)", heading) for heading in headings]
    assert all(found), f"a section is '## VERSION (DATE)' or '## Unreleased', not one of {headings}"
    return [(match[1] or match[3], match[2]) for match in found if match]


def test_every_section_of_the_changelog_has_a_version_and_a_date():
    sections = _sections()
    released = [(tuple(map(int, version.split("."))), date.fromisoformat(day)) for version, day in sections if day]
    assert released == sorted(released, reverse=True)
    assert [version for version, day in sections if not day] in ([], ["Unreleased"])
    assert "Unreleased" not in [version for version, _ in sections[1:]]


def test_the_version_has_a_section_in_the_changelog():
    newest = next(version for version, day in _sections() if day)
    assert newest == __version__


def test_a_line_of_the_changelog_is_one_change_that_begins_with_its_subject():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = text.split("## Unreleased\n", 1)[1].split("\n## ")[0] if "## Unreleased\n" in text else ""
    for line in unreleased.splitlines():
        assert not line or re.match(r"- [^:]{2,60}: \S", line) or line.startswith("  "), line


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "license", "type"} <= set(citation)
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert [author["name"] for author in citation["authors"]] == [
        each["name"] for each in PROJECT["project"]["authors"]
    ]
    assert citation["date-released"].isoformat() == dict(_sections())[__version__]


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_every_hook_is_tested_here():
    assert set(HOOKS) == {"files", *REFUSED}


def test_hooks_are_local_and_download_nothing():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    assert {hook["language"] for hook in HOOKS.values()} == {"system"}


def test_pre_commit_accepts_its_configuration():
    pytest.importorskip("pre_commit")
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


# What each hook must refuse, where it must accept an empty package.
REFUSED = {
    "ruff-check": ("vidbench/bad.py", "import os\n"),
    "ruff-format": ("vidbench/bad.py", "a=1\n"),
    "mypy": ("vidbench/bad.py", 'a: int = "text"\n'),
    "workflows": ("CITATION.cff", "title: nothing else\n"),
}
PROGRAMS = {"ruff-check": "ruff", "ruff-format": "ruff", "mypy": "mypy", "workflows": "zizmor"}


@pytest.fixture
def small_repository(tmp_path) -> Path:
    """The settings of this repository around three empty packages."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "CITATION.cff"):
        shutil.copy2(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    for package in ("vidbench", "metrics/vidmetrics", "baselines/dvdgan"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text('"""A package."""\n')
    return tmp_path


@pytest.mark.parametrize("hook", REFUSED)
def test_a_hook_runs_its_make_target_and_refuses(hook, small_repository):
    program, *targets = shlex.split(HOOKS[hook]["entry"])
    assert program == "make"
    assert set(targets) <= TARGETS
    scripts = Path(sys.prefix) / "bin"
    if shutil.which("make") is None or not (scripts / PROGRAMS[hook]).exists():
        pytest.skip("these tools are installed by make setup")
    # The environment that runs this test counts as up to date: a hook must not install anything here.
    command = [program, *targets, f"VENV={sys.prefix}", f"--assume-old={sys.prefix}/.installed"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=small_repository, capture_output=True, text=True)

    accepted = run()
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    name, content = REFUSED[hook]
    (small_repository / name).write_text(content)
    refused = run()
    assert refused.returncode != 0
    assert Path(name).name in refused.stdout + refused.stderr


def _files(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    program, script, *more = shlex.split(HOOKS["files"]["entry"])
    assert program == "python3"
    return subprocess.run(
        [sys.executable, str(ROOT / script), *more, *names], cwd=folder, capture_output=True, text=True
    )


def test_the_hook_of_files_accepts_every_tracked_file():
    done = _files(ROOT, *_tracked())
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"x" * (2**20 + 1), "MiB is the limit"),
        (b"a = 1\n" + b"<" * 7 + b" HEAD\nb\n", "merge conflict"),
        (b"a\n" + b">" * 7 + b" main\n", "merge conflict"),
        (b"-----BEGIN " + b"OPENSSH PRIVATE KEY-----\n", "private key"),
        (b"-----BEGIN " + b"PRIVATE KEY-----\n", "private key"),
    ],
    # Without names a test is named after its content, and a mebibyte does not fit into an environment variable.
    ids=["large", "ours", "theirs", "openssh", "private"],
)
def test_the_hook_of_files_refuses(content, why, tmp_path):
    (tmp_path / "good.txt").write_bytes(b"=======\n<<<<<<<not one\n-----BEGIN PUBLIC KEY-----\n" + b"x" * 1000)
    (tmp_path / "bad.txt").write_bytes(content)
    done = _files(tmp_path, "good.txt", "bad.txt")
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("bad.txt: ")
    assert why in line


def test_a_checkpoint_may_be_larger_but_not_anything():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from check_files import LARGER
    finally:
        sys.path.pop(0)
    large = [name for name in _tracked() if (ROOT / name).stat().st_size > 2**20]
    assert large
    assert all(any(fnmatch(name, pattern) for pattern in LARGER) for name in large)


# --- forge ------------------------------------------------------------------------------------------------------------


def _workflow() -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))


def test_the_workflow_runs_make_targets_alone():
    commands = [step["run"] for job in _workflow()["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        program, *targets = shlex.split(command)
        assert program == "make"
        assert set(targets) <= TARGETS, f"no such target: {targets}"


def test_the_matrix_holds_the_supported_versions_of_python_and_torch():
    (job,) = _workflow()["jobs"].values()
    matrix = job["strategy"]["matrix"]
    classifiers = {c.rsplit(" ", 1)[1] for c in PROJECT["project"]["classifiers"] if "Python :: 3." in c}
    assert set(matrix["python"]) == classifiers
    assert PROJECT["project"]["requires-python"] == f">={min(matrix['python'])}"
    torch = sorted(tuple(map(int, version.split("."))) for version in matrix["torch"])
    (oldest,) = re.findall(r"torch>=([\d.]+)", " ".join(PROJECT["project"]["dependencies"]))
    (pinned,) = re.findall(r"^torch==([\d.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert torch[0][:2] == tuple(map(int, oldest.split(".")))
    assert tuple(map(int, pinned.split("."))) in torch


def test_actions_are_pinned_to_a_commit():
    uses = [step["uses"] for job in _workflow()["jobs"].values() for step in job["steps"] if "uses" in step]
    assert uses
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", use) for use in uses)


def test_the_linter_of_workflows_finds_nothing(tmp_path):
    try:
        files = importlib.metadata.files("zizmor") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("zizmor is not installed")
    (program,) = [file.locate() for file in files if file.name == "zizmor"]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")

    def lint(text: str) -> int:
        folder = tmp_path / str(len(list(tmp_path.iterdir()))) / ".github" / "workflows"
        folder.mkdir(parents=True)
        (folder / "ci.yml").write_text(text)
        return subprocess.run([str(program), "--offline", "--quiet", str(folder)], capture_output=True).returncode

    assert lint(workflow) == 0
    assert lint(workflow.replace("run: make test", 'run: echo "${{ github.event.pull_request.title }}"')) != 0


# --- editors ----------------------------------------------------------------------------------------------------------


def test_files_are_as_editorconfig_says():
    recorded = ("tests/golden/*", "leaderboards/results/*", "*.csv")
    for name in _tracked():
        content = (ROOT / name).read_bytes()
        if b"\0" in content or not content or any(fnmatch(name, pattern) for pattern in recorded):
            continue
        content.decode("utf-8")
        assert b"\r" not in content, name
        assert content.endswith(b"\n"), name
        if not name.endswith(".md"):
            assert not re.search(rb"[ \t]+$", content, re.MULTILINE), name
        if name != "Makefile":
            assert b"\t" not in content, name


def test_every_make_target_is_explained_or_a_step_of_one():
    explained = set(re.findall(r"@echo \"make ([a-z-]+) ", MAKEFILE))
    lines = re.findall(r"^[a-z-]+: (.*)$|\$\(MAKE\) (.*)$", MAKEFILE, re.MULTILINE)
    steps = {target for line in lines for target in "".join(line).split()}
    assert TARGETS - explained - steps - {"help"} == set()
    assert explained <= TARGETS
