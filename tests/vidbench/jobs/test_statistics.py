"""Reference statistics in a file: exactly the same score without the data, and everything in the file is checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.numpy import save, save_file

import vidbench
import vidmetrics
from vidbench.cli import cli, run_command
from vidbench.data import open_reference
from vidbench.data.scan.scan import scan_folder
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.files import arrays_sha256, file_sha256
from vidbench.jobs.export import ExportOptions, export_task
from vidbench.jobs.statistics import export_statistics
from vidbench.progress import Progress
from vidbench.results.real_clips import floor_text
from vidbench.scoring.reference_file import Provenance, read_statistics
from vidbench.scoring.run import open_run
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task
from vidmetrics.formats import memory
from vidmetrics.home import home
from vidmetrics.sealed import UNSEALED, sealed

QUIET = Progress(enabled=False)
CLASSES = ("bend", "wave")


def write_video(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height = stream.width = 32
        stream.pix_fmt = "bgr0"
        image = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        for number in range(40):
            frame = np.roll(image, number * (1 + seed % 3), axis=seed % 2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture
def task(small_task):
    """The small task over a folder of videos: two classes, 8 + 8 videos, 2 clips of each."""
    text = small_task.read_text().replace('dataset = "shapes"', 'dataset = "kinetics"')
    text = text.replace('crop = "none"', 'crop = "none"\nclips_per_video = 2').replace(
        "num_clips = 96", 'num_clips = "all"'
    )
    small_task.write_text(text.replace("num_samples = 120", "num_samples = 16"))
    return small_task


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the videos in ``data``; the first test that needs ``real.safetensors`` writes it."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(16):
        split, label = ("train", "test")[number % 2], CLASSES[number // 2 % 2]
        write_video(folder / "data" / split / label / f"id{number:09d}_000000_000002.mkv", number)
    return folder


@pytest.fixture
def data(made, tmp_path):
    return Path(shutil.copytree(made / "data", tmp_path / "data"))


@pytest.fixture
def statistics(made, task, data, plugin):
    path = made / "real.safetensors"
    if not path.exists():
        export_statistics(str(task), path, RunOptions(data=data), QUIET, with_bounds=True)
    return Path(shutil.copyfile(path, plugin / "real.safetensors"))


def comparable(result):
    document = json.loads(result.to_json())
    del document["execution"]
    return document


def rewritten(path, change_tensors=None, change_provenance=None, seal=True):
    """Write a changed copy of the file; ``seal`` updates its digest, as a forger would."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
        document = json.loads(file.metadata()["vidbench"])
    if change_tensors:
        change_tensors(tensors)
    if seal:
        document["tensors_sha256"] = arrays_sha256(tensors)
        document["seal"] = UNSEALED
    if change_provenance:
        change_provenance(document)
    other = path.with_name("other.safetensors")
    content = save(tensors, metadata={"vidbench": json.dumps(document)})
    other.write_bytes(sealed(content) if seal and "seal" in document else content)
    return other


def _assert_panels_agree(imported, direct):
    """A statistics file has no reference clips: what compares samples with them could not be done; everything else is equal."""
    assert [record["check"] for record in imported] == [record["check"] for record in direct]
    differ = {one["check"]: one["absent"] for one, other in zip(imported, direct, strict=True) if one != other}
    assert differ == {
        "train-distance": "The reference is a file of statistics, which contains no clips.",
        "copies": "No real clips are available to compare with.",
    }


def test_without_the_data_the_result_is_identical(task, data, statistics, plugin, monkeypatch):
    model = "slow_plugin:load"
    direct = comparable(vidbench.evaluate(model, str(task), data=data, output="direct"))
    shutil.rmtree(data)
    monkeypatch.setenv("VIDBENCH_HOME", str(plugin / "another-home"))
    result = vidbench.evaluate(model, str(task), reference=statistics, output="imported")
    imported = comparable(result)
    assert result.data.imported.sha256 == file_sha256(statistics)
    assert imported["data"].pop("imported")["environment"] == direct["environment"]
    assert direct["data"].pop("imported") is None
    # Which real clips are nearest needs each of them.
    assert imported.pop("nearest") == {}
    assert set(direct.pop("nearest")) == {"shapes"}
    _assert_panels_agree(imported.pop("validity"), direct.pop("validity"))
    # Bitwise, without tolerance: values, intervals, floor and ceiling.
    assert imported == direct
    assert all(metric["floor"] is not None for metric in imported["metrics"].values())
    assert (plugin / "imported" / "report.html").is_file()


