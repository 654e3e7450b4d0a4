"""A short soak, and what counts as growth. The long one runs on demand, see docs/reliability.md."""

from __future__ import annotations

import pytest

from tests.abuse.soak import Reading, growth, is_flat, run


def test_memory_and_open_files_stay_flat(tmp_path):
    readings = run(tmp_path, 200)
    assert len(readings) == 200
    assert is_flat(growth(readings)), growth(readings)


@pytest.mark.parametrize(
    ("leak", "flat"),
    [
        (lambda batch: Reading(300, 20, 4), True),
        (lambda batch: Reading(300 + min(batch, 100), 20 + (batch % 3 == 0), 4), True),  # pools fill, files come and go
        (lambda batch: Reading(300 + batch * 0.05, 20, 4), False),
        (lambda batch: Reading(300, 20 + batch // 100, 4), False),
        (lambda batch: Reading(300, 20, 4 + batch // 300), False),
    ],
)
def test_growth(leak, flat):
    assert is_flat(growth([leak(batch) for batch in range(1000)])) == flat
