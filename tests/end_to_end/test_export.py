"""`vidbench data export`, an external sampler, and `vidbench score`: samples that answer something else are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import vidbench
from tests.forked import Ended, run_python
from tests.task_texts import task_text
from vidbench.data import open_evaluation, open_split
from vidbench.errors import InputError
from vidbench.jobs.export import ExportOptions, export_task
from vidbench.jobs.sample import SampleOptions, sample_model
from vidbench.progress import Progress
from vidbench.samples.exchange import open_samples
from vidbench.samples.export_folder import ExportManifest, open_export
from vidbench.samples.manifest import SamplesManifest
from vidbench.samples.pairing import check_answers
from vidbench.tasks import load_task

ROOT = Path(__file__).parents[2]
QUIET = Progress(enabled=False)
PREDICTION = task_text(
    "tiny-pred",
    context_frames=4,
    num_clips=20,
    num_samples=20,
    labels="none",
    metrics=("fvd-shapes",),
    more='ceiling = "copy"\n',
).replace("version = 1", "version = 3")


@pytest.fixture
def task(tmp_path, monkeypatch) -> str:
    """A prediction task without a data folder; everything is written in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "tiny.toml").write_text(PREDICTION)
    return "tiny.toml"


def export(task: str, output: str = "export", **options) -> Path:
    export_task(task, ExportOptions(output=Path(output), **options), QUIET)
    return Path(output)


def answer(folder: str | Path = "export", output: str = "answers") -> Path:
    """Repeat the last context frame."""
    opened = open_export(folder)
    with opened.writer(Path(output)) as writer:
        for request in opened.batches(7):
            writer.add(np.repeat(request.context_NTHWC[:, -1:], request.num_frames, axis=1), request.labels)
    return Path(output)


def edit(folder: Path, change) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def refuse(task: str, samples: str | Path, *words: str, **options) -> None:
    with pytest.raises(InputError) as caught:
        vidbench.score(task, samples, output="scored", **options)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert not Path("scored", "result.json").exists()


def test_an_export_holds_the_clips_of_the_task(task):
    export(task, targets=True)
    opened = open_export("export")
    whole = open_split(load_task(task).task, "test", None, 20).read(np.arange(20))
    requests = list(opened.batches(6))
    assert [len(request.indices) for request in requests] == [6, 6, 6, 2]
    np.testing.assert_array_equal(np.concatenate([request.context_NTHWC for request in requests]), whole[:, :4])
    np.testing.assert_array_equal(opened.targets.read(np.arange(20)), whole[:, 4:])
    manifest = opened.manifest
    assert (manifest.task.name, manifest.task.version) == ("tiny-pred", 3)
    assert (manifest.num_frames, manifest.context_frames, manifest.labels) == (8, 4, None)
    assert manifest.answers.ids == tuple(f"test#{number}" for number in range(20))
    assert len(set(manifest.seeds)) == 20
    # The targets score exactly the floor, bit for bit.
    scored = vidbench.score(task, "export/targets", output="scored")
    assert scored.metrics["fvd-shapes"].value == scored.metrics["fvd-shapes"].floor
    assert len(scored.reasons) == 1


def test_frames_are_the_same_in_either_form(task):
    for kind in ("npy", "png"):
        export(task, kind, kind=kind, targets=True)
    a, b = open_export("npy"), open_export("png")
    assert a.manifest == b.manifest
    for x, y in zip(a.batches(5), b.batches(5), strict=True):
        np.testing.assert_array_equal(x.context_NTHWC, y.context_NTHWC)
    np.testing.assert_array_equal(a.targets.read(np.arange(20)), b.targets.read(np.arange(20)))


