"""The command line: one sentence and exit code 2 for bad input, only results on stdout."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vidbench.cli import main


def run(*arguments, cwd):
    """Run `vidbench` in a folder, within this process, which has imported everything; returns a completed process.

    What it imports from that folder is forgotten afterwards, as it is with a process of its own.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        _forgotten(cwd),
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["vidbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return subprocess.CompletedProcess(arguments, ended.value.code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _forgotten(folder):
    paths, place = list(sys.path), Path(folder).resolve()
    try:
        yield
    finally:
        sys.path[:] = paths
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and Path(file).resolve().is_relative_to(place):
                del sys.modules[name]


def run_process(*arguments, cwd):
    """Run `vidbench` in a new process."""
    return subprocess.run(
        [sys.executable, "-m", "vidbench", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=300
    )


def assert_refused(done, *parts):
    """Check for exit code 2, nothing on stdout, and one sentence on stderr that contains the parts."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("Error: ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in sentence
    return sentence


VIDEO_TASK = """
name = "videos"
version = 1
title = "Videos of a folder"
[data]
dataset = "kinetics"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 12
height = 16
width = 16
resize = "pil-box"
crop = "center"
[reference]
num_clips = "all"
[evaluation]
num_samples = 2
labels = "balanced"
metrics = ["fvd-shapes"]
"""


@pytest.fixture
def video_task(tmp_path):
    (tmp_path / "videos.toml").write_text(VIDEO_TASK)
    return tmp_path / "videos.toml"


def _video(path, num_frames):
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for t in range(num_frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), t * 5 % 256, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _evaluate(task, *more):
    return ("evaluate", "--model", "noise", "--task", task, "--output", "out", *more)


def test_missing_data_folder(tmp_path, video_task):
    assert_refused(run(*_evaluate(video_task, "--data", "nowhere"), cwd=tmp_path), "nowhere", "--data")
    assert_refused(run(*_evaluate(video_task), cwd=tmp_path), "--data DIR")
    assert not (tmp_path / "out").exists()


def test_empty_data_folder(tmp_path, video_task):
    (tmp_path / "empty").mkdir()
    assert_refused(run(*_evaluate(video_task, "--data", "empty"), cwd=tmp_path), "empty")
    assert not (tmp_path / "out").exists()


def test_corrupt_video(tmp_path, video_task):
    for split in ("train", "test"):
        for i in range(2):
            _video(tmp_path / "data" / split / "walking" / f"clip{i}_000000_000002.mp4", 20)
    (tmp_path / "data" / "train" / "walking" / "clip1_000000_000002.mp4").write_bytes(b"not a video at all" * 50)
    assert_refused(run(*_evaluate(video_task, "--data", "data"), cwd=tmp_path), "clip1_000000_000002.mp4")
    assert not (tmp_path / "out" / "result.json").exists()


def test_clip_shorter_than_the_task_needs(tmp_path, video_task):
    for split in ("train", "test"):
        for i in range(2):
            _video(tmp_path / "data" / split / "walking" / f"clip{i}_000000_000002.mp4", 20 if i else 7)
    sentence = assert_refused(run(*_evaluate(video_task, "--data", "data"), cwd=tmp_path), "clip0_000000_000002.mp4")
    assert "7" in sentence
    assert "12" in sentence


def test_data_given_to_an_embedded_task(tmp_path):
    assert_refused(run(*_evaluate("shapes-gen", "--data", "."), cwd=tmp_path), "embedded")


def test_unknown_key_in_a_task_file(tmp_path, video_task):
    video_task.write_text(VIDEO_TASK.replace("num_frames", "num_frame"))
    assert_refused(run(*_evaluate(video_task), cwd=tmp_path), "unknown key", "num_frames")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("evaluate", "--model", "dvdgna", "--task", "shapes-gen"), "did you mean 'dvdgan'?"),
        (("evaluate", "--model", "noise", "--task", "shapes-gan"), "did you mean 'shapes-gen'?"),
        (("evalute",), "did you mean 'evaluate'?"),
        (("evaluate", "--model", "noise"), "--task"),
        (("evaluate", "--model", "noise", "--task", "shapes-gen", "--batch-size", "0"), "--batch-size 0"),
        (("evaluate", "--model", "noise", "--task", "shapes-gen", "--num-samples", "1"), "--num-samples 1"),
        (("evaluate", "--model", "noise", "--task", "shapes-gen", "--device", "tpuu"), "tpuu"),
        (("evaluate", "--model", "copy", "--task", "shapes-gen"), "use 'noise'"),
        (("evaluate", "--model", "noise:weights", "--task", "shapes-gen"), "no weights"),
        (("evaluate", "--model", "dvdgan:nowhere", "--task", "shapes-gen"), "nowhere"),
        (("train", "--model", "noise", "--task", "shapes-gen", "--output", "t"), "cannot be trained"),
        (("train", "--model", "dvdgan", "--task", "shapes-gen", "--output", "t", "--set", "steps"), "key=value"),
        (("train", "--model", "dvdgan", "--task", "shapes-gen", "--output", "t", "--set", "g_lrr=1"), "g_lr"),
    ],
)
def test_bad_usage_is_one_sentence(tmp_path, arguments, part):
    assert_refused(run(*arguments, cwd=tmp_path), part)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_model(tmp_path):
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    command = ("evaluate", "--model", "dvdgan:other.safetensors", "--task", "shapes-gen", "--output", "out")
    assert_refused(run_process(*command, cwd=tmp_path), "other.safetensors")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("samples", "parts"),
    [
        (np.zeros((4, 12, 32, 32, 3), np.float32), ("uint8",)),
        (np.zeros((4, 12, 16, 16, 3), np.uint8), ("16x16", "32x32")),
        (np.zeros((4, 16, 32, 32, 3), np.uint8), ("16 frames", "12 frames")),
        (np.zeros((4, 12, 32, 32, 3), np.uint8), ("4 samples", "1024")),
        (np.zeros((4, 12, 3, 32, 32), np.uint8), ("clips.npy",)),
    ],
)
def test_samples_of_a_wrong_shape_dtype_or_count(tmp_path, samples, parts):
    np.save(tmp_path / "clips.npy", samples)
    command = ("score", "--task", "shapes-gen", "--samples", "clips.npy", "--output", "out")
    assert_refused(run(*command, cwd=tmp_path), *parts)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["evaluate", "train", "sample"])
def test_an_output_that_cannot_be_a_folder(tmp_path, command):
    (tmp_path / "taken").write_text("a file")
    where = "taken" if command == "sample" else "taken/deeper"
    arguments = (
        command,
        "--model",
        "dvdgan" if command == "train" else "noise",
        "--task",
        "shapes-gen",
        "--output",
        where,
    )
    more = ("--steps", "1", "--set", "batch_size=2", "--set", "ch=4", "--set", "d_ch=4") if command == "train" else ()
    assert_refused(run(*arguments, *more, cwd=tmp_path), "taken")
    assert (tmp_path / "taken").read_text() == "a file"


def test_json_commands_print_one_document(tmp_path):
    listing = (("tasks", "list"), ("tasks", "show", "shapes-gen"), ("models", "list"))
    for start, command in (*((run, command) for command in listing), (run_process, ("doctor",))):
        done = start(*command, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        json.loads(done.stdout)


def test_tasks_and_models_for_people(tmp_path):
    assert "shapes-pred" in run("tasks", "list", cwd=tmp_path).stdout
    assert "fingerprint" in run("tasks", "show", "shapes-gen", cwd=tmp_path).stdout
    listed = run("models", "list", cwd=tmp_path).stdout.splitlines()
    assert ["dvdgan", "generate,", "predict", "trains"] in [line.split()[:4] for line in listed]


@pytest.mark.parametrize("kind", ["png", "gif", "mp4"])
def test_samples_for_looking_at(tmp_path, kind):
    from vidbench.samples.exchange import open_samples

    command = ("sample", "--model", "copy", "--task", "shapes-pred", "--num-samples", "3", "--output", "clips")
    done = run(*command, "--format", kind, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "clips"
    samples = open_samples(tmp_path / "clips")
    assert (samples.num_samples, samples.num_frames, samples.height, samples.width) == (3, 11, 32, 32)
    assert samples.lossy == (kind != "png")
    assert_refused(run(*command, cwd=tmp_path), "already exists")


def test_the_published_schema_is_up_to_date():
    from pathlib import Path

    from vidbench.results.schema import json_schema

    path = Path(__file__).resolve().parents[3] / "docs" / "result.schema.json"
    assert json.loads(path.read_text()) == json_schema(), "run `make schema`"
