"""Files that are shorter than their container states, byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.abuse.videos.encodings import ENCODINGS, write
from vidbench.data.extent import ends_early, has_second_movie


def cut(path: Path, size: int) -> Path:
    shorter = path.with_name(f"cut-{path.name}")
    shorter.write_bytes(path.read_bytes()[:size])
    return shorter


@pytest.fixture(params=["mp4", "fmp4", "avi", "ts", "mkv", "h264"])
def sound(request, tmp_path) -> Path:
    path = tmp_path / f"sound.{request.param}"
    write(path, ENCODINGS["h264"], request.param)
    return path


@pytest.mark.parametrize("padding", [188, 1000])
def test_sound_files_end_where_they_should(sound, padding):
    assert not ends_early(sound)
    with sound.open("ab") as file:
        file.write(bytes(padding))
    assert not ends_early(sound)  # padding


def test_an_avi_lacks_frames_as_soon_as_the_list_of_frames_is_cut(tmp_path):
    path = tmp_path / "sound.avi"
    write(path, ENCODINGS["mpeg4"], "avi")
    data = path.read_bytes()
    at = data.index(b"movi") - 8
    end = at + 8 + struct.unpack_from("<I", data, at + 4)[0]
    assert data[end : end + 4] == b"idx1"
    assert not ends_early(cut(path, end + 4))  # only the index is cut
    assert not ends_early(cut(path, end))
    assert ends_early(cut(path, end - 1))
    assert ends_early(cut(path, at + 100))
    live = bytearray(data[: end - 1])
    struct.pack_into("<I", live, at + 4, 0)  # written before the size is known
    path.write_bytes(live)
    assert not ends_early(path)


def test_a_transport_stream_is_whole_packets(tmp_path):
    path = tmp_path / "sound.ts"
    write(path, ENCODINGS["mpeg2"], "ts")
    size = path.stat().st_size
    assert [ends_early(cut(path, size - less)) for less in (0, 1, 94, 187, 188)] == [False, True, True, True, False]
    packets = [path.read_bytes()[at : at + 188] for at in range(0, size, 188)]
    blu_ray = tmp_path / "sound.m2ts"
    blu_ray.write_bytes(b"".join(bytes(4) + packet for packet in packets))
    assert not ends_early(blu_ray)
    assert ends_early(cut(blu_ray, 192 * 20 + 188))


def test_a_fragment_is_there_with_its_header_and_its_data(tmp_path):
    path = tmp_path / "sound.fmp4"
    write(path, ENCODINGS["h264"], "fmp4")
    data = path.read_bytes()
    last = data.rindex(b"moof") - 4
    index = data.rindex(b"mfra") - 4
    assert not ends_early(cut(path, last))  # cannot be told
    for more in (1, 7, 8, 12, 16):
        assert ends_early(cut(path, last + more))
    after_headers = data.rindex(b"mdat") - 4
    assert not ends_early(cut(path, after_headers))  # the index of the fragment tells, once it is read
    for more in (1, 7, 8, 12):
        assert ends_early(cut(path, after_headers + more))
    assert ends_early(cut(path, index - 1))
    assert not ends_early(cut(path, index))
    for noise in (bytes(16), bytes(range(100, 116))):
        middle = data.index(b"moof", data.index(b"moof") + 4) - 4
        path.write_bytes(data[:middle] + noise + data[middle + 16 :])
        assert ends_early(path)  # two fragments follow
        path.write_bytes(data[:last] + noise + data[last + 16 : index])
        assert not ends_early(path)  # none follows; nothing tells it from padding
    path.write_bytes(data[: data.rindex(b"mdat") - 4] + bytes(4) + data[data.rindex(b"mdat") : index])
    assert not ends_early(path)  # written before the size is known
    path.write_bytes(data)
    assert not ends_early(cut(path, 300))  # FFmpeg refuses a file without the movie header


@pytest.mark.parametrize(("title", "container"), [("vp9", "webm"), ("h264", "mkv")])
def test_a_matroska_segment_states_its_length_unless_it_was_written_live(tmp_path, title, container):
    path = tmp_path / f"sound.{container}"
    write(path, ENCODINGS[title], container)
    data = bytearray(path.read_bytes())
    assert [ends_early(cut(path, len(data) - less)) for less in (0, 1, 500)] == [False, True, True]
    assert not ends_early(cut(path, 40))  # within the header; FFmpeg refuses it
    at = data.index(b"\x18\x53\x80\x67") + 4
    data[at : at + 8] = b"\x01" + 7 * b"\xff"
    path.write_bytes(data[:-500])
    assert not ends_early(path)


def gif(path: Path, pictures: int = 4) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (pictures, 24, 32, 3), dtype=np.uint8)
    first, *others = [Image.fromarray(picture) for picture in noise]
    first.save(path, save_all=True, append_images=others, duration=40)
    return path.read_bytes()


def test_a_gif_may_lack_its_trailer_but_no_part_of_a_block(tmp_path):
    path = tmp_path / "sound.gif"
    data = gif(path)
    assert data[-2:] == b"\0\x3b"
    with av.open(str(path)) as container:
        whole = {packet.pos + packet.size for packet in container.demux() if packet.size}
    assert len(whole) == 4
    assert not ends_early(path)
    accepted = [end for end in range(6, len(data)) if not ends_early(cut(path, end))]
    # Behind each picture: a sound file of an encoder that omits the trailer looks the same.
    assert len(accepted) == 4
    assert accepted[-1] == len(data) - 1
    for end in accepted:
        assert data[end - 1] == 0
        assert data[end] in (0x21, 0x3B)
    path.write_bytes(data + bytes(300))
    assert not ends_early(path)  # padding
    path.write_bytes(data + data[:-100])
    assert ends_early(path)  # FFmpeg reads both


def test_a_second_movie_is_noticed_and_joined_segments_are_not(tmp_path):
    path = tmp_path / "sound.mp4"
    write(path, ENCODINGS["h264"], "mp4")
    data = path.read_bytes()
    for content, second in ((data, False), (data + bytes(500), False), (data + data, True), (data[:-4], False)):
        path.write_bytes(content)
        assert has_second_movie(path) is second
    write(path, ENCODINGS["h264"], "fmp4")
    path.write_bytes(path.read_bytes() * 2)
    assert not has_second_movie(path)
    assert not ends_early(path)


def test_files_of_any_content_are_answered(tmp_path):
    path = tmp_path / "file"
    for content in (
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0AVI LIST",
        b"\0\0\0\0ftyp",
        b"\0\0\0\1ftyp" + bytes(40),
        bytes(3000),
        b"\x1a\x45\xdf\xa3",
    ):
        path.write_bytes(content)
        assert not ends_early(path)
        assert not has_second_movie(path)