def test_a_file_keeps_the_floor_of_as_many_sets_as_the_split_has(task, data, plugin):
    command = ["data", "statistics", "--task", str(task), "--data", str(data), "--floor-sets", "5", "--output"]
    text = task.read_text()
    task.write_text(text.replace("num_samples = 16", "num_samples = 8"))
    done = CliRunner().invoke(cli, [*command, "sets.safetensors"])
    assert done.exit_code == 0, done.stderr
    real = read_statistics(plugin / "sets.safetensors").provenance.bounds.bounds["real"]
    sets = real.sets["fvd-shapes"]
    assert (sets.num_sets, sets.values[0]) == (2, pytest.approx(real.values["fvd-shapes"], rel=1e-9))
    assert f"fvd-shapes {floor_text(None, sets)} (2 sets of held-out clips)" in done.stdout
    refused = CliRunner().invoke(cli, [*command, "none.safetensors", "--no-bounds"])
    assert isinstance(refused.exception, InputError)
    assert "--no-bounds leaves out" in str(refused.exception)


def test_score_takes_the_statistics_too(task, data, statistics, plugin):
    rng = np.random.default_rng(0)
    np.save(plugin / "clips.npy", rng.integers(0, 255, (16, 12, 32, 32, 3), dtype=np.uint8))
    direct = vidbench.score(str(task), "clips.npy", data=data, output="direct")
    shutil.rmtree(data)
    imported = vidbench.score(str(task), "clips.npy", reference=statistics, output="imported")
    assert imported.metrics == direct.metrics
    # Another N has another floor, which the file does not contain and which needs the missing real clips.
    fewer = vidbench.score(str(task), "clips.npy", reference=statistics, output="few", num_samples=16)
    assert fewer.metrics["fvd-shapes"].floor == direct.metrics["fvd-shapes"].floor
    np.save(plugin / "clips.npy", rng.integers(0, 255, (9, 12, 32, 32, 3), dtype=np.uint8))
    fewer = vidbench.score(str(task), "clips.npy", reference=statistics, output="fewer", num_samples=9)
    assert fewer.metrics["fvd-shapes"].floor is None
    assert fewer.metrics["fvd-shapes"].ceiling is not None


