"""Changes of a video file that keep every remaining picture, and changes that lose some."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from tests.abuse.videos.encodings import FORMATS, FRAGMENTS, FRAMES, Encoding

BARE = ("h264", "hevc", "m2v")
MP4 = ("mp4", "mov")


class Change(NamedTuple):
    """A way to obtain another file from an encoding.

    Args:
        make: writes the file at the second path, given the sound file at the first, its encoding and its container.
        fits: the containers for which it exists.
        sound: the pictures that remain are complete.
    """

    make: Callable[[Path, Path, Encoding, str], None]
    fits: Callable[[str], bool]
    sound: bool


def _packets(path: Path) -> list[av.Packet]:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


def copy_packets(
    source: Path,
    path: Path,
    container: str,
    keep: Callable[[int], bool],
    moved: Callable[[float], float] = lambda time: time,
) -> None:
    """Copy the packets whose number is kept, without re-encoding, to other times in seconds."""
    options = {"movflags": FRAGMENTS} if container == "fmp4" else {}
    with (
        av.open(str(source)) as read,
        av.open(str(path), "w", format=FORMATS.get(container, container), options=options) as output,
    ):
        stream = output.add_stream_from_template(read.streams.video[0], opaque=True)
        for number, packet in enumerate(packet for packet in read.demux(video=0) if packet.size):
            if keep(number):
                for stamp in ("pts", "dts"):
                    ticks = getattr(packet, stamp)
                    if ticks is not None:
                        setattr(packet, stamp, round(moved(float(ticks * packet.time_base)) / packet.time_base))
                packet.stream = stream
                output.mux(packet)


# --- complete pictures ------------------------------------------------------------------------------------------------


def _as_written(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    path.write_bytes(source.read_bytes())


def _from_second_key_frame(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    keys = [number for number, packet in enumerate(_packets(source)) if packet.is_keyframe]
    first = keys[1] if len(keys) > 1 else 0
    copy_packets(source, path, container, lambda number: number >= first)


def _five_seconds_late(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    copy_packets(source, path, container, lambda _: True, lambda time: time + 5.0)


def _variable_rate(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    """Frames last 20, 40, 60 or 250 ms."""
    times = np.cumsum(np.random.default_rng(3).choice([0.02, 0.04, 0.06, 0.25], 3 * FRAMES))
    copy_packets(
        source,
        path,
        container,
        lambda _: True,
        lambda time: float(np.interp(time * 25, np.arange(-FRAMES, 2 * FRAMES), times)),
    )


def _edit_list(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    """Show the video from its 13th frame on: the first 12 are stored and hidden."""
    data = bytearray(source.read_bytes())
    at = data.index(b"elst") + 8
    with av.open(str(source)) as opened:
        stream = opened.streams.video[0]
        ticks = int(12 / 25 / stream.time_base)
    count, length, start = struct.unpack_from(">IIi", data, at)
    assert count == 1
    struct.pack_into(">Ii", data, at + 4, length * (FRAMES - 12) // FRAMES, start + ticks)
    path.write_bytes(data)


def _with_longer_sound(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    with av.open(str(source)) as read, av.open(str(path), "w", format=FORMATS.get(container, container)) as output:
        stream = output.add_stream_from_template(read.streams.video[0], opaque=True)
        sound = output.add_stream("libmp3lame", rate=44100, layout="mono")
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
        for number in range(150):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 44100, 1152 * number
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))


def _padded(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    path.write_bytes(source.read_bytes() + bytes(1000))


# --- lost pictures ----------------------------------------------------------------------------------------------------


def _cut_at(share: float) -> Callable[[Path, Path, Encoding, str], None]:
    def make(source: Path, path: Path, encoding: Encoding, container: str) -> None:
        data = source.read_bytes()
        # An odd number is no multiple of a transport packet's 188 bytes.
        path.write_bytes(data[: int(share * len(data)) | 1])

    return make


def _cut_at_packet(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    packets = _packets(source)
    path.write_bytes(source.read_bytes()[: packets[3 * len(packets) // 4].pos])


def _last_fragment_missing(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    data = source.read_bytes()
    path.write_bytes(data[: data.rindex(b"moof") - 4])


def _overwritten(size: int, noise: bool) -> Callable[[Path, Path, Encoding, str], None]:
    def make(source: Path, path: Path, encoding: Encoding, container: str) -> None:
        data = bytearray(source.read_bytes())
        middle = len(data) // 2
        new = np.random.default_rng(5).integers(0, 256, size, dtype=np.uint8).tobytes() if noise else bytes(size)
        data[middle : middle + size] = new
        path.write_bytes(data)

    return make


def _three_bits(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    data = bytearray(source.read_bytes())
    for share in (0.4, 0.5, 0.6):
        data[int(share * len(data))] ^= 0x10
    path.write_bytes(data)


def _bit_of_a_picture(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    """Flip one bit in the middle of the 21st packet's coded data."""
    data, payload = bytearray(source.read_bytes()), bytes(_packets(source)[20])
    at = data.find(payload[-32:])
    if at >= 0:
        data[at - max(0, len(payload) // 2 - 32)] ^= 0x10
    path.write_bytes(data)


def _without_packet(number: int) -> Callable[[Path, Path, Encoding, str], None]:
    def make(source: Path, path: Path, encoding: Encoding, container: str) -> None:
        copy_packets(source, path, container, lambda each: each != number)

    return make


def _without_transport_packet(source: Path, path: Path, encoding: Encoding, container: str) -> None:
    data = source.read_bytes()
    middle = len(data) // 188 // 2 * 188
    path.write_bytes(data[:middle] + data[middle + 188 :])


def _any(container: str) -> bool:
    return True


def _timed(container: str) -> bool:
    return container not in BARE


SOUND = {
    "as written": Change(_as_written, _any, True),
    "cut at a key frame, not re-encoded": Change(_from_second_key_frame, _timed, True),
    "starts at 5 s": Change(_five_seconds_late, _timed, True),
    "variable rate": Change(_variable_rate, lambda container: container not in (*BARE, "avi"), True),
    "edit list that hides 12 frames": Change(_edit_list, lambda container: container in MP4, True),
    "1,000 zeros after the end": Change(_padded, _timed, True),
    "sound longer than the video": Change(
        _with_longer_sound, lambda container: container in ("mp4", "mkv", "avi"), True
    ),
}
DAMAGED = {
    "cut at 60 % of the bytes": Change(_cut_at(0.6), _any, False),
    "cut at 95 % of the bytes": Change(_cut_at(0.95), _any, False),
    "cut where a packet begins": Change(_cut_at_packet, _any, False),
    "last fragment missing": Change(_last_fragment_missing, lambda container: container == "fmp4", False),
    "200 bytes of zeros": Change(_overwritten(200, noise=False), _any, False),
    "300 bytes of noise": Change(_overwritten(300, noise=True), _any, False),
    "three bits flipped": Change(_three_bits, _any, False),
    "a bit of a picture flipped": Change(_bit_of_a_picture, _any, False),
    "packet 18 dropped": Change(_without_packet(17), _timed, False),
    "packet 21 dropped": Change(_without_packet(20), _timed, False),
    "a transport packet dropped": Change(_without_transport_packet, lambda container: container == "ts", False),
}
