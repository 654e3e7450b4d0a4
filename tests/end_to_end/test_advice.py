"""An error never recommends what the user just did: each sentence that names an option or a command is provoked, and followed."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.end_to_end.miniatures import write_video
from tests.task_texts import prediction_text, task_text
from tests.vidbench.cli.test_command_line import run
from vidbench.errors import InputError
from vidmetrics.metric_objects.statistics_files import Statistics
from vidmetrics.networks import default_weights

ROOT = Path(__file__).resolve().parents[2]
ADVISES = re.compile(r"--[a-z]|`vidbench ")
WORK = (
    "vidbench.jobs.evaluate._measure",
    "vidbench.jobs.measure.fill_stores",
    "vidbench.jobs.export._write_export",
    "vidbench.jobs.rehearse.rehearsal_of",
    "dvdgan.model.DVDGAN.train",
)

EVALUATE = "evaluate --model noise --task gen.toml --output out --device cpu"
SCORE = "score --task gen.toml --output out --device cpu --samples"
TRAIN = "train --model dvdgan --task gen.toml --output out --device cpu"
MEASURE = "measure nine.npy six.npy --metric fvd-shapes --device cpu --num-frames"
OF_FOLDER = "measure {} six.npy --metric fvd-shapes --device cpu --num-frames 12 --resolution 32"
VIDEOS = "evaluate --task folder.toml --output out --device cpu --model"
PREDICT = "--task pred-folder.toml --data both --device cpu --output out"
STATISTICS = "data statistics nine.npy --metric fvd-shapes --num-frames 12 --device cpu --output s.safetensors"
TASK_STATISTICS = "data statistics --task gen.toml --device cpu --output t.safetensors"
ADD = "leaderboard add result.json --leaderboards boards --training not-stated --extra-data not-stated"
PLAIN = "train --model dvdgan --device cpu --data videos --num-frames 16 --resolution 32"

# A part of the sentence in the sources, a command that meets it, and what it recommends, as one or more commands.
FOLLOWED = (
    ("is not of the form NETWORK=FILE", f"{MEASURE} 12 --weights shapes", f"{MEASURE} 12 --weights shapes=WEIGHTS"),
    ("--weights names {} twice", f"{MEASURE} 12 --weights shapes=WEIGHTS --weights shapes=WEIGHTS", f"{MEASURE} 12 --weights shapes=WEIGHTS"),
    ("; check --weights.", f"{MEASURE} 12 --weights shapes=nowhere", f"{MEASURE} 12 --weights shapes=WEIGHTS"),
    ("--data {} belongs to a task", f"{STATISTICS} --data videos", STATISTICS),
    ("Statistics are of a task (--task TASK) or", "data statistics --output s.safetensors", STATISTICS),
    ("--metric ID is missing", "data statistics nine.npy --output s.safetensors", STATISTICS),
    ("--metric chooses for a folder", "data statistics --task gen.toml --metric fvd-shapes --output t.safetensors", "data statistics --task gen.toml --no-bounds --output t.safetensors"),
    ("--floor-sets is of a task", f"{STATISTICS} --floor-sets 2", STATISTICS),
    ("which --no-bounds leaves out", f"{TASK_STATISTICS} --no-bounds --floor-sets 2", f"{TASK_STATISTICS} --no-bounds"),
    ("comes from that file: give --floor-sets to", f"{VIDEOS} noise --reference t.safetensors --floor-sets 2", ("data statistics --task folder.toml --data both --floor-sets 2 --output t.safetensors", f"{VIDEOS} noise --reference t.safetensors")),
    ("have no effect without --metrics-every", f"{TRAIN} --metric fvd-shapes", f"{TRAIN} --metric fvd-shapes --metrics-every 1"),
    ("--set {} is not of the form", f"{TRAIN} --set batch_size", f"{TRAIN} --set batch_size=16"),
    ("--set {} is given twice", f"{TRAIN} --set batch_size=16 --set batch_size=8", f"{TRAIN} --set batch_size=16"),
    ("reads videos from a folder: name it with --data DIR", f"{VIDEOS} noise", f"{VIDEOS} noise --data both"),
    ("does not exist: name an existing folder with --data DIR", f"{VIDEOS} noise --data nowhere", f"{VIDEOS} noise --data both"),
    ("does not exist: name an existing one, with --data DIR", "data scan nowhere --output scan", "data scan both --output scan --workers 1"),
    ("reads no folder: omit --data", f"{EVALUATE} --data both", EVALUATE),
    (": put its videos in '{}', name another folder with --data DIR", f"{VIDEOS} noise --data half", f"{VIDEOS} noise --data both"),
    ("A task states the size of its clips", f"{TRAIN} --num-frames 8", TRAIN),
    ("There is no task: name one with --task", "train --model dvdgan --output out --data videos", f"{PLAIN} --output out"),
    ("is another task than that of this run", f"{PLAIN} --output taken", f"{PLAIN} --output out"),
    ("name two numbers of samples", f"{SCORE} nine.npy --first 6 --num-samples 4", f"{SCORE} nine.npy --first 6"),
    ("--first {} scores the first of them", f"{SCORE} nine.npy --num-samples 6", f"{SCORE} nine.npy --first 6"),
    ("use the labels of `vidbench sample`", f"{SCORE} labelled.npz", ("sample --model noise --task gen.toml --output made", f"{SCORE} made")),
    ("so there are no targets: remove --targets", "data export --task gen.toml --output e --targets", "data export --task gen.toml --output e"),
    ("lower --resolution or --num-frames", f"{MEASURE} 16000 --resolution 8000", f"{MEASURE} 12 --resolution 8"),
    ("use --resolution to resize both", "measure small.npy six.npy --metric fvd-shapes --num-frames 12", "measure small.npy six.npy --metric fvd-shapes --num-frames 12 --resolution 16"),
    ("; change --num-frames or leave the metric", f"{MEASURE} 4", f"{MEASURE} 12"),
    ("are not at {}: run `vidbench weights fetch {}`", "measure nine.npy six.npy --metric fvd --num-frames 12", f"{MEASURE} 12"),
    ("already has a measurement: choose another --output", f"{MEASURE} 12 --output taken", f"{MEASURE} 12 --output out"),
    ("cannot be rehearsed: give an even number", "rehearse --task shapes-gen --model noise --num-samples 3", "rehearse --task shapes-gen --model noise --num-samples 4"),
    ("splits of an Inception Score", "rehearse --task k600-gen --model noise --num-samples 4", "rehearse --task k600-gen --model noise --num-samples 24"),
    ("clips for {} samples: lower --num-samples", f"sample --model copy {PREDICT} --num-samples 5", f"sample --model copy {PREDICT} --num-samples 2"),
    ("A training run resumes from its --output folder", TRAIN.replace("dvdgan", "dvdgan:x"), TRAIN),
    ("cannot be trained: `vidbench models list`", TRAIN.replace("dvdgan", "noise"), "models list"),
    ("name other metrics for the curve with --metric", f"{TRAIN} --metrics-every 1 --metric psnr", f"{TRAIN} --metrics-every 1 --metric fvd-shapes"),
    ("There is no leaderboards folder at", "leaderboard build --leaderboards nowhere --output site", (ADD, "leaderboard build --leaderboards boards --output site")),
    ("DIR and --leaderboards DIR name the same", "leaderboard check boards --leaderboards boards", (ADD, "leaderboard check --leaderboards boards")),
    ("without --group lists the groups", "leaderboard show shapes-gen --group nothing", "leaderboard show shapes-gen"),
    ("is a file: give a folder for --output", "leaderboard build --output gen.toml", (ADD, "leaderboard build --leaderboards boards --output site")),
    ("names a file and no callable in it", EVALUATE.replace("noise", "plug.py"), EVALUATE.replace("noise", "plug.py:load")),
    ("of --model {}: check its path", EVALUATE.replace("noise", "no.py:load"), EVALUATE.replace("noise", "plug.py:load")),
    ("go to its folder and give", EVALUATE.replace("noise", "both/../plug.py:load"), EVALUATE.replace("noise", "plug:load")),
    ("use longer clips or a smaller --num-frames", f"{MEASURE} 16", f"{MEASURE} 12"),
    ("remove it or use a smaller --num-frames", OF_FOLDER.format("frames").replace(" 12 ", " 13 "), OF_FOLDER.format("frames")),
    ("leave one kind out, such as --ignore", OF_FOLDER.format("mixed"), f"{OF_FOLDER.format('mixed')} --ignore *.mp4"),
    ("move or remove them, or leave them out with --ignore", OF_FOLDER.format("nested"), f"{OF_FOLDER.format('nested')} --ignore a*.png"),
    ("so its place is unclear", OF_FOLDER.format("strange"), f"{OF_FOLDER.format('strange')} --ignore cover.png"),
    ("; remove or rename one, or leave one out", OF_FOLDER.format("twins"), f"{OF_FOLDER.format('twins')} --ignore 0.mkv"),
    ("are links to those in", OF_FOLDER.format("linked"), f"{OF_FOLDER.format('linked')} --ignore f2"),
    ("; repair, convert, move or remove it", OF_FOLDER.format("dangling"), f"{OF_FOLDER.format('dangling')} --ignore 9.mp4"),
    ("separate them, or leave some out with --ignore", f"{SCORE} mixed", f"{SCORE} mixed --ignore 0.mp4"),
    ("so the samples are unclear; move or remove it", f"{SCORE} loose", f"{SCORE} loose --ignore cover.png"),
    ("samples are folders of images directly in", f"{SCORE} inside", f"{SCORE} inside --ignore 0.mp4"),
    ("lower --num-samples or complete the data folder", f"{VIDEOS} static --data both", f"{VIDEOS} static --data both --num-samples 2"),
    ("complete the data folder or lower --num-samples", f"evaluate --model copy {PREDICT}", f"evaluate --model copy {PREDICT} --num-samples 2"),
    ("too few for a covariance", f"{EVALUATE} --num-samples 1", f"{EVALUATE} --num-samples 2"),
    ("is not a multiple of {}", "evaluate --model copy --task several.toml --output out --num-samples 3", "evaluate --model copy --task several.toml --output out --num-samples 4"),
    ("that one result can have: lower --num-samples", f"{EVALUATE} --num-samples 99999999", f"{EVALUATE} --num-samples 6"),
    ("but not a statistics file: create one with", f"{VIDEOS} noise --reference WEIGHTS", ("data statistics --task folder.toml --data both --no-bounds --output t.safetensors", f"{VIDEOS} noise --reference t.safetensors")),
    ("holds no statistics of real clips", "measure six.npy --metric fvd-shapes --num-frames 12 --real-statistics nine.npy", (STATISTICS, "measure six.npy --metric fvd-shapes --num-frames 12 --real-statistics s.safetensors")),
    ("There is no file of statistics at", "measure six.npy --metric fvd-shapes --num-frames 12 --real-statistics nowhere.safetensors", (STATISTICS, "measure six.npy --metric fvd-shapes --num-frames 12 --real-statistics s.safetensors")),
    ("SAMPLES is missing: --real-statistics takes", "measure --metric fvd-shapes --num-frames 12 --real-statistics clips.safetensors", (STATISTICS, "measure six.npy --metric fvd-shapes --num-frames 12 --real-statistics s.safetensors")),
    ("holds statistics of clips for", f"{VIDEOS} noise --reference clips.safetensors", ("data statistics --task folder.toml --data both --no-bounds --output t.safetensors", f"{VIDEOS} noise --reference t.safetensors")),
    ("There is no torch device", EVALUATE.replace("cpu", "nonsense"), EVALUATE),
    ("because all processors are one device", EVALUATE.replace("cpu", "cpu:1"), EVALUATE),
    ("does not compute clips: use --device", EVALUATE.replace("cpu", "meta"), EVALUATE),
    ("because torch sees no GPU", EVALUATE.replace("cpu", "cuda"), EVALUATE),
)  # fmt: skip

# Sentences that are not followed here, with the reason.
NOT_FOLLOWED = {
    "The GPU is out of memory": "needs a GPU that is full",
    "because RANK and WORLD_SIZE are not set": "needs a cluster's launcher",
    "start it without torchrun": "needs torchrun; tests/vidbench/distributed/test_launcher.py",
    "sees {} of them, from 0": "needs a GPU",
    "is an installed package, not a checkout": "needs an installed wheel",
    "is not a vidbench command: start it with": "a file of several commands; tests/vidbench/cli/test_together.py",
    "use --resolution to resize all of them": "found while clips are read; tests/vidbench/jobs/test_measure.py",
    "so check --data": "says to check what was given and names nothing else",
    "check --data or fetch the data": "says to check what was given and names nothing else",
    "with --data DIR when running a task": "a miniature of UCF-101; tests/vidbench/data/layouts/test_layouts.py",
    "choose a model of that kind (`vidbench models list`)": "tests/end_to_end/test_rollouts_and_actions.py chooses models of each kind",
    "There are no files like '0/NAME": "miniatures of TECO's folders; tests/vidbench/data/layouts/test_teco.py",
    "traj_0_to_255.tfrecords": "a miniature of BAIR; tests/vidbench/data/layouts/test_bair.py",
    "aachen_000000_000019_leftImg8bit.png": "a miniature of Cityscapes; tests/vidbench/data/layouts/test_frame_files.py",
    "is not named like a clip of SkyTimelapse": "a miniature of SkyTimelapse; tests/vidbench/data/layouts/test_frame_files.py",
    "and class folders number the classes": "needs a folder that its owner cannot read",
    "The scan journal {} cannot be read": "tests/abuse/test_other_kinds.py makes every kind of one",
    "changed since it was scanned": "a scan and a change; tests/vidbench/data/scan/test_scan.py",
    "run `vidbench data scan` again": "a warning; tests/vidbench/data/scan and seek scan again",
    "run `vidbench data scan --full` again": "tests/vidbench/data/test_changing_videos.py",
    "so {} cannot be compared: add --by names": "needs two lists; tests/vidbench/data/leaks/test_search.py",
    "are the same: give two, or the splits of a task with --task": "tests/end_to_end/test_overlap.py",
    "There is one side: give a second folder or list": "tests/end_to_end/test_overlap.py",
    "What `vidbench data overlap` found, noted in": "a warning; tests/end_to_end/test_overlap.py",
    "Results do not say that this was checked": "needs a search; tests/end_to_end/test_overlap.py",
    "has finished clips of an interrupted run": "tests/end_to_end/test_interrupted.py repeats its command",
    "is not empty and holds no rehearsal": "a rehearsal takes minutes",
    "--log {} needs a package that is not installed": "depends on what is installed",
    "`vidbench leaderboard check` lists every fault": "tests/vidbench/leaderboard/test_check.py",
    "are two ways to make a row again": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "was printed in a paper, so there is nothing": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "is of stored samples, whose digest begins with": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "which is not registered here: give it with": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "and names no stored samples": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "has {}, and the {} has {}: give the one that was measured, as": "needs a result; tests/vidbench/jobs/test_reproduce.py",
    "--max-regression compares a new result with an earlier one": "asks for two results; tests/vidbench/results/test_comparison_matrix.py",
    "give --task, or --train with --held-out": "needs clips; tests/vidbench/jobs/test_nearest_clips.py",
    "name a task with --task, or a folder with --train": "needs clips; tests/vidbench/jobs/test_nearest_clips.py",
    "in which features to search: name a network with --network": "needs clips; tests/vidbench/jobs/test_nearest_clips.py",
    "has features: name a network with --network": "no shipped task is without a network",
    "choose another --network, or clips of another length": "needs clips; tests/vidbench/jobs/test_nearest_clips.py",
    "are two ways to make a result again": "needs a result; tests/vidbench/jobs/test_reproduce.py",
    "which does not ship: give its file with --task": "needs a result; tests/vidbench/jobs/test_reproduce.py",
    "used a file of reference statistics, whose digest": "needs a result; tests/vidbench/jobs/test_reproduce.py",
    "used no file of reference statistics: omit": "needs a result; tests/vidbench/jobs/test_reproduce.py",
    "holds another {}: choose": "needs a result or a row; tests/vidbench/jobs/test_reproduce.py, test_row_verification.py",
    "is not empty and holds no {}: choose": "needs a result or a row; tests/vidbench/jobs/test_reproduce.py, test_row_verification.py",
    ": remove {} or choose another --output": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "; give the same data with --data": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "`vidbench leaderboard verify` writes it": "found by `check`; tests/vidbench/jobs/test_row_verification.py",
    "has no stored log to repeat": "needs a row; tests/vidbench/jobs/test_row_verification.py",
    "give the model another name with --name": "tests/vidbench/leaderboard/test_adding.py",
    "something other than a leaderboard site": "tests/vidbench/leaderboard/pages",
    "The board has no rows yet": "every shipped board has rows",
    "of --model needs '{}', which is not installed": "names a package of the model's author",
    "choose one that `vidbench models list` marks": "from Python only: the command says it before",
    "needs held-out clips from the harness": "from Python only",
    "and the statistics file does not contain them": "tests/vidbench/scoring/test_reference_file.py",
    "and a statistics file does not contain their names": "tests/vidbench/scoring/test_reference_file.py",
    "are needed, and a statistics file contains none": "tests/vidbench/scoring/test_reference_file.py",
    "in which nothing protects the metadata": "a file of an earlier version",
    "never taken from a file: omit --reference": "tests/vidbench/jobs/test_statistics.py",
    "`vidbench data freeze` wrote": "tests/vidbench/tasks/test_frozen_lists.py",
    "with a file of `vidbench data freeze`": "tests/vidbench/tasks/test_frozen_lists.py",
    "and only a scan compares them with those of": "tests/vidbench/jobs/test_freeze.py scans and opens",
    "and only a scan knows which videos are usable": "tests/vidbench/jobs/test_freeze.py scans and freezes",
    "and a statistics file contains no frames": "tests/vidbench/scoring/test_reference_file.py",
    "and a statistics file does not contain them": "tests/vidbench/scoring/test_reference_file.py",
    "gives each sample a caption of a held-out clip": "tests/vidbench/scoring/test_reference_file.py",
    "and the statistics contain none": "tests/vidbench/scoring/test_reference_file.py",
    "contains only means and covariances": "tests/vidbench/scoring/test_reference_file.py",
    "or `vidbench weights import PATH` if you have them": "needs the network",
    "are not here; `vidbench weights fetch {}` brings them": "needs the network",
    "use `vidbench weights fetch`, or give": "needs the network",
    "requires network access": "needs the network",
    "or fetch without --via": "needs the network",
    "that `vidbench train --model dvdgan` wrote": "a training run; tests/dvdgan trains and samples",
    "that `vidbench train --model {}` wrote": "a training run; tests/dvdgan trains and samples",
    "or train one with `vidbench train --model dvdgan": "a training run; tests/dvdgan trains and samples",
    "holds a generator of architecture": "from Python only: `--model dvdgan:FILE` finds its class",
    "ships for task '{}'; train one (": "a training run; tests/dvdgan trains and samples",
    "is not what the run in {} was trained on": "a training run; tests/dvdgan/training",
    "Nothing matches --ignore": "a remark, no error",
    "name it with --data DIR (docs/data.md)": "a line of the list of what a run lacks; tests/vidbench/scoring/test_needs.py",
    "from {}, then --data DIR": "a line of the list of what a run lacks; tests/vidbench/scoring/test_needs.py",
    "try the whole path without them": "a line of the list of what a run lacks; a rehearsal takes minutes",
    "can run with --data DIR": "a line of `vidbench doctor`",
    "is of `vidbench measure`, whose numbers have no protocol": "asks for another kind of file; tests/vidbench/results/test_schema.py",
    "vidbench data scan DIR --task {}": "a line of `vidbench doctor`",
    "`vidbench tasks show` prints it in words": "a description in a file",
    "--{}/--no-{}": "the name of an option",
}  # fmt: skip


def _text(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
    return None


def sentences():
    """Every text in the sources that is raised, returned, refused or warned with, and names an option or a command."""
    found = {}
    for folder in ("vidbench", "metrics/vidmetrics", "baselines/dvdgan"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = isinstance(node, ast.Call) and getattr(node.func, "id", "").startswith(("refuse", "warn"))
                if not (called or isinstance(node, ast.Raise | ast.Return)):
                    continue
                inner = list(ast.walk(node))
                parts = {id(part) for each in inner if isinstance(each, ast.JoinedStr) for part in ast.walk(each)}
                parts -= {id(each) for each in inner if isinstance(each, ast.JoinedStr)}
                for each in inner:
                    if id(each) not in parts and (text := _text(each)) and ADVISES.search(text):
                        found.setdefault(text, path.relative_to(ROOT).as_posix())
    return found


def test_every_sentence_that_advises_is_followed_or_says_why_not():
    known = [fragment for fragment, _, _ in FOLLOWED] + list(NOT_FOLLOWED)
    found = sentences()
    unknown = [f"{path}: {text}" for text, path in found.items() if not any(fragment in text for fragment in known)]
    assert not unknown, "\n".join(["add them to FOLLOWED, or to NOT_FOLLOWED with the reason:", *unknown])
    gone = [fragment for fragment in known if not any(fragment in text for text in found)]
    assert not gone, gone


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder of small inputs, which each test copies."""
    folder = tmp_path_factory.mktemp("inputs")
    size = {"num_samples": 6, "metrics": ("fvd-shapes",)}
    (folder / "gen.toml").write_text(task_text("tiny-gen", num_clips=12, **size))
    of_folder = {
        "num_clips": "all",
        "labels": "none",
        "dataset": "folder",
        "resize": "pil-box",
        "crop": "center",
        **size,
    }
    (folder / "folder.toml").write_text(task_text("tiny-folder", **of_folder))
    predicted = task_text("tiny-pred", num_frames=16, context_frames=5, more='ceiling = "copy"', **of_folder)
    (folder / "pred-folder.toml").write_text(predicted)
    several = prediction_text("tiny-several", 12, 6, 'samples_per_context = 2\nceiling = "copy"')
    (folder / "several.toml").write_text(several)
    clips = np.random.default_rng(0).integers(0, 256, (9, 12, 32, 32, 3), np.uint8)
    np.save(folder / "nine.npy", clips)
    Statistics(("fvd-shapes",), 9, (12, 32, 32), {}, {}, {}).save(folder / "clips.safetensors")
    np.save(folder / "six.npy", clips[:6])
    np.save(folder / "small.npy", clips[:, :, ::2, ::2])
    np.savez(folder / "labelled.npz", samples=clips[:6], labels=np.full(6, 3))
    (folder / "plug.py").write_text(
        "def load(checkpoint, task, device):\n    class Model:\n        def sample(self, request):\n            raise NotImplementedError\n    return Model()\n"
    )
    write_video(folder / "both" / "train" / "0.mp4", 0, count=20)
    for place in (
        "both/train/1",
        "both/test/2",
        "both/test/3",
        "half/test/2",
        "half/test/3",
        "videos/0",
        "videos/1",
        "mixed/0",
        "twins/0",
        "dangling/0",
        "dangling/1",
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "both" / "train" / "0.mp4", folder / f"{place}.mp4")
    for place in (
        "mixed/f1",
        "mixed/f2",
        "frames/f1",
        "frames/f2",
        "nested/f1",
        "nested/f2",
        "strange/f1",
        "strange/f2",
        "linked/f1",
        "linked/f3",
        "inside/f1",
        "inside/f2",
    ):
        _frames(folder / place, clips, "b")
    _frames(folder / "nested", clips, "a")
    shutil.copy(folder / "videos" / "0.mp4", folder / "inside" / "f1" / "0.mp4")
    (folder / "linked" / "f2").mkdir()
    for image in sorted((folder / "linked" / "f1").iterdir()):
        (folder / "linked" / "f2" / image.name).symlink_to(Path("..", "f1", image.name))
    write_video(folder / "loose" / "0.mp4", 0, count=12)
    for place in ("strange/f1", "loose"):
        Image.fromarray(clips[0, 0]).save(folder / place / "cover.png")
    shutil.copy(folder / "twins" / "0.mp4", folder / "twins" / "0.mkv")
    shutil.copy(folder / "twins" / "0.mp4", folder / "twins" / "1.mp4")
    (folder / "dangling" / "9.mp4").symlink_to("nowhere")
    (folder / "taken").mkdir()
    (folder / "taken" / "measurement.json").write_text("{}")
    shutil.copy(folder / "gen.toml", folder / "taken" / "task.toml")
    return folder