@pytest.mark.parametrize(
    ("command", "sound"),
    [("evaluate --model noise", True), ("score --samples clips.npy", True), ("score --samples clips.npy", False)],
)
def test_an_embedded_task_takes_no_statistics_file(plugin, monkeypatch, capsys, command, sound):
    # Sound in every respect: whoever writes such a file chooses the reference set. Nor is a damaged one worth repairing.
    from tests.abuse.fuzz.parsers import PARSERS

    file = PARSERS["statistics"].samples(Path())[1]
    (plugin / "own.safetensors").write_bytes(file if sound else file[: len(file) // 2])
    np.save(plugin / "clips.npy", np.zeros((4, 12, 32, 32, 3), np.uint8))
    line = f"{command} --task shapes-gen --reference own.safetensors --output out"
    assert run_command(line.split()) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said == (
        "Error: The clips of the task 'shapes-gen' are embedded, so that its reference statistics are always computed and never "
        "taken from a file: omit --reference own.safetensors."
    )
    assert not (plugin / "out").exists()


def test_the_scan_and_the_names_of_the_held_out_clips_come_with_the_file(task, data, plugin):
    task.write_text(task.read_text().replace('"balanced"', '"evaluation"'))
    outcome = scan_folder(data, load_task(str(task)).task, (), plugin / "scan", workers=1, progress=QUIET)
    export_statistics(str(task), plugin / "real.safetensors", RunOptions(data=data), QUIET, with_bounds=True)
    sampling = ["sample", "--model", "noise", "--task", str(task), "--data", str(data), "--output", "samples"]
    CliRunner().invoke(cli, sampling, catch_exceptions=False)
    direct = comparable(vidbench.score(str(task), "samples", data=data, output="direct"))
    shutil.rmtree(data)
    imported = comparable(vidbench.score(str(task), "samples", reference="real.safetensors", output="imported"))
    assert imported["data"].pop("imported") is not None
    assert direct["data"].pop("imported") is None
    assert (imported.pop("nearest"), set(direct.pop("nearest"))) == ({}, {"shapes"})
    _assert_panels_agree(imported.pop("validity"), direct.pop("validity"))
    assert imported == direct
    assert imported["data"]["manifest"] == "scan"
    assert imported["data"]["manifest_sha256"] == outcome.manifest_sha256
    manifest = plugin / "samples" / "manifest.json"
    document = json.loads(manifest.read_text())
    ids = document["answers"]["ids"]
    ids[0], ids[1] = ids[1], ids[0]
    manifest.write_text(json.dumps(document))
    with pytest.raises(InputError, match="the same clips in another order"):
        vidbench.score(str(task), "samples", reference="real.safetensors", output="no")


def test_the_file_holds_the_moments_of_the_clips(task, data, statistics):
    spec = load_task(str(task)).task
    real = open_reference(spec, data)
    features = vidmetrics.load_network("shapes")(real.read(np.arange(real.num_clips)))
    with safe_open(statistics, framework="numpy") as file:
        for output in ("logits", "pool"):
            rows = features[output].astype(np.float64)
            count, mean, scatter = (file.get_tensor(f"shapes/{output}/{part}") for part in ("count", "mean", "scatter"))
            assert (count, mean.dtype, scatter.dtype) == (16, np.float64, np.float64)
            np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(scatter / (count - 1), np.cov(rows.T), rtol=1e-4, atol=1e-5)
        provenance = Provenance.model_validate_json(file.metadata()["vidbench"])
    assert provenance.task.fingerprint == spec.fingerprint
    assert provenance.reference.sha256 == real.identity_sha256
    assert (provenance.reference.num_clips, provenance.reference.coverage) == (16, 1.0)
    assert provenance.class_names == CLASSES
    assert provenance.networks["shapes"].proven


def test_the_command_writes_the_same_bytes_every_time_and_replaces_nothing(task, data, statistics, plugin, monkeypatch):
    monkeypatch.setenv("VIDBENCH_HOME", str(plugin / "another-home"))
    arguments = ["data", "statistics", "--task", str(task), "--data", str(data), "--output", "again.safetensors"]
    done = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["sha256"] == file_sha256(statistics) == file_sha256(plugin / "again.safetensors")
    with pytest.raises(InputError, match="already exists"):
        export_statistics(str(task), statistics, RunOptions(data=data), QUIET, with_bounds=True)


def test_where_the_file_cannot_be_is_said_before_anything_is_measured(task, data, plugin):
    (plugin / "taken").write_text("a file")
    with pytest.raises(InputError, match=r"taken is a file, where a folder is to be written: choose another one"):
        export_statistics(
            str(task), plugin / "taken" / "real.safetensors", RunOptions(data=data), QUIET, with_bounds=True
        )
    assert not list(home().rglob("features-*"))


def test_without_bounds_the_ceiling_alone_is_known(task, data, plugin):
    export_statistics(str(task), plugin / "bare.safetensors", RunOptions(data=data), QUIET, with_bounds=False)
    shutil.rmtree(data)
    result = vidbench.evaluate("noise", str(task), reference="bare.safetensors", output="out")
    assert result.metrics["fvd-shapes"].floor is None
    assert result.metrics["fvd-shapes"].ceiling == result.metrics["fvd-shapes"].value


def test_what_the_folder_of_a_file_held_besides_is_said_and_recorded(task, data, plugin, capsys):
    (data / "train" / "bend" / "notes.txt").touch()
    (data / "test" / "bend" / "poster.jpg").touch()
    loud = Progress(enabled=True)
    options = RunOptions(data=data, ignore=("*.jpg", "*.xyz"))
    export_statistics(str(task), plugin / "more.safetensors", options, loud, with_bounds=False)
    assert "Nothing matches --ignore '*.xyz'." in capsys.readouterr().err
    direct = vidbench.evaluate("noise", str(task), data=data, ignore=["*.jpg"], output="direct")
    shutil.rmtree(data)
    score = [
        "evaluate",
        "--model",
        "noise",
        "--task",
        str(task),
        "--reference",
        "more.safetensors",
        "--ignore",
        "*.abc",
    ]
    done = CliRunner().invoke(cli, [*score, "--output", "out", "--json"], catch_exceptions=False)
    entries = json.loads(done.stdout)["entries"]
    assert entries == {"ignored": ["*.jpg", "*.xyz", "*.abc"], "unused": direct.entries.unused}
    assert entries["unused"] == {"split 'train'": {"other file": 1}, "split 'test'": {"ignored": 1}}
    assert "Not used in split 'train' of 'more.safetensors': 1 other file." in done.stderr
    assert "Not used in split 'test' of 'more.safetensors': 1 ignored." in done.stderr
    assert "Nothing matches --ignore '*.abc'." in done.stderr


def test_a_metric_that_needs_every_feature_is_refused_by_name(task, data, plugin):
    task.write_text(task.read_text().replace('"is-shapes"', '"kvd-shapes"'))
    with pytest.raises(InputError, match="'kvd-shapes' needs the features of every real clip"):
        export_statistics(str(task), plugin / "no.safetensors", RunOptions(data=data), QUIET, with_bounds=True)
    assert not (plugin / "no.safetensors").exists()


def test_prediction_needs_the_held_out_clips_and_takes_the_rest_from_the_file(task, data, plugin):
    text = task.read_text().replace("num_frames = 12\n", "num_frames = 16\ncontext_frames = 5\n")
    task.write_text(text.replace('"balanced"', '"none"\nceiling = "copy"'))
    export_statistics(str(task), plugin / "pred.safetensors", RunOptions(data=data), QUIET, with_bounds=True)
    direct = vidbench.evaluate("copy", str(task), data=data, output="direct")
    shutil.rmtree(data / "train")
    with pytest.raises(InputError, match=r"scores the 5 context frames .* --data DIR"):
        vidbench.evaluate("copy", str(task), reference="pred.safetensors", output="no")
    (data / "annotations").mkdir()
    imported = vidbench.evaluate("copy", str(task), data=data, reference="pred.safetensors", output="imported")
    assert imported.metrics == direct.metrics


def test_real_clips_that_are_not_here_are_not_made_up(task, data, statistics):
    shutil.rmtree(data)
    with pytest.raises(InputError, match="a statistics file does not contain their names"):
        vidbench.evaluate("real", str(task), reference=statistics, output="no")


def test_another_task_or_another_network_is_refused(task, data, statistics, plugin):
    def refused(match, path=statistics, **options):
        with pytest.raises(InputError, match=match):
            vidbench.evaluate("noise", str(task), reference=path, output="no", **options)
        assert not (plugin / "no").exists()

    for key, value in (("weights_sha256", "0" * 64), ("preprocessing", "other")):

        def change(document, key=key, value=value):
            document["networks"]["shapes"][key] = value

        refused(f"'shapes' with {key.partition('_')[0]} '{value}'", rewritten(statistics, None, change))
    refused("precision 'exact', and here it is 'fast'", precision="fast")
    refused("do not include the network 'shapes'", rewritten(statistics, None, lambda d: d["networks"].clear()))
    task.write_text(
        task.read_text().replace("seed = 0", "seed = 1").replace("stride = 1", "stride = 2") + "\nseed = 5\n"
    )
    refused("use statistics of this task")


def _nan(tensors):
    tensors["shapes/pool/mean"][3] = np.nan


def _float32(tensors):
    tensors["shapes/pool/mean"] = tensors["shapes/pool/mean"].astype(np.float32)


def _lopsided(tensors):
    tensors["shapes/logits/scatter"][0, 1] *= 2


def _negative(tensors):
    tensors["shapes/logits/scatter"] *= -1


def _cut(tensors):
    tensors["shapes/logits/scatter"] = tensors["shapes/logits/scatter"][:5, :5].copy()


def _count(tensors):
    tensors["shapes/logits/count"] = np.array(17, np.int64)


def _nudge(tensors):
    tensors["shapes/logits/mean"][0] += 1e-6


@pytest.mark.parametrize(
    ("change", "seal", "match"),
    [
        (_nudge, False, "was changed after it was written"),
        (_nan, True, "finite"),
        (_float32, True, "float64"),
        (_lopsided, True, "not a scatter matrix"),
        (_negative, True, "not a scatter matrix"),
        (_cut, True, r"has shape \[5, 5\] where \[24, 24\] is required"),
        (_count, True, "are of 17 rows where the provenance requires 16"),
        (lambda tensors: tensors.pop("shapes/pool/mean"), True, "'shapes/pool/mean'"),
        (lambda tensors: tensors.update(extra=np.zeros(2)), True, "'extra'"),
    ],
)
def test_a_tampered_file_is_refused(task, statistics, change, seal, match):
    with pytest.raises(InputError, match=match) as error:
        vidbench.evaluate("noise", str(task), reference=rewritten(statistics, change, seal=seal), output="no")
    assert "\n" not in str(error.value)


def test_a_file_of_version_1_is_read_with_a_warning(task, statistics, capsys):
    def old(document):
        document["version"] = 1
        del document["seal"]

    new = vidbench.evaluate("noise", str(task), reference=statistics, output="new")
    assert "version 1" not in capsys.readouterr().err
    result = vidbench.evaluate("noise", str(task), reference=rewritten(statistics, None, old), output="old")
    assert result.metrics == new.metrics
    assert "other.safetensors has version 1, in which nothing protects the metadata" in capsys.readouterr().err
    # Of several ranks, the main one warns.
    options, said = RunOptions(reference=statistics.with_name("other.safetensors")), []
    for rank in range(2):
        open_run(load_task(str(task)), options, ranks=Ranks(rank, 2, rank, 2), progress=QUIET, default_name="x")
        said.append(capsys.readouterr().err.count("has version 1"))
    assert said == [1, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda bounds: bounds.update(other=bounds["noise"]), "the bound 'other', which the task 'small-gen' lacks"),
        (lambda bounds: bounds["noise"]["values"].update(kid=1.0), "a score of 'noise' on 'kid', which is no metric of the task 'small-gen'"),
        (lambda bounds: bounds["noise"]["values"].update({"fid-shapes": -1.0}), "the score -1 of 'noise' on 'fid-shapes', which no clips can have"),
    ],
)  # fmt: skip
def test_a_bound_that_the_task_cannot_have_is_refused_with_advice(task, statistics, change, words):
    other = rewritten(statistics, None, lambda document: change(document["bounds"]["bounds"]))
    with pytest.raises(InputError) as refused:
        vidbench.evaluate("noise", str(task), reference=other, output="no")
    assert str(refused.value) == f"The statistics in {other} have {words}: get the file again from its source."


