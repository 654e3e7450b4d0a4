"""Look the pinned packages up in the registry's list of known vulnerabilities: ``python tools/audit.py``.

Exit code 1 means that a package has one. Without a registry that answers, nothing is known: this is stated, and is no failure, so that
the tests run offline.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).resolve().parents[1] / "constraints.txt"
SECONDS = 180


def main() -> int:
    """Run pip-audit on constraints.txt and print one line per vulnerability; returns the exit code."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(PINNED), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)  # pip-audit, no shell  # nosec B603
    except subprocess.TimeoutExpired:
        return _not_run(f"no answer within {SECONDS} s")
    return judge(done.stdout, done.stderr)


def judge(report: str, complaint: str) -> int:
    """Print what pip-audit found, and return the exit code.

    Args:
        report: its JSON document, empty if it failed.
        complaint: what it printed to stderr.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return _not_run((complaint.strip().splitlines() or ["no reason given"])[-1][:200])
    looked_up = [package for package in packages if "skip_reason" not in package]
    if not looked_up:
        return _not_run(f"no registry answered for any of {len(packages)} packages")
    found = [(package, each) for package in looked_up for each in package["vulns"]]
    for package, each in found:
        fixed = ", ".join(each.get("fix_versions", [])) or "no version"
        print(f"{package['name']} {package['version']}: {each['id']}, fixed in {fixed}")
    print(f"pip-audit: {len(looked_up)} of {len(packages)} packages looked up, {len(found)} vulnerabilities")
    return 1 if found else 0


def _not_run(reason: str) -> int:
    print(f"pip-audit did not run: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
