"""A layout for Something-Something v2: a task names it, and scanning, reading, training and the words of the task follow."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from vidbench.data import open_evaluation, open_reference, open_training
from vidbench.data.scan.scan import scan_folder
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks import load_task
from vidbench.tasks.words import protocol_text

TASK = """
name = "own"
version = 1
title = "A small task"
[data]
dataset = "something-something-v2"
train_split = "train"
reference_split = "train"
evaluation_split = "validation"
[clips]
num_frames = 4
height = 16
width = 16
resize = "none"
crop = "none"
[reference]
num_clips = "all"
[evaluation]
num_samples = 2
labels = "evaluation"
metrics = ["is-shapes"]
"""
# Not in alphabetical order, as in the published file.
CLASSES = {"Pushing something": "0", "Closing something": "1"}


def write_video(path: Path, grey: int) -> None:
    """Write 6 lossless frames of 16x16 pixels of one grey level."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=12)
        stream.width = stream.height = 16
        stream.pix_fmt = "bgr0"
        for _ in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), grey, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


root = Path("data")
(root / "labels").mkdir(parents=True)
(root / "20bn-something-something-v2").mkdir()
(root / "labels" / "labels.json").write_text(json.dumps(CLASSES))
for split, numbers in (("train", (1, 2, 3, 9)), ("validation", (4, 5))):
    # Odd ids are closed, even ones pushed; video 9 is listed and not on disk.
    verbs = [("Closing" if number % 2 else "Pushing", number) for number in numbers]
    entries = [{"id": str(number), "template": f"{verb} [something]"} for verb, number in verbs]
    (root / "labels" / f"{split}.json").write_text(json.dumps(entries))
    for number in numbers:
        if number != 9:
            write_video(root / "20bn-something-something-v2" / f"{number}.mkv", 10 * number)

Path("own.toml").write_text(TASK)
task = load_task("own.toml").task
assert "Something-Something v2 with its official lists (--data DIR)" in " ".join(protocol_text(task).split())

reference = open_reference(task, root)
assert (reference.num_clips, reference.coverage) == (3, 0.75)
assert reference.class_names == tuple(CLASSES)
clips = reference.read(np.arange(3))
assert clips.shape == (3, 4, 16, 16, 3)
numbers = clips[:, 0, 0, 0, 0] // 10
assert sorted(numbers.tolist()) == [1, 2, 3]
np.testing.assert_array_equal(reference.labels, numbers % 2)
np.testing.assert_array_equal(np.sort(open_evaluation(task, root).labels), [0, 1])
clips, labels = open_training(task, root, seed=0).draw(0, 32)
np.testing.assert_array_equal(labels, clips[:, 0, 0, 0, 0] // 10 % 2)

outcome = scan_folder(root, task, (), Path("scan"), workers=1, progress=Progress(enabled=False))
assert [(split.official, split.usable) for split in outcome.splits] == [(4, 3), (2, 2)]
assert open_reference(task, root).scan_sha256 == outcome.manifest_sha256

Path("typo.toml").write_text(TASK.replace("something-something-v2", "something-v2"))
with pytest.raises(InputError, match="did you mean 'something-something-v2'"):
    load_task("typo.toml")
