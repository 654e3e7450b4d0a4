"""Every command that writes files, on the smallest inputs, with what its outcome is compared by."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

from tests.abuse.rows._inputs import clips, saved
from tests.oracles.rude_server import RudeServer
from tests.result_texts import result_document
from tests.task_texts import prediction_text, task_text, videos_task

# Keys and files that differ between two runs of the same command.
_VOLATILE = {"execution", "seconds", "finished", "time", "duration", "clips_per_second", "steps_per_second"}
_PLACES = ("root", "output", "seal")
_NOT_COMPARED = (".html", ".jsonl", ".lock")


class Command(NamedTuple):
    """A command and its inputs.

    Args:
        name: unique.
        line: arguments of ``vidbench``.
        prepare: writes the inputs into an empty folder.
        seconds: what a run costs, roughly; commands are sampled in CI by it.
        around: what has to be there while it runs, other than files.
    """

    name: str
    line: str
    prepare: Callable[[Path], None]
    seconds: float = 0.1
    around: Callable[[], AbstractContextManager[object]] = nullcontext


def _tasks(folder: Path) -> None:
    generation = task_text("tiny-gen", num_clips=12, num_samples=6, metrics=("fvd-shapes",))
    prediction = prediction_text("tiny-pred", 12, 6, 'ceiling = "copy"')
    (folder / "gen.toml").write_text(generation, encoding="utf-8")
    (folder / "pred.toml").write_text(prediction, encoding="utf-8")


def _samples(folder: Path) -> None:
    _tasks(folder)
    clips(folder / "clips.npy", number=6)


def _videos(folder: Path) -> None:
    from tests.end_to_end.miniatures import write_video

    for number in range(2):
        write_video(folder / "data" / "train" / "walking" / f"clip{number}_000000_000002.mp4", number, count=8)


def _task_of_videos(folder: Path) -> None:
    from tests.end_to_end.miniatures import write_video

    for number in range(2):
        write_video(folder / "data" / "train" / "walking" / f"clip{number}_000000_000002.mp4", number, count=30)
    (folder / "task.toml").write_text(videos_task("kinetics", 2), encoding="utf-8")


def _result(folder: Path) -> None:
    (folder / "result.json").write_text(json.dumps(result_document()), encoding="utf-8")


def _board(folder: Path) -> None:
    from vidbench.leaderboard.adding import Submission, add_result

    document = result_document()
    document["metrics"]["fvd-shapes"]["value"] = 57.0
    (folder / "first.json").write_text(json.dumps(document), encoding="utf-8")
    add_result(folder / "first.json", folder / "boards", Submission(model="First"))
    _result(folder)


def _two_arrays(folder: Path) -> None:
    clips(folder / "clips.npy", number=6)
    clips(folder / "others.npy", number=5)


def _weights() -> bytes:
    """Return weights of the smallest shapes that are recognised."""
    return saved(
        functools.partial(np.savez, **{"conv1a/W": np.ones((8, 64), np.float32), "mean": np.zeros(3, np.float32)})
    )


def _weights_file(folder: Path) -> None:
    (folder / "c3d.npz").write_bytes(_weights())


@contextmanager
def _published_weights() -> Iterator[None]:
    """Serve the weights on this machine, as the only published ones."""
    from vidmetrics.weights.sources import PublishedFile, Source

    server = RudeServer(_weights())
    sha256 = hashlib.sha256(server.content).hexdigest()
    file = PublishedFile("c3d.npz", (f"{server.url}/c3d.npz",), len(server.content), sha256)
    source = Source("c3d-ucf101", "here", (file,), ("c3d.npz",), None, "a test", "none", "none")
    with contextlib.ExitStack() as patches:
        for module in ("vidbench.jobs.weights", "vidmetrics.weights.proof", "vidmetrics.weights.sources"):
            patches.enter_context(patch(f"{module}.sources", lambda: (source,)))
        patches.enter_context(patch.dict("os.environ", {"NO_PROXY": "127.0.0.1"}))
        patches.callback(server.close)
        yield


COMMANDS: tuple[Command, ...] = (
    Command("evaluate", "evaluate --model noise --task gen.toml --output out --batch-size 3 --device cpu", _tasks, 1.0),
    Command("score", "score --samples clips.npy --task gen.toml --output out --device cpu", _samples, 1.0),
    Command("sample npy", "sample --model noise --task gen.toml --output out --num-samples 3 --batch-size 2", _tasks),
    Command("sample png", "sample --model noise --task gen.toml --output out --num-samples 2 --format png", _tasks),
    Command("sample gif", "sample --model noise --task gen.toml --output out --num-samples 2 --format gif", _tasks),
    Command("sample mp4", "sample --model noise --task gen.toml --output out --num-samples 2 --format mp4", _tasks),
    Command("train", "train --model dvdgan --task gen.toml --output out --steps 2 --set batch_size=2 --set ch=4 --set d_ch=4 --set standing_batches=1 --set checkpoint_every=1 --device cpu", _tasks, 1.0),
    Command("data scan", "data scan data --output out --workers 1", _videos, 0.3),
    Command("data scan for a task", "data scan data --task task.toml --output out/scan --workers 1", _task_of_videos, 0.4),
    Command("data export npy", "data export --task pred.toml --output out", _tasks),
    Command("data export png", "data export --task pred.toml --output out --num-samples 2 --targets --format png", _tasks),
    Command("data statistics", "data statistics --task gen.toml --output out/s.safetensors --device cpu", _tasks, 1.0),
    Command("measure", "measure clips.npy others.npy --metric fvd-shapes --num-frames 12 --device cpu", _two_arrays, 0.5),
    Command("weights import", "weights import c3d.npz", _weights_file),
    Command("weights fetch", "weights fetch c3d-ucf101", lambda folder: None, around=_published_weights),
    Command("leaderboard add", "leaderboard add result.json --leaderboards boards --training train --extra-data none --name Second", _board),
    Command("leaderboard add to none", "leaderboard add result.json --leaderboards boards --training train --extra-data none", _result),
    Command("leaderboard build", "leaderboard build --leaderboards boards --output out/site", _board, 0.3),
)  # fmt: skip


def outcome(folder: Path) -> dict[str, str]:
    """Return a digest of every file that a command left and that is the same in every run, hidden ones included."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith("tmp/") or name.endswith(_NOT_COMPARED):
            continue
        if name.startswith("home/scans/"):
            # Its name, and its seal, depend on where the folder is.
            name = "home/scans/note"
            fields = {key: value for key, value in json.loads(path.read_bytes()).items() if key not in _PLACES}
            content = json.dumps(fields, sort_keys=True).encode()
        elif path.suffix == ".json":
            content = json.dumps(_steady(json.loads(path.read_bytes())), sort_keys=True).encode()
        elif path.suffix == ".npz":
            with np.load(path) as arrays:
                content = b"".join(arrays[key].tobytes() for key in sorted(arrays))
        else:
            content = path.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def _steady(document: object) -> object:
    if isinstance(document, dict):
        return {key: _steady(value) for key, value in document.items() if key not in _VOLATILE}
    return [_steady(value) for value in document] if isinstance(document, list) else document