def test_answers_from_elsewhere_score_as_the_model_itself(task):
    export(task)
    answer()
    scored = vidbench.score(task, "answers", output="scored")
    evaluated = vidbench.evaluate("copy", task, output="evaluated")
    assert scored.metrics == evaluated.metrics
    assert scored.reasons == evaluated.reasons == (scored.reasons[0],)
    assert "user's own" in scored.reasons[0]
    sample_model("copy", task, SampleOptions(output=Path("sampled"), batch_size=7, device="cpu"), QUIET)
    assert json.loads(Path("sampled/manifest.json").read_text()) == json.loads(
        Path("answers/manifest.json").read_text()
    )


def test_samples_without_ids_are_scored_and_called_unofficial(task):
    export(task)
    answer()
    np.save("bare.npy", open_samples(Path("answers")).read(np.arange(20)))
    scored = vidbench.score(task, "bare.npy", output="scored")
    assert "do not state the task's fingerprint, the ids of the clips" in scored.reasons[-1]
    with_ids = vidbench.score(task, "answers", output="with-ids")
    assert scored.metrics == with_ids.metrics
    edit(Path("answers"), lambda manifest: manifest["answers"].update(context_sha256=None, seed=5))
    reasons = vidbench.score(task, "answers", output="less").reasons
    assert any("do not state the digests of the context frames, so" in reason for reason in reasons)
    assert any("seed 5" in reason for reason in reasons)


def test_what_answers_something_else_is_refused(task):
    export(task)
    other = PREDICTION.replace("version = 3", "version = 4")
    Path("other.toml").write_text(other)
    refuse("other.toml", answer(), "'tiny-pred' (version 3)", "(version 4)")

    def swap(manifest) -> None:
        ids = manifest["answers"]["ids"]
        ids[2], ids[5] = ids[5], ids[2]

    edit(answer(output="shuffled"), swap)
    refuse(task, "shuffled", "same clips in another order", "number 2 is 'test#5' instead of 'test#2'")
    edit(answer(output="foreign"), lambda manifest: manifest["answers"]["ids"].__setitem__(3, "test#99"))
    refuse(task, "foreign", "not the same clips", "'test#99'")
    edit(answer(output="data"), lambda manifest: manifest["answers"].update(data_sha256="ab" * 32))
    refuse(task, "data", "other data", "abababababab")
    edit(answer(output="split"), lambda manifest: manifest["answers"].update(split="val"))
    refuse(task, "split", "split 'val'", "'test'")
    edit(answer(output="count"), lambda manifest: manifest["answers"]["ids"].pop())
    refuse(task, "count", "num_samples is 20 but answers.ids has 19 entries")
    for place in (0, 19):
        # The first mismatch is found at once, the last while clips are read.
        name = f"context-{place}"
        edit(answer(output=name), lambda manifest: manifest["answers"]["context_sha256"].__setitem__(place, "0" * 64))  # noqa: B023
        refuse(task, name, f"Sample {place} continues other frames")
    export(task, "fewer", num_samples=15)
    refuse(task, answer("fewer", "fewer-answers"), "15 samples", "exactly 20")
    # Embedded data with another count is different data, so only the matching count is accepted.
    assert vidbench.score(task, "fewer-answers", output="ok", num_samples=15).metrics["fvd-shapes"].num_samples == 15


def test_classes_in_another_order_are_refused():
    task = load_task("shapes-gen").task
    evaluation = open_evaluation(task, None, 48)
    from vidbench.samples.manifest import SamplesManifest, Shard
    from vidbench.samples.pairing import task_answers, task_stamp

    answers = task_answers(task, evaluation, 48, 0, None)
    assert (answers.ids, answers.data_sha256) == (None, None)

    def manifest(names: tuple[str, ...]) -> SamplesManifest:
        return SamplesManifest(
            format="vidbench-samples",
            version=1,
            num_samples=48,
            num_frames=12,
            height=32,
            width=32,
            dtype="uint8",
            task=task_stamp(task),
            answers=answers.model_copy(update={"class_names": names}),
            shards=(Shard(file="a.npy", num_samples=48, sha256="0" * 64),),
        )

    names = evaluation.class_names
    assert check_answers(manifest(names), Path("x"), task, evaluation, 48) == ()
    for wrong, word in (
        ((names[1], names[0], *names[2:]), "number 0"),
        (names[:-1], "23 are named but there are 24"),
    ):
        with pytest.raises(InputError, match=word):
            check_answers(manifest(wrong), Path("x"), task, evaluation, 48)


