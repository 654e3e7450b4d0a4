"""The security linter finds nothing unmarked, and the audit of packages states when it could not run."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("audit", ROOT / "tools" / "audit.py")
audit = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(audit)


def bandit(*paths):
    pytest.importorskip("bandit")
    command = [
        sys.executable,
        "-m",
        "bandit",
        "--quiet",
        "--configfile",
        ROOT / "pyproject.toml",
        "--recursive",
        *paths,
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_bandit_finds_bad_code_and_make_test_runs_it_on_the_packages(tmp_path):
    (tmp_path / "bad.py").write_text("import pickle\npickle.loads(open('x', 'rb').read())\neval('1')\n")
    assert bandit(tmp_path).returncode == 1
    # That it finds nothing in the packages is what `make test` says before the tests, by the same command.
    made = subprocess.run(["make", "--dry-run", "lint-security"], capture_output=True, text=True, cwd=ROOT, check=True)
    arguments = "--quiet --configfile pyproject.toml --recursive vidbench metrics/vidmetrics baselines/dvdgan tools"
    assert f"-m bandit {arguments}\n" in made.stdout
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^lint: .*\blint-security$", rules, re.MULTILINE)
    assert re.search(r"^test: setup\n.* types lint audit$", rules, re.MULTILINE)


def test_every_mark_for_bandit_names_its_check_and_its_reason():
    for folder in ("vidbench", "metrics/vidmetrics", "baselines/dvdgan", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for line in path.read_text(encoding="utf-8").splitlines():
                if "# nosec" in line:
                    assert re.search(r"# [^#]{10,}# nosec B\d{3}( B\d{3})*$", line), f"{path}: {line}"


def _report(*packages):
    return json.dumps({"dependencies": list(packages), "fixes": []})


SOUND = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI"}
HURT = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("report", "code", "words"),
    [
        (_report(SOUND), 0, "1 of 1 packages looked up, 0 vulnerabilities"),
        (_report(SOUND, SKIPPED), 0, "1 of 2 packages looked up"),
        (_report(SOUND, HURT), 1, "c 2: PYSEC-1, fixed in 3"),
        (_report(SKIPPED, SKIPPED), 0, "did not run: no registry answered for any of 2 packages"),
        ("", 0, "did not run: connection refused"),
        ("[]", 0, "did not run"),
    ],
)
def test_the_audit_fails_for_vulnerabilities_and_not_for_the_lack_of_a_registry(report, code, words, capsys):
    assert audit.judge(report, "warning\nconnection refused") == code
    assert words in capsys.readouterr().out