def _frames(folder, clips, start):
    folder.mkdir(parents=True, exist_ok=True)
    offset = sum(map(ord, folder.as_posix()[-12:])) % len(clips)
    for time, frame in enumerate(clips[offset]):
        Image.fromarray(frame).save(folder / f"{start}{time:02d}.png")


@pytest.mark.parametrize(("fragment", "before", "after"), FOLLOWED, ids=[fragment for fragment, _, _ in FOLLOWED])
def test_advice_that_is_followed_does_not_end_in_the_same_error(
    fragment, before, after, inputs, tmp_path, monkeypatch, result_document
):
    if "no GPU" in fragment and torch.cuda.is_available():
        pytest.skip("there is a GPU")

    def begins(*arguments, **options):
        raise InputError("The work begins.")

    for name in WORK:
        monkeypatch.setattr(name, classmethod(begins) if name.endswith(".train") else begins)
    here = tmp_path / "here"
    shutil.copytree(inputs, here, symlinks=True)
    (here / "result.json").write_text(json.dumps(result_document))
    monkeypatch.syspath_prepend(here)

    def ended(line):
        return run(*line.replace("WEIGHTS", str(default_weights("shapes"))).split(), cwd=here)

    # The longest part of the sentence without what is filled in.
    part = max(re.split(r"\{\}", fragment), key=len)
    first = ended(before)
    assert first.returncode == 2, first.stdout
    assert part in first.stderr
    *others, last = [after] if isinstance(after, str) else after
    for line in others:
        made = ended(line)
        assert made.returncode == 0, made.stderr
    second = ended(last)
    assert part not in second.stderr
    assert second.returncode in (0, 1) or "The work begins." in second.stderr or "samples in" in second.stderr, (
        second.stderr
    )