def test_a_generation_task_hands_out_labels_and_seeds(task):
    Path("gen.toml").write_text(task_text("tiny-gen", num_clips=20, num_samples=50, metrics=("fvd-shapes",)))
    export("gen.toml", "gen")
    opened = open_export("gen")
    assert sorted(path.name for path in Path("gen").iterdir()) == ["export.json"]
    assert opened.manifest.labels == tuple(number % 24 for number in range(50))
    (request,) = opened.batches(64)
    assert (request.context_NTHWC, request.num_frames, request.labels[25]) == (None, 12, 1)
    with opened.writer(Path("answers")) as writer:
        writer.add(
            np.zeros((50, 12, 32, 32, 3), np.uint8) + request.labels.reshape(-1, 1, 1, 1, 1).astype(np.uint8),
            request.labels,
        )
    reasons = vidbench.score("gen.toml", "answers", output="scored").reasons
    assert len(reasons) == 1
    assert "user's own" in reasons[0]
    with pytest.raises(InputError, match="has no context frames"):
        export("gen.toml", "no", targets=True)
    assert not Path("no").exists()
    assert not Path(".no.partial").exists()


@pytest.mark.parametrize("kind", ["npy", "png"])
def test_an_interrupted_export_is_resumed_and_gives_the_same(task, monkeypatch, kind):
    export(task, "calm", kind=kind, targets=True)
    monkeypatch.setattr("vidbench.samples.exchange._SHARD_BYTES", 5 * 12 * 32 * 32 * 3)
    export(task, "calm-small", kind=kind, targets=True)
    from vidbench.data.shapes.dataset import ShapesDataset

    real, read = ShapesDataset.read, []

    def stopping(self, indices):
        if len(read) >= 2:
            raise KeyboardInterrupt
        read.append(indices[0])
        return real(self, indices)

    with monkeypatch.context() as stopped:
        stopped.setattr(ShapesDataset, "read", stopping)
        with pytest.raises(KeyboardInterrupt):
            export(task, kind=kind, targets=True)
    assert not Path("export").exists()
    # A partial file, as left by a kill.
    (Path(".export.partial") / "context" / ".samples-00002.npy.x.npy").write_bytes(b"half")
    read.clear()
    monkeypatch.setattr(ShapesDataset, "read", lambda self, indices: read.append(indices[0]) or real(self, indices))
    export(task, kind=kind, targets=True)
    assert read == [10, 15], "finished files are not made again"
    assert not Path(".export.partial").exists()
    files = sorted(path.relative_to("export") for path in Path("export").rglob("*") if path.is_file())
    assert files == sorted(path.relative_to("calm-small") for path in Path("calm-small").rglob("*") if path.is_file())
    for file in files:
        assert Path("export", file).read_bytes() == Path("calm-small", file).read_bytes(), file
    assert open_export("export").manifest == open_export("calm").manifest
    with pytest.raises(InputError, match="already exists"):
        export(task)


def test_labels_that_the_data_does_not_have_are_refused_before_a_clip_is_read(tmp_path, monkeypatch, task):
    from vidbench.data.shapes.dataset import ShapesDataset
    from vidbench.jobs import export as job

    def without_labels(*arguments):
        clips = clips_to_answer(*arguments)
        clips.labels, clips.class_names = None, ()
        return clips

    clips_to_answer = job.clips_to_answer
    monkeypatch.setattr(job, "clips_to_answer", without_labels)
    monkeypatch.setattr(ShapesDataset, "read", lambda self, indices: pytest.fail("a clip was read"))
    labelled = tmp_path / "labelled.toml"
    labelled.write_text(PREDICTION.replace('labels = "none"', 'labels = "evaluation"'))
    with pytest.raises(InputError, match="its data has no labels"):
        export(str(labelled))
    assert not Path("export").exists()
    assert not Path(".export.partial").exists()