def test_a_link_that_leads_nowhere_is_not_written_through(task, data, plugin):
    (plugin / "link.safetensors").symlink_to("elsewhere.safetensors")
    with pytest.raises(InputError, match=r"^The file .*link\.safetensors already exists: choose a new one\.$"):
        export_statistics(str(task), plugin / "link.safetensors", RunOptions(data=data), QUIET, with_bounds=False)


def _export_clips(task, data, output):
    export_task(task, ExportOptions(output=output, data=data), QUIET)


def _export_statistics(task, data, output):
    export_statistics(task, output, RunOptions(data=data), QUIET, with_bounds=False)


@pytest.mark.parametrize(
    ("export", "words"),
    [
        (_export_statistics, r"^A batch of 16 clips of 12 frames of 32x32 pixels needs .*: lower --batch-size, or the size of the task's clips\.$"),
        (_export_clips, r"^A batch of 1 clip of 12 frames of 32x32 pixels needs .*: lower the size of the task's clips\.$"),
    ],
)  # fmt: skip
def test_a_batch_that_exceeds_memory_is_refused_with_options_that_the_command_has(
    task, data, plugin, monkeypatch, export, words
):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 1)
    with pytest.raises(InputError, match=words):
        export(str(task), data, plugin / "out")


def test_any_bit_of_a_file_counts(task, statistics):
    content = statistics.read_bytes()
    damaged = statistics.with_name("damaged.safetensors")
    for place in (
        0,
        5,
        8,
        40,
        content.index(b"num_samples") + 20,
        content.index(b"seal") + 9,
        len(content) // 2,
        len(content) - 1,
    ):
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InputError, match="get the file again from its source"):
            vidbench.evaluate("noise", str(task), reference=damaged, output="no")


