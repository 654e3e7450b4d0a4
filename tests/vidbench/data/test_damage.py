"""Which messages of FFmpeg count, and that they are charged to the file that they are about."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from vidbench.data.damage import Damage, Message, listening
from vidbench.data.decode import decoding, iterate_frames
from vidbench.errors import InputError

CODECS = {
    "mpeg2video": "mkv",
    "mpeg4": "avi",
    "libx264": "mp4",
    "libx265": "mp4",
    "libvpx-vp9": "webm",
    "libsvtav1": "mkv",
}


@pytest.fixture
def cases(shared) -> Path:
    return shared / "data" / "cases" / "videos"


def read(path: Path) -> int | str:
    """Return the number of frames, or the refusal."""
    try:
        return sum(1 for _ in iterate_frames(path))
    except InputError as error:
        return str(error)


class Packet(NamedTuple):
    is_keyframe: bool = False
    pos: int | None = None


def said(*messages: Message, decoder: str = "h264", before: Sequence[Packet] = (Packet(True),)) -> Damage:
    damage = Damage(decoder, [])
    for packet in before:
        damage.after(packet, [])
    damage.after(Packet(), messages)
    return damage


FATAL = Message(16, "h264", "concealing 16 DC, 16 AC, 16 MV errors in P frame")
RELEASED = Message(16, "h264", "mmco: unref short failure")


def test_messages_that_cost_no_pixel_are_ignored():
    comment = Message(16, "h264", "SEI type 5 size 2048 truncated at 64")
    assert said(comment, RELEASED).found is None
    assert said(comment, RELEASED, FATAL).found == FATAL.text
    assert said(FATAL, decoder="hevc").found is None  # of another stream
    assert said(FATAL._replace(level=24)).found is None  # a warning
    assert said(RELEASED._replace(text="mmco: unref short failure, and worse")).found is not None


def test_a_missing_reference_is_harmless_at_the_start_alone():
    """After the second key frame nothing from before the cut is referred to: a frame was lost."""
    assert said(RELEASED, before=[Packet(True), *[Packet()] * 30]).found is None
    assert said(RELEASED, before=[Packet(True), Packet(), Packet(True)]).found == RELEASED.text


def test_containers_that_end_early_are_cut_off():
    assert said(Message(16, "matroska,webm", "File ended prematurely")).cut_off
    assert said(Message(16, "matroska,webm", "File ended prematurely at pos. 22400 (0x5780)")).cut_off
    assert said(Message(16, "mov,mp4,m4a,3gp,3g2,mj2", "stream 0, offset 0x1f00: partial file")).cut_off
    assert not said(Message(16, "matroska,webm", "Unknown entry 0x80")).cut_off


def test_a_container_broken_before_the_last_picture_is_damaged():
    for broken in (
        Message(16, "matroska,webm", "0x00 at pos 500 (0x1f4) invalid as first byte of an EBML number"),
        Message(
            16, "matroska,webm", "Element at 0x1f4 ending at 0x9f4 exceeds containing master element ending at 0x8f4"
        ),
    ):
        damage = Damage("vp9", [broken])
        damage.after(Packet(True, 400), [])
        assert damage.found is None
        damage.after(Packet(False, 600), [])
        assert damage.found == broken.text


def test_what_opening_said_is_kept_apart():
    damage = Damage("h264", [FATAL, Message(16, "matroska,webm", "File ended prematurely")])
    assert (damage.found, damage.cut_off) == (None, False)
    assert (damage.found_on_opening, damage.cut_off_on_opening) == (FATAL.text, True)


def test_a_cut_without_re_encoding_keeps_every_frame(cases):
    assert read(cases / "h264_open_gop_cut.mp4") == 42
    assert read(cases / "h264_overlong_sei.mp4") == 60


def test_damage_that_ffmpeg_paints_over_is_refused(cases):
    assert "is damaged after frame 19 (error while decoding MB 1 1" in str(read(cases / "h264_zeroed_middle.mp4"))


def test_files_read_in_turn_keep_their_messages(cases):
    """Two open files of one thread, whose frames alternate: neither may take the other's damage."""
    damaged, sound = cases / "h264_zeroed_middle.mp4", cases / "h264_overlong_sei.mp4"
    frames = iterate_frames(sound)
    assert len([next(frames) for _ in range(15)]) == 15
    assert "zeroed_middle" in str(read(damaged))
    assert sum(1 for _ in frames) == 45
    other = iterate_frames(sound)
    with pytest.raises(InputError, match="zeroed_middle"):
        for _ in zip_longest(other, iterate_frames(damaged)):
            pass
    assert sum(1 for _ in other) > 30


def test_a_file_begun_in_one_thread_and_read_in_another_keeps_its_messages(cases):
    frames = iterate_frames(cases / "h264_zeroed_middle.mp4")
    next(frames)
    caught: list[BaseException] = []

    def finish() -> None:
        try:
            list(frames)
        except InputError as error:
            caught.append(error)

    thread = threading.Thread(target=finish)
    thread.start()
    thread.join()
    assert "zeroed_middle" in str(caught)


def test_files_read_at_the_same_time_keep_their_messages(cases):
    names = ["h264_zeroed_middle.mp4", "h264_overlong_sei.mp4", "h264_open_gop_cut.mp4", "starts_at_5s.mkv"]
    alone = {name: read(cases / name) for name in names}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda name: (name, read(cases / name)), names * 15))
    assert together == [(name, alone[name]) for name in names * 15]


@pytest.mark.parametrize("switched_off", [av.logging.restore_default_callback, lambda: av.logging.set_level(None)])
def test_damage_is_noticed_after_other_code_has_switched_the_log_off(cases, switched_off):
    frames = iterate_frames(cases / "h264_zeroed_middle.mp4")
    next(frames)
    switched_off()
    with pytest.raises(InputError, match="damaged"):
        list(frames)


def write(path: Path, codec: str, height: int = 64, width: int = 96) -> None:
    with av.open(str(path), "w") as container:
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(12):
            image = np.full((height, width, 3), 15 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
@pytest.mark.parametrize("codec", CODECS)
def test_no_decoder_starts_threads(tmp_path, codec):
    """Messages of FFmpeg's own threads would reach nobody."""
    path = tmp_path / f"video.{CODECS[codec]}"
    write(path, codec)
    before = threads()
    with decoding(path) as video:
        assert {threads() for _ in video.frames} == {before}


def test_what_nobody_listens_to_is_not_printed(tmp_path, capfd):
    with listening() as messages:
        av.logging.log(av.logging.ERROR, "h264", "heard")
        av.logging.log(av.logging.ERROR, "h264", "heard")
    assert messages == [Message(16, "h264", "heard")] * 2
    av.logging.log(av.logging.ERROR, "h264", "not heard")
    assert messages == [Message(16, "h264", "heard")] * 2
    assert capfd.readouterr() == ("", "")
