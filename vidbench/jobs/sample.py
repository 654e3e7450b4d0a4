"""Writing a model's clips to disk, for people to look at or for another machine to score."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vidbench.data import ClipDataset, open_evaluation
from vidbench.distributed.ranks import choose_device, ranks_from_environment
from vidbench.errors import InputError
from vidbench.models.choice import choose_model
from vidbench.progress import Progress
from vidbench.samples.exchange import SampleWriter
from vidbench.samples.pairing import context_digests, names_clips, task_answers, task_stamp
from vidbench.scoring.clip_sources import open_model, sample_labels
from vidbench.tasks import Task, load_task

_FRAMES_PER_SECOND = 8

Write = Callable[[Path, np.ndarray], None]


def sample_model(
    model: str,
    task_name: str,
    data: Path | None,
    num_samples: int | None,
    output: Path,
    kind: str,
    batch_size: int,
    device: str | None,
    seed: int | None,
    progress: Progress,
) -> None:
    """Write the clips that `evaluate` would score; for prediction the predicted frames alone.

    Args:
        model: as for `evaluate`.
        task_name: task name or path of a task file.
        data: data folder, for tasks that read one.
        num_samples: how many in each run of the task; None for the task's number.
        output: folder to write; it must not exist, and it appears only when everything is in it.
        kind: ``"npy"`` (the exchange format), ``"png"``, ``"mp4"`` or ``"gif"``.
        batch_size: clips per call of the model.
        device: torch device, or None for a GPU where there is one.
        seed: seed of the samples; None for the task's.
        progress: where progress is shown.

    Raises:
        InputError: bad input, or the output folder is there already.
    """
    choice = choose_model(model)
    task = load_task(task_name).task
    per_run = task.evaluation.num_samples if num_samples is None else num_samples
    count = per_run * task.evaluation.repeats
    if batch_size < 1:
        raise InputError(f"--batch-size {batch_size} is not a number of clips: give 1 or more.")
    if output.exists():
        raise InputError(f"The output folder {output} exists already: name a new one, so that nothing is mixed up.")
    evaluation = clips_to_answer(task, data, per_run)
    where = choose_device(device, ranks_from_environment())
    run_seed = task.evaluation.seed if seed is None else seed
    source, _ = open_model(choice, task, evaluation, run_seed, count, where)
    clips = task.clips
    with _appears_whole(output) as folder, progress.stage(f"Samples of {choice.name}", count) as advance:
        batches = _batches(count, batch_size)
        if kind == "npy":
            with SampleWriter(
                folder,
                num_frames=task.predicted_frames,
                height=clips.height,
                width=clips.width,
                task=task_stamp(task),
            ) as writer:
                digests: list[str] = []
                for indices in batches:
                    context_NTHWC, samples_NTHWC = np.split(source.read(indices), [clips.context_frames], axis=1)
                    digests += context_digests(context_NTHWC)
                    writer.add(samples_NTHWC, sample_labels(task, indices, evaluation))
                    advance(len(indices))
                given = digests if clips.context_frames else None
                writer.answers = task_answers(task, evaluation, count, run_seed, given)
            return
        for indices in batches:
            for index, sample in zip(indices, source.read(indices)[:, clips.context_frames :], strict=True):
                _WRITERS[kind](folder / f"{index:06d}", sample)
            advance(len(indices))


def clips_to_answer(task: Task, data: Path | None, num_samples: int) -> ClipDataset:
    """Open the held-out clips of a task, one for each of `num_samples` samples a run where each sample belongs to one.

    Raises:
        InputError: the data cannot be opened, or there are too few clips.
    """
    evaluation = open_evaluation(task, data, num_samples)
    count = num_samples * task.evaluation.repeats
    if names_clips(task) and evaluation.num_clips < count:
        raise InputError(
            f"The split '{task.data.evaluation_split}' has clips to answer with {evaluation.num_clips} samples, and {count} "
            "are asked for: lower --num-samples."
        )
    return evaluation


def _batches(count: int, batch_size: int) -> Iterator[np.ndarray]:
    for start in range(0, count, batch_size):
        yield np.arange(start, min(start + batch_size, count))


@contextmanager
def _appears_whole(folder: Path) -> Iterator[Path]:
    """Yield a working folder beside the wanted one, renamed at the end, removed on failure."""
    working = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    try:
        yield working
        working.replace(folder)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def write_png(stem: Path, frames_THWC: np.ndarray) -> None:
    """Write frames uint8 ``[T, H, W, 3]`` as PNG files of a new folder."""
    from PIL import Image

    stem.mkdir()
    for t, frame in enumerate(frames_THWC):
        Image.fromarray(frame).save(stem / f"{t:05d}.png")


def _write_gif(stem: Path, frames_THWC: np.ndarray) -> None:
    import av
    from PIL import Image

    frames, height, width, _ = frames_THWC.shape
    # One palette for the whole clip, or colours would flicker. Pillow itself writes no GIF here, because it merges
    # equal frames into one and the clip would lose its length.
    image = Image.fromarray(frames_THWC.reshape(frames * height, width, 3)).quantize(256, dither=Image.Dither.NONE)
    levels = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255
    palette[: len(levels), 1:] = levels
    with av.open(str(stem.with_suffix(".gif")), "w") as container:
        stream = container.add_stream("gif", rate=_FRAMES_PER_SECOND)
        stream.height, stream.width, stream.pix_fmt = height, width, "pal8"
        for indices in np.asarray(image).reshape(frames, height, width):
            # PyAV documents the pair of indices and palette, but its annotation leaves it out.
            frame = av.VideoFrame.from_ndarray((indices, palette), format="pal8")  # type: ignore[arg-type]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_mp4(stem: Path, frames_THWC: np.ndarray) -> None:
    import av

    with av.open(str(stem.with_suffix(".mp4")), "w") as container:
        stream = container.add_stream("libx264", rate=_FRAMES_PER_SECOND)
        _, stream.height, stream.width, _ = frames_THWC.shape
        # 4:4:4, because halved chroma needs even sizes and smears the colours of small frames.
        stream.pix_fmt = "yuv444p"
        for frame in frames_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


_WRITERS: dict[str, Write] = {"png": write_png, "gif": _write_gif, "mp4": _write_mp4}
