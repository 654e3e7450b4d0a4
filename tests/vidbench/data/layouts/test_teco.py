"""DMLab and Minecraft as TECO publishes them, on miniatures with the faults of each, and the actions of every dataset that has them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from vidbench.data import open_evaluation
from vidbench.data.clip_dataset import clips_with_actions
from vidbench.data.contexts import SampleContexts
from vidbench.data.layouts.actions import checked_actions
from vidbench.data.layouts.teco import find_dmlab, find_minecraft
from vidbench.data.miniature.made_trajectories import made_codes, write_made_archive, write_made_recording
from vidbench.data.miniature.made_videos import VideoForm
from vidbench.data.scan.scan import scan_folder
from vidbench.data.shapes.dataset import ShapesDataset, render
from vidbench.data.shapes.script import write_script
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec, Task

FORM = VideoForm(16, 16, 20)
CLIPS = ClipSpec(num_frames=12, height=16, width=16, resize="none", crop="none", starts="first")


def own_task(dataset: str, clips: ClipSpec = CLIPS) -> Task:
    """A task on a miniature, with clips from both splits."""
    shipped = load_task("shapes-pred").task
    names = {"train_split": "train", "reference_split": "train", "evaluation_split": "test"}
    data = shipped.data.model_copy(update={"dataset": dataset, **names})
    counts = shipped.evaluation.model_copy(update={"num_samples": 2})
    return shipped.model_copy(update={"data": data, "clips": clips, "evaluation": counts})


@pytest.fixture
def dmlab(tmp_path) -> Path:
    for split, first in (("train", 0), ("test", 10)):
        for number in range(3):
            write_made_archive(tmp_path / "dmlab" / split / str(number % 2) / f"{number}.npz", first + number, FORM)
    return tmp_path


@pytest.fixture
def minecraft(tmp_path) -> Path:
    for number in range(2):
        write_made_recording(tmp_path / "minecraft" / "test" / "0" / f"{number}.mp4", number, FORM)
    return tmp_path


def refused(function, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        function()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_frames_and_actions_of_dmlab_are_those_of_the_arrays(dmlab):
    listing = find_dmlab(dmlab, "test")
    assert list(listing.labels) == ["0/0", "0/2", "1/1"]
    assert find_dmlab(dmlab / "dmlab", "test").labels == listing.labels
    clips = VideoDataset(listing, CLIPS)
    for index, (frames_THWC, actions_KA) in enumerate(
        zip(clips.read(np.arange(3)), clips.actions(np.arange(3)), strict=True)
    ):
        (name,) = clips.clip_ids(np.array([index]))
        number = int(name.split("/")[1].partition("#")[0])
        with np.load(dmlab / "dmlab" / "test" / str(number % 2) / f"{number}.npz", allow_pickle=False) as stored:
            np.testing.assert_array_equal(frames_THWC, stored["video"][:12])
            # Row t leads from frame t to frame t + 1, which is where the next code stands.
            assert actions_KA[:, 0].tolist() == stored["actions"][1:12].tolist()
    assert (actions_KA.dtype, actions_KA.shape) == (np.float32, (11, 1))


def test_actions_follow_the_start_and_the_span_of_a_clip(dmlab):
    strided = CLIPS.model_copy(update={"num_frames": 4, "stride": 3, "starts": "uniform"})
    clips = VideoDataset(find_dmlab(dmlab, "train"), strided)
    starts = {name: clips.starts(place)[0] for place, name in enumerate(clips.clip_ids(np.arange(3)))}
    assert len(set(starts.values())) > 1
    for index in range(3):
        video = int(clips._video_of[index])
        number = int(clips.videos[video].video_id.split("/")[1])
        start = clips.starts(video)[0]
        expected = made_codes(number, 20)[start + 1 : start + 10]
        assert clips.actions(np.array([index]))[0, :, 0].tolist() == expected.tolist()


def test_a_trajectory_of_minecraft_has_its_actions_in_a_file_next_to_it(minecraft):
    (minecraft / "minecraft" / "test" / "0" / "alone.npz").write_bytes(b"")
    listing = find_minecraft(minecraft, "test")
    assert (list(listing.labels), dict(listing.unused)) == (["0/0", "0/1"], {"other file": 1})
    clips = open_evaluation(own_task("teco-minecraft"), minecraft)
    assert clips.read(np.arange(2)).shape == (2, 12, 16, 16, 3)
    numbers = [int(name.split("/")[1].partition("#")[0]) for name in clips.clip_ids(np.arange(2))]
    expected = np.stack([made_codes(number, 20)[1:12] for number in numbers])
    np.testing.assert_array_equal(clips_with_actions(clips).actions(np.arange(2))[..., 0], expected)


def test_what_is_wrong_with_a_file_is_said_in_one_sentence(dmlab, minecraft):
    path = dmlab / "dmlab" / "train" / "0" / "0.npz"
    whole = path.read_bytes()

    def read() -> None:
        clips = VideoDataset(find_dmlab(dmlab, "train"), CLIPS)
        clips.read(np.arange(3))
        clips.actions(np.arange(3))

    for spoil, words in (
        (lambda: path.write_bytes(whole[:500]), ["0.npz"]),
        (lambda: path.write_bytes(b"\x80\x04pickle"), ["0.npz"]),
        (lambda: np.savez(path, actions=np.zeros(20, int)), ["no array 'video'", "found: 'actions'"]),
        (lambda: np.savez(path, video=np.zeros((20, 16, 16, 3))), ["float64 [20, 16, 16, 3]", "uint8"]),
        (lambda: np.savez(path, video=np.zeros((5, 16, 16, 3), np.uint8)), ["5 frames"]),
        (lambda: np.savez(path, video=np.zeros((20, 16, 16, 3), np.uint8)), ["no array 'actions'"]),
        (lambda: np.savez(path, video=np.zeros((20, 16, 16, 3), np.uint8), actions=np.zeros((20, 2))), ["[20, 2]", "1 number per"]),
        (lambda: np.savez(path, video=np.zeros((20, 16, 16, 3), np.uint8), actions=np.zeros(9)), ["end after frame 8", "frame 11"]),
    ):  # fmt: skip
        spoil()
        refused(read, *words)
    path.write_bytes(whole)
    read()
    objects = io.BytesIO()
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("video.npy", objects.getvalue())
    refused(read, "0.npz", "Python objects")
    (minecraft / "minecraft" / "test" / "0" / "1.npz").unlink()
    clips = VideoDataset(find_minecraft(minecraft, "test"), CLIPS)
    refused(lambda: clips.actions(np.arange(2)), "1.mp4", "no '1.npz' next to it")
    refused(lambda: find_dmlab(dmlab, "val"), "no split 'val'", "'test', 'train'")
    refused(lambda: find_minecraft(dmlab, "train"), "no split 'train'")
    (dmlab / "empty" / "test").mkdir(parents=True)
    refused(lambda: find_dmlab(dmlab / "empty", "test"), "no files like '0/NAME.npz'")
    refused(lambda: find_minecraft(dmlab / "empty", "test"), "no files like '0/NAME.mp4'")


def test_a_scan_finds_damaged_videos_and_damaged_actions(dmlab, minecraft, tmp_path):
    folder = dmlab / "dmlab" / "test" / "0"
    (folder / "0.npz").write_bytes((folder / "0.npz").read_bytes()[:300])
    with np.load(folder / "2.npz") as stored:
        np.savez(folder / "2.npz", video=stored["video"], actions=stored["actions"][:7])
    (minecraft / "minecraft" / "test" / "0" / "0.npz").unlink()
    (minecraft / "minecraft" / "train").mkdir()
    write_made_recording(minecraft / "minecraft" / "train" / "0" / "7.mp4", 7, FORM)
    quiet = Progress(enabled=False)

    def problems(dataset: str, output: str) -> dict[str, str]:
        outcome = scan_folder(tmp_path, own_task(dataset), (), tmp_path / output, workers=1, progress=quiet)
        return {problem.id: problem.reason for problem in outcome.problems}

    found = problems("teco-dmlab", "scan-1")
    assert set(found) == {"0/0", "0/2"}
    assert "end after frame 6, and its video has 20 frames" in found["0/2"]
    found = problems("teco-minecraft", "scan-2")
    assert set(found) == {"0/0"}
    # The video did not change, so only looking again tells that the file next to it is there now.
    np.savez(minecraft / "minecraft" / "test" / "0" / "0.npz", actions=made_codes(0, 20))
    assert problems("teco-minecraft", "scan-2") == {}


def test_identity_of_actions_is_of_their_numbers_and_not_of_the_frames(dmlab):
    clips = VideoDataset(find_dmlab(dmlab, "test"), CLIPS)
    before, frames_before = clips.actions_sha256, clips.identity_sha256
    path = dmlab / "dmlab" / "test" / "0" / "0.npz"
    with np.load(path) as stored:
        frames, codes = stored["video"], stored["actions"]
    np.savez(path, video=255 - frames, actions=codes)
    again = VideoDataset(find_dmlab(dmlab, "test"), CLIPS)
    assert again.actions_sha256 == before
    assert again.identity_sha256 != frames_before
    np.savez(path, video=frames, actions=(codes + 1) % 6)
    assert VideoDataset(find_dmlab(dmlab, "test"), CLIPS).actions_sha256 != before


def test_samples_of_one_context_share_its_actions(dmlab):
    clips = VideoDataset(find_dmlab(dmlab, "test"), CLIPS)
    contexts = SampleContexts(clips, 6, 2, 2)
    np.testing.assert_array_equal(
        contexts.actions(np.array([0, 1, 4, 6, 11])), clips.actions(np.array([0, 0, 2, 0, 2]))
    )
    assert contexts.actions_sha256 == clips.actions_sha256


def test_shapes_move_by_their_actions():
    clips = ShapesDataset("test", 48, 6, 32, 32)
    actions = clips.actions(np.arange(48))
    assert (actions.dtype, actions.shape) == (np.float32, (48, 5, 3))
    script = write_script("test", np.arange(48))
    drifting = np.flatnonzero(script.x_speed)
    frames_NTHWC, _ = render("test", drifting, 6, 32, 32)
    # Half a height of 32 pixels is 16: a drifting shape, and nothing else of its size, is found that many pixels further.
    ahead = 0
    for clip_THWC, action_KA in zip(frames_NTHWC.astype(float), actions[drifting], strict=True):
        pixels = round(float(action_KA[:3, 0].sum()) * 16)
        moved = np.roll(clip_THWC[0], pixels, axis=1)
        other = np.roll(clip_THWC[0], -pixels, axis=1)
        ahead += np.abs(moved - clip_THWC[3]).mean() < np.abs(other - clip_THWC[3]).mean()
    assert ahead == len(drifting)
    with pytest.raises(InputError, match="have no actions"):
        ShapesDataset("test", 2, 6, 32, 32, "shapes-crossing").actions(np.arange(2))
    assert clips.actions_sha256 != ShapesDataset("train", 48, 6, 32, 32).actions_sha256


def test_actions_are_numbers_of_the_right_size():
    assert checked_actions(np.arange(3), 1, "It").tolist() == [[0.0], [1.0], [2.0]]
    for actions, words in (
        (np.zeros((3, 2)), "float64 [3, 2]"),
        (np.array("x"), "is one value"),
        (np.array(["a"]), "<U1"),
        (np.array([0.0, np.nan]), "not finite at step 1"),
    ):
        refused(lambda actions=actions: checked_actions(actions, 1, "It"), words)
