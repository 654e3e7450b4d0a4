"""Five kills of each long writing command at random moments: evaluate, score, train, and data statistics."""

from __future__ import annotations

import pytest

from tests.abuse.faults.commands import COMMANDS
from tests.abuse.kills import kill_many


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.seconds >= 1], ids=lambda command: command.name)
def test_five_kills_leave_no_trace(command, tmp_path):
    found = kill_many(command, 5, 0, tmp_path)
    assert sum(killed.died for killed in found) >= 2, "the command was over before it was killed"
    faults = [fault for killed in found for fault in killed.faults]
    assert not faults, "\n".join(faults)
