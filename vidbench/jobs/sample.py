"""Write a model's clips to disk, to look at them or to score them on another machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vidbench.data import ClipDataset, check_data_folder, open_evaluation
from vidbench.data.folders.inventory import entries_sentences
from vidbench.distributed.launcher import require_single_process
from vidbench.distributed.ranks import Ranks, choose_device
from vidbench.errors import InputError
from vidbench.files import check_writable, failures_named, sync_tree
from vidbench.models.choice import choose_model
from vidbench.progress import Advance, Progress
from vidbench.samples.exchange import SampleWriter
from vidbench.samples.pairing import context_digests, names_clips, task_answers, task_stamp
from vidbench.scoring.clip_sources import ModelSource, model_task, open_model, sample_labels
from vidbench.scoring.run_plan import refuse_large_batch
from vidbench.tasks import Task, load_task
from vidbench.tasks.limits import MOST_BATCH, MOST_SEED, check_option, check_total_samples
from vidmetrics.locks import remove_stale_lock, sole_writer

_FRAMES_PER_SECOND = 8

Write = Callable[[Path, np.ndarray], None]


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """What a user may choose about sampling.

    Attributes:
        output: folder to write; it must not exist, and it appears only when complete.
        data: data folder, for tasks that read one.
        ignore: patterns of entries of the folder to leave out.
        num_samples: samples per run of the task; None for the task's number.
        kind: ``"npy"`` (the exchange format), ``"png"``, ``"mp4"`` or ``"gif"``.
        batch_size: clips per call of the model.
        device: torch device; None for a GPU if there is one.
        seed: seed of the samples; None for the task's.
    """

    output: Path
    data: Path | None = None
    ignore: tuple[str, ...] = ()
    num_samples: int | None = None
    kind: Literal["npy", "png", "mp4", "gif"] = "npy"
    batch_size: int = 32
    device: str | None = None
    seed: int | None = None


def sample_model(model: str, task_name: str, options: SampleOptions, progress: Progress) -> None:
    """Write the clips that `evaluate` would score; for prediction tasks, only the predicted frames.

    Args:
        model: as in `vidbench.evaluate`.
        task_name: task name or path of a task file.
        options: what the user chose.
        progress: where progress is shown.

    Raises:
        InputError: bad input, or the output folder exists.
    """
    require_single_process("sample")
    choice = choose_model(model)
    task = load_task(task_name).task
    per_run = task.evaluation.num_samples if options.num_samples is None else options.num_samples
    count = per_run * task.evaluation.repeats
    check_option("--batch-size", options.batch_size, MOST_BATCH)
    if options.seed is not None:
        check_option("--seed", options.seed, MOST_SEED, least=0)
    check_total_samples(per_run, task.evaluation.repeats)
    refuse_large_batch(task, min(options.batch_size, count))
    refuse_existing(options.output)
    device = choose_device(options.device, Ranks())
    choice.check_sampling(model_task(task, ()))
    check_data_folder(task, options.data)
    check_writable(options.output.parent)
    evaluation = clips_to_answer(task, options.data, per_run, options.ignore, progress)
    source, _ = open_model(
        choice,
        task,
        evaluation,
        seed=task.evaluation.seed if options.seed is None else options.seed,
        num_samples=count,
        device=device,
    )
    with _appears_whole(options.output) as folder, progress.stage(f"Samples of {choice.name}", count) as advance:
        batches = _batches(count, options.batch_size)
        if options.kind == "npy":
            _write_exchange(folder, source, batches, count, advance)
        else:
            _write_files(folder, source, batches, _WRITERS[options.kind], advance)


def _write_exchange(
    folder: Path, source: ModelSource, batches: Iterable[np.ndarray], count: int, advance: Advance
) -> None:
    task, clips, evaluation = source.task, source.task.clips, source.evaluation
    with SampleWriter(
        folder, num_frames=task.predicted_frames, height=clips.height, width=clips.width, task=task_stamp(task)
    ) as writer:
        digests: list[str] = []
        for indices in batches:
            context_NTHWC, samples_NTHWC = np.split(source.read(indices), [clips.context_frames], axis=1)
            digests += context_digests(context_NTHWC)
            writer.add(samples_NTHWC, sample_labels(task, indices, evaluation))
            advance(len(indices))
        context_sha256 = digests if clips.context_frames else None
        writer.answers = task_answers(task, evaluation, count, source.seed, context_sha256)


def _write_files(
    folder: Path, source: ModelSource, batches: Iterable[np.ndarray], write: Write, advance: Advance
) -> None:
    for indices in batches:
        samples_NTHWC = source.read(indices)[:, source.task.clips.context_frames :]
        for index, sample_THWC in zip(indices, samples_NTHWC, strict=True):
            stem = folder / f"{index:06d}"
            with failures_named(stem):
                write(stem, sample_THWC)
        advance(len(indices))


def clips_to_answer(
    task: Task, data: Path | None, num_samples: int, ignore: Sequence[str], progress: Progress
) -> ClipDataset:
    """Open the evaluation clips of a task and check that there are enough for ``num_samples`` samples per run.

    Raises:
        InputError: the data cannot be opened, or each sample belongs to one clip and there are too few clips.
    """
    evaluation = open_evaluation(task, data, num_samples, ignore)
    place = f"split '{task.data.evaluation_split}' of '{data}'"
    for line in entries_sentences(ignore, [(place, evaluation.unused)]):
        progress.say(line)
    count = num_samples * task.evaluation.repeats
    if names_clips(task) and evaluation.num_clips < count:
        raise InputError(
            f"The split '{task.data.evaluation_split}' has only {evaluation.num_clips} clips for {count} samples: lower "
            "--num-samples."
        )
    return evaluation


def _batches(count: int, batch_size: int) -> Iterator[np.ndarray]:
    for start in range(0, count, batch_size):
        yield np.arange(start, min(start + batch_size, count))


@contextmanager
def _appears_whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder next to ``folder``; it is renamed on success and removed on failure."""
    working = folder.with_name(f".{folder.name}.partial")
    with sole_writer(folder):
        refuse_existing(folder)  # the process before may have finished it
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        try:
            yield working
            with failures_named(folder):
                sync_tree(working)
                working.replace(folder)
        finally:
            shutil.rmtree(working, ignore_errors=True)


