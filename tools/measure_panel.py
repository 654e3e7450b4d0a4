"""Measure how often the validity panel flags honest samples: every check, on sets of clips that no check should flag.

    python tools/measure_panel.py --data ../shared/data/weizmann --workers 16 --output docs/panel-rates.json

Every set is scored as `vidbench score` or `vidbench evaluate` does, on tasks of the shipped sizes. Kinds of sets:

- ``generator``: 1,024 clips of the true generator of shapes-gen; set k has the test clips from 1,032 (16 + k) on, so no two share a clip.
- ``damaged``: the same clips as a model with one fault would make them, the faults in turn: blurred, noisy, grey-shifted, through
  JPEG and H.264, at half the frame rate, with 24 levels.
- ``dvdgan``: 1,024 samples of the shipped checkpoint, with the seeds 0, 1, 2 and so on.
- ``dvdgan-fp``: 256 predictions of the shipped checkpoint from the contexts of a split of its own for each set.
- ``copied frames``: the last context frame held still, from the same contexts.
- ``people``: clips of two people of weizmann, the reference of five others and the held-out clips of the last two, dealt at random.
  Sets share people and clips.
- ``people copied``: weizmann-pred on the same folders, the last context frame held still.

Prints how many sets each check flags, with the 95 % interval of Clopper and Pearson, and writes every value.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
import torch
from measure_shapes_scale import blurred, noisy
from PIL import Image

from vidbench.data import open_split
from vidbench.data.shapes.dataset import GENERATOR_VERSION, render
from vidbench.files import write_text
from vidbench.jobs.evaluate import evaluate_model, score_samples
from vidbench.progress import Progress
from vidbench.results.schema import ValidityRecord
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task
from vidbench.validity.checks import CHECKS
from vidmetrics import load_network
from vidmetrics.home import home_at

ROOT = Path(__file__).resolve().parents[1]
N, STRIDE, FIRST_BLOCK = 1024, 1032, 16
PREDICTOR = ROOT / "baselines" / "dvdgan" / "checkpoints" / "shapes-pred.safetensors"
PEOPLE, ROLES = 9, (("train", 5), ("test", 2), ("third", 2))
Found = dict[str, tuple[float, bool] | None]
"""Value and flag of each check; None for a check that could not be done."""


def through_jpeg(clips_NTHWC: np.ndarray, quality: int = 75) -> np.ndarray:
    """Return clips whose frames were JPEG files."""

    def frame(pixels_HWC: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(pixels_HWC).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return np.stack([np.stack([frame(each) for each in clip]) for clip in clips_NTHWC])


def through_h264(clips_NTHWC: np.ndarray) -> np.ndarray:
    """Return clips that were H.264 streams at the encoder's default quality."""
    made = np.empty_like(clips_NTHWC)
    for clip, out in zip(clips_NTHWC, made, strict=True):
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width = clip.shape[1:3]
            stream.pix_fmt = "yuv420p"
            frames = [av.VideoFrame.from_ndarray(each, format="rgb24") for each in clip]
            container.mux([packet for frame in (*frames, None) for packet in stream.encode(frame)])
        file.seek(0)
        with av.open(file) as container:
            for place, frame in enumerate(container.decode(video=0)):
                out[place] = frame.to_ndarray(format="rgb24")
    return made


def as_levels(clips_NTHWC: np.ndarray) -> np.ndarray:
    """Round to uint8."""
    return np.clip(np.rint(clips_NTHWC), 0, 255).astype(np.uint8)


FAULTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "blurred by a pixel": lambda clips: as_levels(blurred(clips.astype(np.float32), space=1.0)),
    "noise of 6 levels": lambda clips: as_levels(noisy(clips, 6.0)),
    "10 % less contrast": lambda clips: as_levels(127.5 + 0.9 * (clips - 127.5)),
    "through JPEG": through_jpeg,
    "through H.264": through_h264,
    "half the frame rate": lambda clips: clips[:, np.arange(clips.shape[1]) // 2 * 2],
    "24 levels": lambda clips: as_levels(np.rint(clips * (23 / 255)) * (255 / 23)),
}


def _found(records: Iterable[ValidityRecord]) -> Found:
    return {
        each.check: None if each.absent is not None or each.value is None else (each.value, each.flagged)
        for each in records
    }


