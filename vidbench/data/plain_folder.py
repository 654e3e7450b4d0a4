"""The task of a plain folder of videos: for training and scanning where nobody has written a task file."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from vidbench.data.layouts.folder import WHOLE
from vidbench.errors import InputError
from vidbench.files import write_text
from vidbench.tasks.limits import LONGEST_NAME, MOST_FRAMES, MOST_PIXELS, check_option
from vidbench.tasks.loading import LoadedTask, load_task
from vidbench.tasks.schema import ClipSpec, DataSpec, EvaluationSpec, Note, ReferenceSpec, Task
from vidbench.tasks.writing import task_toml

TASK_FILE = "task.toml"
_TRAIN, _HELD_OUT = ("train",), ("test", "val", "validation")
_NUM_SAMPLES = 2048


def task_or_folder(
    task_name: str | None, data: Path | None, num_frames: int | None, resolution: int | None
) -> LoadedTask:
    """Return the task that the options name, or that of a plain folder.

    Args:
        task_name: value of ``--task``.
        data: value of ``--data``.
        num_frames: value of ``--num-frames``.
        resolution: value of ``--resolution``.

    Raises:
        InputError: there is neither a task nor all that makes one, or both.
    """
    given = [
        option for option, value in (("--num-frames", num_frames), ("--resolution", resolution)) if value is not None
    ]
    if task_name is not None:
        if given:
            raise InputError(f"A task states the size of its clips: omit {' and '.join(given)}, or omit --task.")
        return load_task(task_name)
    if data is None or num_frames is None or resolution is None:
        raise InputError(
            "There is no task: name one with --task, or a folder of videos with --data DIR --num-frames N --resolution SIDE."
        )
    return folder_task(data, num_frames, resolution)


def folder_task(data: Path, num_frames: int, resolution: int) -> LoadedTask:
    """Return the task of a plain folder of videos: unconditional, central squares, every frame.

    Models train on the sub-folder ``train``, and ``test``, ``val`` or ``validation`` is held out, where they exist; otherwise all
    videos serve for both.

    Args:
        data: the folder.
        num_frames: frames per clip.
        resolution: height and width of a clip in pixels.

    Raises:
        InputError: the folder does not exist, or a number is out of range.
    """
    check_option("--num-frames", num_frames, MOST_FRAMES)
    check_option("--resolution", resolution, MOST_PIXELS)
    if not data.is_dir():
        raise InputError(f"The data folder {data} does not exist: name an existing folder with --data DIR.")
    train = _split_of(data, _TRAIN, WHOLE)
    slug = re.sub(r"[^a-z0-9]+", "-", Path(os.path.realpath(data)).name.lower()).strip("-") or "videos"
    task = Task(
        name=f"folder-{slug}"[: LONGEST_NAME - 16].rstrip("-") + f"-{num_frames}x{resolution}",
        version=1,
        title=f"{num_frames} frames of {resolution}x{resolution} from a folder of videos",
        data=DataSpec(
            dataset="folder",
            train_split=train,
            reference_split=train,
            evaluation_split=_split_of(data, _HELD_OUT, train),
        ),
        clips=ClipSpec(num_frames=num_frames, height=resolution, width=resolution, resize="pil-bicubic", crop="center"),
        reference=ReferenceSpec(num_clips="all"),
        evaluation=EvaluationSpec(num_samples=_NUM_SAMPLES, labels="none", metrics=("fvd",)),
        notes=(
            Note(
                what="all of it", origin="ours", source="written by vidbench for a folder without a task; change freely"
            ),
        ),
    )
    return LoadedTask(task, shipped=False, origin=str(data))


def scan_command(task: str | LoadedTask, data: Path | None, ignore: Sequence[str] = ()) -> str:
    """Return the `vidbench data scan` whose digests a run takes: a scan belongs to a task, so it needs the options of the run.

    Args:
        task: value of ``--task``, or the task of a plain folder.
        data: value of ``--data``.
        ignore: values of ``--ignore``.
    """
    if isinstance(task, str):
        chosen = ["--task", task]
    else:
        clips = task.task.clips
        chosen = ["--num-frames", str(clips.num_frames), "--resolution", str(clips.height)]
    patterns = [part for pattern in ignore for part in ("--ignore", pattern)]
    return shlex.join(["vidbench", "data", "scan", str(data), *chosen, *patterns])


def write_task_file(folder: Path, task: Task) -> Path:
    """Write a task into a folder of a run, so that ``--task FOLDER/task.toml`` repeats it; returns the file.

    Raises:
        InputError: the folder has another task.
    """
    path, text = folder / TASK_FILE, task_toml(task)
    if path.exists() and load_task(str(path)).task.fingerprint != task.fingerprint:
        raise InputError(f"{path} is another task than that of this run: choose another --output, or remove the file.")
    if not path.exists():
        write_text(path, text)
    return path


def _split_of(data: Path, names: tuple[str, ...], default: str) -> str:
    return next((name for name in names if (data / name).is_dir()), default)
