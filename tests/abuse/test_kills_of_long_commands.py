"""Five kills of each long writing command in its work: evaluate, score, train, and data statistics."""

from __future__ import annotations

import pytest

from tests.abuse.faults.commands import COMMANDS
from tests.abuse.killing import faultless


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.seconds >= 1], ids=lambda command: command.name)
def test_five_kills_leave_no_trace(command, tmp_path):
    faultless(command, tmp_path / "kills")
