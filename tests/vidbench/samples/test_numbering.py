"""Numbers in the names of samples that are paired with clips by their place."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from vidbench.errors import InputError
from vidbench.samples.numbering import refuse_holes


def check(*names: str) -> None:
    shuffled = list(names)
    random.Random(0).shuffle(shuffled)
    refuse_holes(Path("samples"), shuffled)


@pytest.mark.parametrize(
    "names",
    [
        [str(number) for number in range(12)],
        [f"{number:06d}" for number in range(1, 12)],
        ["sample_0", "sample_1", "sample_2"],
        ["x264_1", "x264_2", "x264_3"],
        ["g01_c02", "g01_c09", "g03_c01"],  # several numbers: only an order
        ["daria_walk", "eli_jump"],
        ["a7", "b9"],
        ["7"],
        [],
    ],
)
def test_sound_names_are_accepted(names):
    check(*names)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["0", "1", "2", "7"], "'2' and '7' in 'samples' have a gap"),
        (["0", "5", "10"], "'0' and '5' in 'samples' have a gap"),
        (["s_001", "s_003"], "'s_001' and 's_003' in 'samples' have a gap"),
        (["5", "6", "7"], "start with '5'"),
        (["0", "1", "01", "2"], "'01' and '1' in 'samples' have the same number"),
        (["1", "01"], "have the same number: '01' and '1'"),
    ],
)
def test_holes_and_twins_are_refused(names, words):
    with pytest.raises(InputError) as caught:
        check(*names)
    assert words in str(caught.value)
    assert len(str(caught.value).split(". ")) == 1
