"""Python runs this when it starts, if the folder is on PYTHONPATH: commands that a test starts see the mutant too."""

import importlib.util
import os
from pathlib import Path

if os.environ.get("TESTS_MUTANTS"):
    _spec = importlib.util.spec_from_file_location("_tests_mutants_inside", Path(__file__).parents[1] / "inside.py")
    _inside = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_inside)
    _inside.begin_child()