def test_every_bit_of_the_beginning_of_the_header_is_called_damage(statistics):
    from vidbench.scoring.reference_file import read_statistics

    content = statistics.read_bytes()
    key = content.index(b'"vidbench"')
    damaged = statistics.with_name("damaged.safetensors")
    for bit in range(8 * 8, 8 * (key + 20)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        damaged.write_bytes(changed)
        with pytest.raises(InputError, match="get the file again from its source") as error:
            read_statistics(damaged)
        assert "\n" not in str(error.value)


def test_what_is_no_file_of_statistics_is_refused(task, statistics, plugin):
    def refused(match, path):
        with pytest.raises(InputError, match=match) as error:
            vidbench.evaluate("noise", str(task), reference=path, output="no")
        assert "\n" not in str(error.value)

    refused("does not exist", plugin / "absent.safetensors")
    (plugin / "text.safetensors").write_text("not safetensors at all")
    refused("not readable as safetensors", plugin / "text.safetensors")
    (plugin / "half.safetensors").write_bytes(statistics.read_bytes()[:-100])
    refused("not readable as safetensors", plugin / "half.safetensors")
    save_file({"x": np.zeros(3)}, plugin / "weights.safetensors")
    refused("not a statistics file", plugin / "weights.safetensors")
    refused("not valid at 'surprise'", rewritten(statistics, None, lambda d: d.update(surprise=1)))
    refused("not valid at 'version'", rewritten(statistics, None, lambda d: d.update(version=3)))
    refused("not valid at", rewritten(statistics, None, lambda d: d["bounds"].update(num_samples="many")))