def refuse_existing(output: Path, kind: str = "output folder") -> None:
    """Refuse to write into a folder or file that is there.

    Args:
        output: what would be written.
        kind: what it is, in messages.

    Raises:
        InputError: there is something, or a link that leads nowhere.
    """
    if output.exists() or output.is_symlink():
        remove_stale_lock(output)
        raise InputError(f"The {kind} {output} already exists: choose a new one.")


def write_png(stem: Path, frames_THWC: np.ndarray) -> None:
    """Write frames, uint8 ``[T, H, W, 3]``, as PNG files into a new folder."""
    from PIL import Image

    stem.mkdir()
    for t, frame in enumerate(frames_THWC):
        Image.fromarray(frame).save(stem / f"{t:05d}.png")


def _write_gif(stem: Path, frames_THWC: np.ndarray) -> None:
    import av
    from PIL import Image

    frames, height, width, _ = frames_THWC.shape
    # One palette for the whole clip, or colours would flicker. PyAV writes the file because Pillow merges equal frames,
    # which would shorten the clip.
    image = Image.fromarray(frames_THWC.reshape(frames * height, width, 3)).quantize(256, dither=Image.Dither.NONE)
    levels = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255
    palette[: len(levels), 1:] = levels
    with av.open(str(stem.with_suffix(".gif")), "w") as container:
        stream = container.add_stream("gif", rate=_FRAMES_PER_SECOND)
        stream.height, stream.width, stream.pix_fmt = height, width, "pal8"
        for indices in np.asarray(image).reshape(frames, height, width):
            # PyAV documents (indices, palette), but its annotation does not include it.
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
