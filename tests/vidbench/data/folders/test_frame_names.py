"""The order of the frames of a clip, and the faults that their names show."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from vidbench.data.folders.frame_names import natural_key, ordered_frames
from vidbench.errors import InputError

FOLDER = Path("clip")


def ordered(*names: str) -> list[str]:
    paths = [FOLDER / name for name in names]
    random.Random(1).shuffle(paths)
    return [path.name for path in ordered_frames(FOLDER, paths)]


@pytest.mark.parametrize(
    "names",
    [
        [f"{number}.png" for number in range(12)],
        [f"frame_{number:03d}.jpg" for number in range(98, 102)],
        ["f0.png", "f5.png", "f10.png"],  # every fifth frame
        ["a.png", "b.jpg", "c.png"],
        ["x264_1.png", "x264_2.bmp", "x264_3.png"],
        ["scene1_9.png", "scene1_10.png", "scene2_1.png", "scene2_7.png"],
        ["0.033.png", "0.066.png", "1.1.png"],
        ["7.png"],
        ["cafe\u0301 1.png", "caf\u00e9 2.png"],
    ],
)
def test_sound_names_are_in_natural_order(names):
    assert ordered(*names) == names


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1.png", "2.png", "2.jpg", "3.png"], ("is there twice", "'2.png'")),
        (["1.png", "01.png"], ("is there twice",)),
        (["caf\u00e9.png", "cafe\u0301.jpg"], ("is there twice",)),
        (["0.png", "1.png", "3.png"], ("have a gap", "'3.png' follows '1.png'", "2 is expected")),
        (["f_00.png", "f_02.png", "f_03.png"], ("'f_02.png' follows 'f_00.png'", "1 is expected")),
        (["0.png", "10.png", "20.png", "40.png"], ("30 is expected",)),
        (["1.png", "2.png", "cover.png"], ("cover.png' is not named like", "'1.png'")),
        (["frame1.png", "frame2.png", "depth1.png"], ("depth1.png' is not named like",)),
        ([], ("has no frames",)),
    ],
)
def test_faults_are_named(names, words):
    with pytest.raises(InputError) as caught:
        ordered(*names)
    assert all(word in str(caught.value) for word in words), caught.value


def test_the_natural_key_is_that_of_numbers_and_breaks_ties_by_name():
    paths = [Path(name) for name in ("a10", "a9", "a09", "b", "a")]
    assert [path.name for path in sorted(paths, key=natural_key)] == ["a", "a09", "a9", "a10", "b"]