def test_what_was_left_by_another_export_is_not_used(task, monkeypatch):
    from vidbench.data.shapes.dataset import ShapesDataset

    Path(".export.partial/context").mkdir(parents=True)
    Path(".export.partial/plan.json").write_text("{}")
    np.save(".export.partial/context/samples-00000.npy", np.zeros((20, 4, 32, 32, 3), np.uint8))
    export(task)
    expected = ShapesDataset("test", 20, 12, 32, 32).read(np.arange(20))[:, :4]
    np.testing.assert_array_equal(open_export("export").context.read(np.arange(20)), expected)


def test_a_changed_export_is_refused_where_it_is_answered(task):
    export(task, kind="png")
    image = next(Path("export/context").rglob("00002.png"))
    shutil.copyfile(Path("export/context/000019/00003.png"), image)
    with pytest.raises(InputError, match="differ from the exported ones"):
        list(open_export("export").batches())
    shutil.rmtree("export/context/000007")
    with pytest.raises(InputError, match="19 clips"):
        list(open_export("export").batches())
    with pytest.raises(InputError, match="no export"):
        open_export("nowhere")
    path = Path("export/export.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seeds": [1]}))
    with pytest.raises(InputError, match="1 seeds"):
        open_export("export")


def test_the_published_schemas_are_up_to_date_and_hold(task):
    for name, record in (("samples", SamplesManifest), ("export", ExportManifest)):
        schema = json.loads((ROOT / "docs" / f"{name}.schema.json").read_text())
        assert schema == record.model_json_schema(), "run `make schema`"
    export(task)
    for name, path in (("export", Path("export/export.json")), ("samples", answer() / "manifest.json")):
        jsonschema.validate(
            json.loads(path.read_text()), json.loads((ROOT / "docs" / f"{name}.schema.json").read_text())
        )


def test_export_answer_and_score_on_real_videos(shared, tmp_path):
    """Run the example in the documentation as written there."""
    task, data = str(ROOT / "examples" / "tasks" / "weizmann-pred.toml"), str(shared / "data" / "weizmann")
    vidbench_ = ["-m", "vidbench"]

    def run(*command: str) -> Ended:
        return run_python(command, tmp_path, environment={"VIDBENCH_HOME": str(tmp_path / "home")})

    done = run(*vidbench_, "data", "export", "--task", task, "--data", data, "--output", "export", "--targets")
    assert (done.returncode, done.stdout) == (0, "export\n"), done.stderr
    ids = open_export(tmp_path / "export").manifest.answers.ids
    assert len(set(ids)) == 64
    assert len({name.split("#")[0] for name in ids}) == 16
    assert run(str(ROOT / "examples" / "sample_elsewhere.py"), "export", "answers").returncode == 0
    score = (*vidbench_, "score", "--task", task, "--data", data, "--json")
    done = run(*score, "--samples", "answers", "--output", "scored")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["reasons"]) == 1
    fid = result["metrics"]["fid-shapes"]
    assert fid["floor"] < fid["value"] < fid["ceiling"]
    # A copy of the data with one different video has different clips, so there is no score.
    shutil.copytree(data, tmp_path / "data")
    videos = sorted((tmp_path / "data" / "test").rglob("*.mp4"))
    shutil.copyfile(videos[0], videos[1])
    done = run(*(argument if argument != data else "data" for argument in score), "--samples", "answers")
    assert (done.returncode, done.stdout) == (2, "")
    assert "belong to clips of other data" in done.stderr.splitlines()[-1]
