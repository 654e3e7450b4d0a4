"""Start-up stays light: what `--help` and `import` pull in, and the direction of imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "scipy", "pandas", "tensorflow", "torchvision", "av", "PIL", "pydantic", "safetensors", "requests")


def _loaded_by(code: str, heavy: tuple[str, ...] = HEAVY) -> list[str]:
    return _printed_by(code, heavy)[-1].split()


def _printed_by(code: str, heavy: tuple[str, ...]) -> list[str]:
    # Which modules are loaded is the cause of a slow start, and unlike the clock it is the same on every machine.
    probe = f"import sys\n{code}\nprint(*[m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("package", ["vidbench", "vidmetrics", "dvdgan"])
def test_importing_a_package_loads_nothing_heavy(package):
    assert _loaded_by(f"import {package}") == []


def test_help_loads_nothing_heavy():
    code = "from vidbench.cli import main\nsys.argv = ['vidbench', '--help']\ntry:\n    main()\nexcept SystemExit:\n    pass"
    assert _loaded_by(code) == []


PLANNED = """
from vidbench.cli import run_command
from vidbench.errors import InputError
from vidbench.scoring import run_plan

def stop(*_):
    raise InputError("the device is chosen")

run_plan.choose_device = stop
sys.stderr = sys.stdout
run_command(["evaluate", "--model", "noise", "--task", "shapes-gen", "--output", {output!r}])
"""


def test_a_run_says_what_it_does_before_torch_is_loaded(tmp_path):
    said, error, loaded = _printed_by(PLANNED.format(output=str(tmp_path / "out")), ("torch", "scipy"))
    assert said.startswith("Task shapes-gen: 1024 samples, fvd-shapes, ")
    assert said.endswith(f"; the result goes to {tmp_path / 'out'}")
    assert error == "Error: the device is chosen"
    assert loaded == ""


def test_sampling_loads_no_compiler():
    # torch._dynamo takes longer to load than torch itself.
    code = "import dvdgan.model\nimport dvdgan.checkpoint"
    assert _loaded_by(code, ("torch", "torch._dynamo", "sympy")) == ["torch"]


def _imports(folder: Path) -> dict[Path, set[str]]:
    found = {}
    for file in folder.rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
        found[file] = names
    return found


def _offenders(folder: str, forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [
        (str(file.relative_to(ROOT)), name)
        for file, names in _imports(ROOT / folder).items()
        for name in names
        if name.split(".")[0] in forbidden and name not in allowed
    ]


def test_the_instruments_know_nothing_of_the_harness():
    assert _offenders("metrics/vidmetrics", ("vidbench", "dvdgan", "torchvision", "tensorflow", "click")) == []


def test_the_harness_never_imports_the_baseline():
    assert _offenders("vidbench", ("dvdgan", "torchvision", "tensorflow")) == []


def test_the_baseline_knows_the_public_model_interface_alone():
    assert _offenders("baselines/dvdgan", ("vidbench", "vidmetrics"), allowed=("vidbench.models",)) == []


def test_nothing_is_unpickled():
    for folder in ("metrics/vidmetrics", "vidbench", "baselines/dvdgan"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert "allow_pickle=True" not in text, file
            assert "torch.load(" not in text or "weights_only=True" in text, file
        assert _offenders(folder, ("pickle", "dill", "joblib")) == []