def _scored(clips_NTHWC: np.ndarray, labels_N: np.ndarray, task: str, folder: Path, data: Path | None = None) -> Found:
    np.savez(folder / "samples.npz", samples=clips_NTHWC, labels=labels_N)
    options = RunOptions(output=folder / "out", device="cpu", data=data)
    return _found(score_samples(folder / "samples.npz", task, options, Progress(enabled=False))[0].validity)


def _evaluated(
    model: str, task: str, folder: Path, data: Path | None = None, seed: int | None = None, count: int | None = None
) -> Found:
    options = RunOptions(output=folder / "out", device="cpu", data=data, seed=seed, num_samples=count)
    return _found(evaluate_model(model, task, options, Progress(enabled=False))[0].validity)


def _generator(number: int, folder: Path, fault: str = "") -> Found:
    clips, labels = render("test", np.arange(N) + STRIDE * (FIRST_BLOCK + number), 12, 32, 32)
    return _scored(FAULTS[fault](clips) if fault else clips, labels, "shapes-gen", folder)


def _contexts(number: int, folder: Path) -> str:
    """Write shapes-pred with held-out clips of its own for a set, and return the file."""
    text = (ROOT / "vidbench" / "tasks" / "shapes-pred.toml").read_text(encoding="utf-8")
    text = text.replace('name = "shapes-pred"', 'name = "shapes-pred-panel"', 1)
    text = text.replace('evaluation_split = "test"', f'evaluation_split = "panel-{number}"', 1)
    text = text.replace("num_samples = 1024", "num_samples = 256", 1)
    if text.count("panel") != 2 or "num_samples = 256" not in text:
        raise ValueError("shapes-pred.toml has another form now; adapt the replacements above")
    (folder / "task.toml").write_text(text, encoding="utf-8")
    return str(folder / "task.toml")


