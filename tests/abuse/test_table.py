"""Every case of the table: exit code, a word that names the fault, one sentence, nothing left behind."""

from __future__ import annotations

import pytest

from tests.abuse.case import all_cases
from tests.abuse.runner import judge

CASES = all_cases()


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_input_is_refused_in_one_sentence(name, tmp_path):
    faults = judge(CASES[name], tmp_path)
    assert not faults, "\n".join(faults)
