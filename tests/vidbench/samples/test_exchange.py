"""Generated clips on disk: the exchange format and the other accepted forms."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from vidbench.data.folders.frame_names import natural_key
from vidbench.errors import InputError
from vidbench.files import file_changed
from vidbench.samples.exchange import SamplesManifest, SampleWriter, TaskStamp, open_samples

SAMPLES = np.random.default_rng(0).integers(0, 256, (11, 3, 8, 12, 3), dtype=np.uint8)
LABELS = np.arange(11) % 4
ORDER = np.array([10, 0, 4, 4, 3])


def write(folder: Path, labels: np.ndarray | None = LABELS, shard_samples: int | None = 4) -> Path:
    with SampleWriter(folder, num_frames=3, height=8, width=12, shard_samples=shard_samples) as writer:
        for part in np.array_split(np.arange(11), 3):
            writer.add(SAMPLES[part], None if labels is None else labels[part])
    return folder


def write_video(path: Path, frames: np.ndarray, codec: str = "ffv1", pix_fmt: str = "bgr0") -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=8)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def check(path: Path, count: int = 11) -> None:
    source = open_samples(path)
    assert (source.num_samples, source.num_frames, source.height, source.width) == (count, 3, 8, 12)
    order = ORDER[count > ORDER]
    read = source.read(order)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, SAMPLES[order])
    with pytest.raises(IndexError):
        source.read(np.array([count]))
    with pytest.raises(IndexError):
        source.read(np.array([-1]))


def refusal(path: Path, *names: str) -> None:
    def use() -> None:
        source = open_samples(path)
        source.read(np.arange(source.num_samples))

    with pytest.raises(InputError) as caught:
        use()
    message = str(caught.value)
    assert all(name in message for name in names), message
    assert "\n" not in message


def test_the_exchange_folder_round_trips(tmp_path):
    folder = write(tmp_path / "out")
    check(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        *(f"samples-0000{number}.npy" for number in range(3)),
    ]
    source = open_samples(folder)
    assert not source.lossy
    np.testing.assert_array_equal(source.labels, LABELS)
    assert open_samples(write(tmp_path / "bare", labels=None)).labels is None
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["version"]) == ("vidbench-samples", 1)
    assert [shard["num_samples"] for shard in manifest["shards"]] == [4, 4, 3]


def test_the_task_is_stamped_and_does_not_change_the_identity(tmp_path):
    stamp = TaskStamp(name="shapes-gen", fingerprint="0" * 64)
    identities = []
    for number, task in enumerate((None, stamp)):
        with SampleWriter(tmp_path / str(number), num_frames=3, height=8, width=12, task=task) as writer:
            writer.add(SAMPLES)
        identities.append(open_samples(tmp_path / str(number)).identity_sha256)
    assert identities[0] == identities[1]
    manifest = SamplesManifest.model_validate_json((tmp_path / "1" / "manifest.json").read_text())
    assert manifest.task == stamp
    assert manifest.num_samples == 11


def test_an_interrupted_write_leaves_no_manifest_and_is_written_over(tmp_path):
    def stop() -> None:
        with SampleWriter(tmp_path, num_frames=3, height=8, width=12, shard_samples=2) as writer:
            writer.add(SAMPLES[::-1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    refusal(tmp_path, tmp_path.name, "no manifest.json")
    check(write(tmp_path))
    with pytest.raises(InputError, match="already has complete samples"):
        SampleWriter(tmp_path, num_frames=3, height=8, width=12)
    with pytest.raises(InputError, match="is a file"):
        SampleWriter(tmp_path / "manifest.json", num_frames=3, height=8, width=12)


def test_the_writer_refuses_what_the_folder_cannot_hold(tmp_path):
    writer = SampleWriter(tmp_path, num_frames=3, height=8, width=12)
    with pytest.raises(ValueError, match="no sample"):
        writer.finish()
    for wrong in (SAMPLES.astype(np.float32), SAMPLES[:, :2], SAMPLES[..., :1]):
        with pytest.raises(ValueError, match="must be uint8"):
            writer.add(wrong)
    with pytest.raises(ValueError, match="labels"):
        writer.add(SAMPLES, LABELS[:3])
    writer.add(SAMPLES, LABELS)
    with pytest.raises(ValueError, match="every batch or with none"):
        writer.add(SAMPLES)


def test_the_writer_does_not_keep_the_callers_buffer(tmp_path):
    buffer = SAMPLES.copy()
    with SampleWriter(tmp_path, num_frames=3, height=8, width=12) as writer:
        writer.add(buffer)
        buffer[:] = 0
    check(tmp_path)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"version": 2}, ("version",)),
        ({"format": "other"}, ("format",)),
        ({"extra": 1}, ("extra",)),
        ({"num_samples": 12}, ("num_samples is 12 but the shards hold 11",)),
        ({"num_samples": "11"}, ("num_samples",)),
        ({"labels": [0, 1]}, ("2 labels",)),
        ({"height": 9}, ("samples-00000.npy", "[4, 3, 9, 12, 3]")),
        ({"dtype": "float32"}, ("dtype",)),
        ({"shards": []}, ("shards",)),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(tmp_path, change, names):
    write(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refusal(tmp_path, "manifest.json", *names)


@pytest.mark.parametrize(
    "name", ["../secret.npy", "/etc/secret.npy", "sub/a.npy", "..\\a.npy", "C:a.npy", ".npy", "a.npy\n"]
)
def test_a_manifest_cannot_point_outside_its_folder(tmp_path, name):
    write(tmp_path / "in")
    np.save(tmp_path / "secret.npy", SAMPLES[:4])
    path = tmp_path / "in" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["shards"][0]["file"] = name
    path.write_text(json.dumps(manifest))
    refusal(tmp_path / "in", "manifest.json", "shards.0.file")


def test_a_shard_with_the_right_digest_that_is_no_array_is_called_that(tmp_path):
    folder = write(tmp_path / "in")
    (folder / "samples-00001.npy").write_bytes(b"not an array")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["shards"][1]["sha256"] = hashlib.sha256(b"not an array").hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"samples-00001\.npy") as caught:
        open_samples(folder)
    assert "sha256 differs" not in str(caught.value)


def test_shards_are_held_against_the_manifest(tmp_path):
    for name in ("changed", "gone", "linked", "broken"):
        write(tmp_path / name)
    shard = "samples-00001.npy"
    data = bytearray((tmp_path / "changed" / shard).read_bytes())
    data[-1] ^= 1
    (tmp_path / "changed" / shard).write_bytes(data)
    refusal(tmp_path / "changed", shard, "sha256")
    (tmp_path / "gone" / shard).unlink()
    refusal(tmp_path / "gone", shard, "missing")
    (tmp_path / "linked" / shard).rename(tmp_path / shard)
    (tmp_path / "linked" / shard).symlink_to(tmp_path / shard)
    refusal(tmp_path / "linked", shard, "link")
    (tmp_path / "broken" / "manifest.json").write_text("{")
    refusal(tmp_path / "broken", "manifest.json")


def test_numpy_files(tmp_path):
    np.save(tmp_path / "a.npy", SAMPLES)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(SAMPLES))
    np.savez(tmp_path / "one.npz", clips=SAMPLES)
    np.savez_compressed(tmp_path / "labelled.npz", samples=SAMPLES, labels=LABELS, other=LABELS)
    for path in tmp_path.iterdir():
        check(path)
        assert not open_samples(path).lossy
    np.testing.assert_array_equal(open_samples(tmp_path / "labelled.npz").labels, LABELS)
    assert open_samples(tmp_path / "a.npy").labels is None
    os.utime(tmp_path / "a.npy", (1, 1))
    (tmp_path / "a.npy").rename(tmp_path / "b.npy")
    assert open_samples(tmp_path / "b.npy").identity_sha256 != open_samples(tmp_path / "one.npz").identity_sha256


@pytest.mark.parametrize(
    ("array", "names"),
    [
        (SAMPLES.astype(np.float32) / 255, ("float32", "uint8", "0 to 255")),
        (SAMPLES.astype(np.int64), ("int64",)),
        (SAMPLES[0], ("[3, 8, 12, 3]", "[N, T, H, W, 3]")),
        (SAMPLES.transpose(0, 1, 4, 2, 3), ("[11, 3, 3, 8, 12]", "channel axis to the end")),
        (SAMPLES[..., :1], ("[11, 3, 8, 12, 1]",)),
        (SAMPLES[:0], ("empty",)),
    ],
)
def test_arrays_that_are_no_clips(tmp_path, array, names):
    np.save(tmp_path / "a.npy", array)
    refusal(tmp_path / "a.npy", "a.npy", *names)
    np.savez(tmp_path / "a.npz", array)
    refusal(tmp_path / "a.npz", "a.npz", *names)


def test_nothing_is_unpickled(tmp_path):
    """Loading an object array would run code."""

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", samples=np.array([Bomb()], dtype=object))
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "d.npz").write_bytes(b"PK broken")
    for name in ("a.npy", "b.npz", "c.npy", "d.npz"):
        refusal(tmp_path / name, name)
    assert not (tmp_path / "exploded").exists()


def test_archives_that_are_unclear_or_damaged(tmp_path):
    np.savez(tmp_path / "two.npz", a=SAMPLES, b=SAMPLES)
    refusal(tmp_path / "two.npz", "'a', 'b'", "'samples'")
    np.savez(tmp_path / "short.npz", samples=SAMPLES, labels=LABELS[:4])
    refusal(tmp_path / "short.npz", "11 samples but 4 labels")
    np.savez(tmp_path / "float.npz", samples=SAMPLES, labels=LABELS / 2)
    refusal(tmp_path / "float.npz", "float64")
    np.savez_compressed(tmp_path / "flip.npz", samples=SAMPLES)
    data = bytearray((tmp_path / "flip.npz").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "flip.npz").write_bytes(data)
    refusal(tmp_path / "flip.npz", "flip.npz", "unpacked")


REFUSED = {
    "labels of another length": {"labels": LABELS[:4]},
    "labels that are floats": {"labels": LABELS / 2},
    "negative labels": {"labels": -1 - LABELS},
    "no clips": {"samples": SAMPLES[0]},
    "changed meanwhile": {},
    "changed meanwhile, in Fortran order": {"samples": np.asfortranarray(SAMPLES)},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_leaves_no_private_file_even_while_the_error_is_kept(tmp_path, monkeypatch, case):
    path, private = tmp_path / "a.npz", tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    np.savez(path, **{"samples": SAMPLES, "labels": LABELS, **REFUSED[case]})
    if case.startswith("changed"):

        def changed(content):
            assert len(list(private.iterdir())) == 1 + case.endswith("Fortran order")
            raise file_changed(path)

        monkeypatch.setattr("vidbench.samples.arrays.hash_file", lambda _: SimpleNamespace(check=changed))
    with pytest.raises(InputError) as kept:
        open_samples(path)
    assert list(private.iterdir()) == [], kept.value


def test_a_folder_of_lossless_videos_in_natural_order(tmp_path):
    for number, frames in enumerate(SAMPLES):
        write_video(tmp_path / f"clip_{number}.mkv", frames)
    (tmp_path / "._clip_0.mkv").touch()
    (tmp_path / "notes.txt").touch()
    check(tmp_path)
    assert not open_samples(tmp_path).lossy
    identity = open_samples(tmp_path).identity_sha256
    (tmp_path / "clip_0.mkv").rename(tmp_path / "clip_11.mkv")
    assert open_samples(tmp_path).identity_sha256 != identity


def test_lossy_codecs_are_flagged(tmp_path):
    for codec, suffix, pix_fmt in (
        ("libx264", "mp4", "yuv420p"),
        ("mjpeg", "avi", "yuvj420p"),
        ("ffv1", "mkv", "yuv444p"),
    ):
        folder = tmp_path / codec
        folder.mkdir()
        write_video(folder / f"a.{suffix}", np.full((3, 16, 16, 3), 90, np.uint8), codec, pix_fmt)
        assert open_samples(folder).lossy, codec


def test_gifs_keep_their_number_of_frames_however_long_all_of_them_last(tmp_path):
    for name, durations in (("a", [2000, 2000, 2000]), ("b", [100, 100, 100])):
        frames = [Image.fromarray(np.full((8, 12, 3), 80 * time, np.uint8)) for time in range(3)]
        frames[0].save(tmp_path / f"{name}.gif", save_all=True, append_images=frames[1:], duration=durations)
    source = open_samples(tmp_path)
    assert (source.num_samples, source.num_frames, source.lossy) == (2, 3, True)
    np.testing.assert_array_equal(source.read(np.array([0, 1]))[:, :, 4, 4, 1], [[0, 80, 160], [0, 80, 160]])
    # A frame that is held may stand for several equal ones.
    frames[0].save(tmp_path / "b.gif", save_all=True, append_images=frames[1:], duration=[40, 2000, 30])
    refusal(tmp_path, "b.gif", "frame 1 for 2 s and frame 0 for 0.04 s")


def test_videos_of_different_shape_or_damage_are_refused(tmp_path):
    for name, frames in (("length", SAMPLES[1][:2]), ("size", SAMPLES[1][:, :, :8])):
        (tmp_path / name).mkdir()
        write_video(tmp_path / name / "a.mkv", SAMPLES[0])
        write_video(tmp_path / name / "b.mkv", frames)
        refusal(tmp_path / name, "a.mkv", "b.mkv", "same length and size")
    (tmp_path / "size" / "b.mkv").write_bytes(b"no video")
    refusal(tmp_path / "size", "b.mkv", "cannot be decoded")


def save_frames(folder: Path, frames: np.ndarray, suffix: str = "png") -> None:
    folder.mkdir(parents=True)
    for time, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"frame_{time + 9}.{suffix}")


def test_a_folder_of_frame_folders_in_natural_order(tmp_path):
    for number, frames in enumerate(SAMPLES):
        save_frames(tmp_path / str(number), frames, "bmp" if number == 2 else "png")
    (tmp_path / "2" / ".DS_Store").touch()
    check(tmp_path)
    assert not open_samples(tmp_path).lossy
    grey = Image.fromarray(SAMPLES[0, 0, :, :, 0])
    grey.save(tmp_path / "0" / "frame_9.png")
    np.testing.assert_array_equal(open_samples(tmp_path).read(np.array([0]))[0, 0, :, :, 2], SAMPLES[0, 0, :, :, 0])


def test_jpeg_frames_are_flagged(tmp_path):
    save_frames(tmp_path / "a", SAMPLES[0], "jpg")
    assert open_samples(tmp_path).lossy


def test_frame_folders_that_do_not_fit_together_are_refused(tmp_path):
    for name in ("count", "size", "alpha", "torn", "empty", "mixed"):
        for sample in range(2):
            save_frames(tmp_path / name / str(sample), SAMPLES[sample])
    (tmp_path / "count" / "1" / "frame_9.png").unlink()
    refusal(tmp_path / "count", "1", "has 2 frames", "has 3")
    Image.fromarray(SAMPLES[0, 0, :4]).save(tmp_path / "size" / "1" / "frame_10.png")
    refusal(tmp_path / "size", "frame_10.png", "12x4", "12x8")
    Image.fromarray(np.zeros((8, 12, 4), np.uint8)).save(tmp_path / "alpha" / "1" / "frame_10.png")
    refusal(tmp_path / "alpha", "frame_10.png", "RGBA")
    torn = tmp_path / "torn" / "1" / "frame_10.png"
    torn.write_bytes(torn.read_bytes()[:100])
    refusal(tmp_path / "torn", "frame_10.png")
    (tmp_path / "empty" / "2").mkdir()
    refusal(tmp_path / "empty", "2", "no frames")
    write_video(tmp_path / "mixed" / "a.mkv", SAMPLES[0])
    refusal(tmp_path / "mixed", "mixes")


def test_paths_that_hold_no_samples(tmp_path):
    refusal(tmp_path / "none", "none", "no samples")
    refusal(tmp_path, tmp_path.name, "contains no samples")
    (tmp_path / "a.txt").touch()
    refusal(tmp_path / "a.txt", "a.txt", "accepted form")
    Image.fromarray(SAMPLES[0, 0]).save(tmp_path / "a.png")
    refusal(tmp_path, "loose images")


def test_natural_order():
    names = ["a2", "a10", "a1", "b", "a01", "10", "9", "a1b2", "²"]
    ordered = sorted((Path(name) for name in names), key=natural_key)
    assert [path.name for path in ordered] == ["9", "10", "a01", "a1", "a1b2", "a2", "a10", "b", "²"]


BLOCKS = {"one row": 1, "two rows": 3 * 8 * 12 * 3 * 2, "all rows": 1 << 22}


@pytest.mark.parametrize("threads_from", [0, 1 << 40], ids=["threads", "no threads"])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("block", BLOCKS)
def test_rows_are_read_in_any_order_from_blocks_of_any_size(tmp_path, monkeypatch, block, fortran, threads_from):
    monkeypatch.setattr("vidbench.samples.npy_rows._ROW_BLOCK_BYTES", BLOCKS[block])
    monkeypatch.setattr("vidbench.samples.npy_rows._THREADS_FROM", threads_from)
    path = tmp_path / "rows.npy"
    np.save(path, np.asfortranarray(SAMPLES) if fortran else SAMPLES)
    source = open_samples(path)
    assert source.identity_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for order in ([3], [2, 3], [0, 1, 2, 3], [10], [5, 1, 5, 4], [3, 2], list(range(11)), []):
        np.testing.assert_array_equal(source.read(np.array(order, np.int64)), SAMPLES[order])


@pytest.mark.parametrize("block", BLOCKS)
def test_a_changed_row_is_found_with_its_block(tmp_path, monkeypatch, block):
    monkeypatch.setattr("vidbench.samples.npy_rows._ROW_BLOCK_BYTES", BLOCKS[block])
    path = tmp_path / "rows.npy"
    np.save(path, SAMPLES)
    source = open_samples(path)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))
    for order in ([10], [8, 9, 10], list(range(11))):
        with pytest.raises(InputError, match="changed while it was in use"):
            source.read(np.array(order))
    if block != "all rows":
        np.testing.assert_array_equal(source.read(np.array([0, 1])), SAMPLES[:2])
