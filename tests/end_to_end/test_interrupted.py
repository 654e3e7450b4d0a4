"""Every command that says that it resumes does: it keeps what it has finished, and ends with the bytes of a calm run."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import operator
from pathlib import Path

import pytest

from tests.abuse.faults.commands import COMMANDS, outcome
from tests.task_texts import task_text
from vidbench.cli import RESUMING, run_command

# The function that keeps one finished part, the parts of a whole run, and what makes the parts small.
UNITS = {
    "data export npy": ("vidbench.jobs.export.note_chunk", 3, {"vidbench.samples.exchange._SHARD_BYTES": 2 * 16 * 32 * 32 * 3}),
    "data scan": ("vidbench.data.scan.division.append_finding", 2, {}),
    "data statistics": ("vidbench.scoring.features.FeatureStore.write", 4, {}),
    "evaluate": ("vidbench.scoring.features.FeatureStore.write", 6, {}),
    "measure": ("vidbench.scoring.features.FeatureStore.write", 2, {}),
    "sample npy": ("vidbench.jobs.sample_chunks.note_chunk", 3, {"vidbench.samples.exchange._SHARD_BYTES": 12 * 32 * 32 * 3}),
    "sample png": ("vidbench.jobs.sample_chunks.note_chunk", 2, {"vidbench.jobs.sample_chunks._FILES_PER_CHUNK": 1}),
    "sample gif": ("vidbench.jobs.sample_chunks.note_chunk", 2, {"vidbench.jobs.sample_chunks._FILES_PER_CHUNK": 1}),
    "sample mp4": ("vidbench.jobs.sample_chunks.note_chunk", 2, {"vidbench.jobs.sample_chunks._FILES_PER_CHUNK": 1}),
    "score": ("vidbench.scoring.features.FeatureStore.write", 6, {}),
    "weights fetch": ("vidmetrics.weights.part_file.PartFile.append", 3, {"vidmetrics.weights.fetch._CHUNK": 1000}),
}  # fmt: skip
# A shard is finished when its features and what the validity panel found of it are written.
TOGETHER = {"evaluate": 2, "score": 2}
# Interrupted in a process that has its networks already, which saves half a minute.
ELSEWHERE = {
    "nearest": "tests/vidbench/jobs/test_nearest_clips.py",
    "reproduce": "tests/vidbench/jobs/test_reproduce.py",
    "train": "tests/dvdgan/training/test_interruption.py",
}
BY_NAME = {command.name: command for command in COMMANDS}


def target_of(name):
    """The holder and the attribute of a dotted name."""
    *path, attribute = name.split(".")
    for count in range(len(path), 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            holder = importlib.import_module(".".join(path[:count]))
            return operator.attrgetter(".".join(path[count:]))(holder) if path[count:] else holder, attribute
    raise LookupError(name)


def ended(line):
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        code = run_command(line.split())
    return code, err.getvalue()


def test_each_command_that_says_so_is_interrupted_here():
    said = {name for name in RESUMING if any(each == name or each.startswith(f"{name} ") for each in UNITS)}
    assert said | set(ELSEWHERE) == RESUMING
    assert all(Path(__file__).resolve().parents[2].joinpath(file).is_file() for file in ELSEWHERE.values())


@pytest.mark.parametrize("name", UNITS)
def test_an_interrupted_command_resumes(name, tmp_path, monkeypatch):
    command, (keeps, parts, small) = BY_NAME[name], UNITS[name]
    for place, value in small.items():
        monkeypatch.setattr(*target_of(place), value)
    holder, attribute = target_of(keeps)
    keep, kept = getattr(holder, attribute), []

    def counted(*arguments, **named):
        if limit is not None and len(kept) == limit:
            raise KeyboardInterrupt
        result = keep(*arguments, **named)
        kept.append(1)
        return result

    monkeypatch.setattr(holder, attribute, counted)
    folders = [tmp_path / "calm", tmp_path / "interrupted"]
    for folder in folders:
        folder.mkdir()
        command.prepare(folder)

    def run(folder):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("VIDBENCH_HOME", str(folder / "home"))
        return ended(command.line)

    limit = None
    with command.around():
        assert run(folders[0])[0] == 0
    assert len(kept) == parts
    kept.clear()
    limit = TOGETHER.get(name, 1)
    with command.around():
        code, said = run(folders[1])
        assert code == 130
        assert "run the same command again to resume" in said.splitlines()[-1]
        limit = None
        assert run(folders[1])[0] == 0
    assert len(kept) == parts, "what was finished is not made again"
    assert outcome(folders[1]) == outcome(folders[0])


def test_a_command_that_keeps_nothing_does_not_say_so(monkeypatch, tmp_path):
    def stopped(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("vidbench.results.comparison.load", stopped)
    code, said = ended("compare a b")
    assert (code, said.splitlines()[-1]) == (130, "Interrupted: the same command begins again.")


@pytest.fixture
def unfinished(tmp_path, monkeypatch):
    """The folder of interrupted samples with one finished shard of two clips; and the command."""
    monkeypatch.setattr("vidbench.samples.exchange._SHARD_BYTES", 2 * 12 * 32 * 32 * 3)
    monkeypatch.chdir(tmp_path)
    Path("gen.toml").write_text(task_text("tiny-gen", num_clips=4, num_samples=6, metrics=("fvd-shapes",)))
    from vidbench.jobs import sample_chunks

    keep, line = sample_chunks.note_chunk, "sample --model noise --task gen.toml --output out --batch-size 3"

    def once(path, number, note):
        if number:
            raise KeyboardInterrupt
        keep(path, number, note)

    with monkeypatch.context() as stopped:
        stopped.setattr(sample_chunks, "note_chunk", once)
        assert ended(line)[0] == 130
    assert not Path("out").exists()
    return Path(".out.partial"), line


def test_samples_of_another_command_are_never_deleted(unfinished):
    folder, line = unfinished
    before = (folder / "samples-00000.npy").read_bytes()
    for more, what in ((" --seed 5", "seed"), (" --num-samples 4", "number of samples"), (" --format gif", "format")):
        code, said = ended(line + more)
        assert code == 2
        assert f"an interrupted run with another {what}: repeat its command to finish them, remove that folder" in said
    code, said = ended(line.replace("noise", "static"))
    assert (code, "another clips, model:" in said) == (2, True)
    assert (folder / "samples-00000.npy").read_bytes() == before
    assert ended(line)[0] == 0
    assert not folder.exists()


def test_a_damaged_shard_is_made_again_and_another_batch_size_resumes(unfinished):
    folder, line = unfinished
    assert ended(line.replace(" out", " calm"))[0] == 0
    content = bytearray((folder / "samples-00000.npy").read_bytes())
    content[-1] ^= 1
    (folder / "samples-00000.npy").write_bytes(content)
    code, said = ended(line.replace("--batch-size 3", "--batch-size 4"))
    assert code == 0
    assert "samples-00000.npy', left by an interrupted run, is damaged and will be made again." in said
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == ["manifest.json", "samples-00000.npy", "samples-00001.npy", "samples-00002.npy"]
    assert all(Path("out", name).read_bytes() == Path("calm", name).read_bytes() for name in names)


def test_what_cannot_be_kept_is_said(tmp_path, monkeypatch):
    """A model that reads files nobody knows of: its finished clips may be of other files, so nothing is resumed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("vidbench.samples.exchange._SHARD_BYTES", 2 * 12 * 32 * 32 * 3)
    Path("gen.toml").write_text(task_text("tiny-gen", num_clips=4, num_samples=6, metrics=("fvd-shapes",)))
    Path("level.json").write_text(json.dumps(7))
    Path("reads_a_file.py").write_text(
        "import json\nimport numpy as np\nclass Model:\n    left = 0\n    def sample(self, request):\n"
        "        Model.left -= 1\n        if Model.left < 0:\n            raise KeyboardInterrupt\n"
        "        value = json.load(open('level.json'))\n"
        "        return np.full((len(request.seeds), 12, 32, 32, 3), value, np.uint8)\n"
        "def load(checkpoint, task, device):\n    return Model()\n"
    )
    model = importlib.import_module("reads_a_file").Model
    for line in (
        "sample --model reads_a_file:load --task gen.toml --output out --batch-size 2",
        "evaluate --model reads_a_file:load --task gen.toml --output out --batch-size 64 --num-samples 66",
    ):
        model.left = 1
        code, said = ended(line)
        assert code == 130
        assert said.splitlines()[-1].startswith("Interrupted: it read '")
        assert "level.json' while it was sampled, so what is finished cannot be kept; the same command begins" in said
        assert not Path(".out.partial").exists()