def _dealt(number: int, folder: Path, data: Path) -> Path:
    """Link the videos of weizmann into a folder whose splits are people dealt at random."""
    order = np.random.default_rng((20, number)).permutation(PEOPLE)
    role_of, first = {}, 0
    for role, count in ROLES:
        role_of |= {int(person): role for person in order[first : first + count]}
        first += count
    rows: dict[str, list[str]] = {role: ["label,youtube_id,time_start,time_end,split"] for role, _ in ROLES}
    for video in sorted(data.rglob("*.mp4")):
        name, start, end = video.stem.split("_")
        role = role_of[int(name[2:5]) % 100 // 2]
        place = folder / "data" / role / video.parent.name
        place.mkdir(parents=True, exist_ok=True)
        (place / video.name).symlink_to(video.resolve())
        rows[role].append(f"{video.parent.name},{name},{int(start)},{int(end)},{role}")
    (folder / "data" / "annotations").mkdir()
    for role, lines in rows.items():
        (folder / "data" / "annotations" / f"{role}.csv").write_text("\n".join(lines) + "\n")
    return folder / "data"


def _people(number: int, folder: Path, data: Path) -> Found:
    root, name = _dealt(number, folder, data), str(ROOT / "examples" / "tasks" / "weizmann.toml")
    task = load_task(name).task
    third = open_split(task, "third", root)
    clips, labels = third.read(np.arange(third.num_clips)), third.labels
    order = np.lexsort((np.arange(len(labels)), labels)).reshape(len(third.class_names), -1).T.ravel()
    return _scored(clips[order], labels[order], name, folder, root)


def _people_copied(number: int, folder: Path, data: Path) -> Found:
    root = _dealt(number, folder, data)
    return _evaluated("copy", str(ROOT / "examples" / "tasks" / "weizmann-pred.toml"), folder, root)


def measured(of: tuple[str, int, Path, Path | None]) -> Found:
    """Return what the panel says of one set of a kind."""
    kind, number, home, data = of
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Real clips of the shipped tasks are measured once; those of other splits are of use to no other set.
        shared = kind in ("generator", "damaged", "dvdgan")
        with home_at(home if shared else folder / "home"):
            if kind == "generator":
                return _generator(number, folder)
            if kind == "damaged":
                return _generator(number, folder, list(FAULTS)[number % len(FAULTS)])
            if kind == "dvdgan":
                return _evaluated("dvdgan", "shapes-gen", folder, seed=number)
            if kind in ("dvdgan-fp", "copied frames"):
                reference = home / "reference-of-predictions"
                if reference.is_dir():
                    shutil.copytree(reference, folder / "home")
                model = "copy" if kind == "copied frames" else f"dvdgan-fp:{PREDICTOR}"
                return _evaluated(model, _contexts(number, folder), folder)
            if data is None:
                raise SystemExit("give --data for sets of people")
            return (_people if kind == "people" else _people_copied)(number, folder, data)


def prepare(kind: str, home: Path) -> None:
    """Measure the real clips that all sets of a kind are compared with."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        if kind == "shapes-gen":
            with home_at(home):
                _evaluated("noise", "shapes-gen", Path(name))
        else:
            with home_at(home / "reference-of-predictions"):
                _evaluated("copy", _contexts(-1, Path(name)), Path(name))


def interval(flagged: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of Clopper and Pearson of a rate."""
    from scipy.stats import beta

    low = 0.0 if flagged == 0 else float(beta.ppf(0.025, flagged, count - flagged + 1))
    return low, 1.0 if flagged == count else float(beta.ppf(0.975, flagged + 1, count - flagged))


def table(found: dict[str, list[Found]]) -> str:
    """Return how many sets of each kind each check flags, as a table."""
    lines = [f"| sets | {' | '.join(CHECKS)} |", "|---|" + "---:|" * len(CHECKS)]
    rows = [*found.items(), ("all", [each for several in found.values() for each in several])]
    for kind, sets in rows:
        cells = []
        for check in CHECKS:
            done = [each[check] for each in sets if each.get(check) is not None]
            flagged = sum(bool(each and each[1]) for each in done)
            if not done:
                cells.append("not done")
                continue
            low, high = interval(flagged, len(done))
            cells.append(f"{flagged} of {len(done)} ({100 * low:.1f} to {100 * high:.1f} %)")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure every kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="weizmann, for sets of people.")
    parser.add_argument("--sets", type=int, default=105, help="Sets of each kind but dvdgan.")
    parser.add_argument("--seeds", type=int, default=9, help="Sets of dvdgan.")
    parser.add_argument("--workers", type=int, default=1, help="Processes.")
    parser.add_argument("--only", action="append", metavar="KIND", help="Only this kind; repeatable.")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON with every value, written after each set.")
    args = parser.parse_args()
    # The slowest first.
    counts = {"dvdgan": args.seeds, "dvdgan-fp": args.sets, "damaged": args.sets, "generator": args.sets}
    counts |= {"copied frames": args.sets} | (
        {} if args.data is None else dict.fromkeys(("people", "people copied"), args.sets)
    )
    counts = {kind: count for kind, count in counts.items() if not args.only or kind in args.only}
    found: dict[str, list[Found]] = {kind: [] for kind in counts}
    with (
        tempfile.TemporaryDirectory() as home,
        ProcessPoolExecutor(args.workers, get_context("spawn")) as workers,
    ):
        for done in [workers.submit(prepare, kind, Path(home)) for kind in ("shapes-gen", "shapes-pred")]:
            done.result()
        asked = {
            kind: [workers.submit(measured, (kind, number, Path(home), args.data)) for number in range(count)]
            for kind, count in counts.items()
        }
        for kind, futures in asked.items():
            for future in futures:
                found[kind].append(future.result())
                if args.output is not None:
                    write_text(args.output, document(args, found))
            print(f"{kind}: {len(found[kind])} sets", flush=True)
    print(table(found))


def document(args: argparse.Namespace, found: dict[str, list[Found]]) -> str:
    """Return the file: what was run on what, and value and flag of every check of every set."""
    head = {
        "command": f"python tools/measure_panel.py --data WEIZMANN --sets {args.sets} --seeds {args.seeds}",
        "seed": "the number of the set",
        "generator": GENERATOR_VERSION,
        "weights_sha256": {name: load_network(name).weights_sha256 for name in ("shapes", "shapes-second")},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    for kind, sets in found.items():
        rows = []
        for check in CHECKS:
            values = [each.get(check) for each in sets]
            if any(values):
                kept = [None if each is None else [float(f"{each[0]:.4g}"), each[1]] for each in values]
                rows.append(f"  {json.dumps(check)}: {json.dumps(kept)}")
        lines.append(f" {json.dumps(kind)}: {{\n" + ",\n".join(rows) + "\n }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
