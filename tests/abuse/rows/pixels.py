"""Images and videos whose pixels are not 8-bit opaque RGB, each stored once: as frames of samples and as whole clips."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.abuse.case import Case
from tests.abuse.rows._inputs import typed
from tests.png_chunks import chunk

_RGB = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
_FRAMES = 12
_MEASURE = ("measure", "clips", "clips", "--metric", "fvd-shapes", "--num-frames", str(_FRAMES))
_TASKS = ("evaluate", "--model", "noise", "--output", "out/run", "--task")


def _png(
    *extra: tuple[bytes, bytes],
    side: int = 32,
    bits: int = 8,
    cut: int | None = None,
    rows: int = 32,
    colour_type: int = 2,
) -> bytes:
    pixels = b"".join(b"\0" + _RGB[row % 32].tobytes() * (bits // 8) for row in range(rows))
    header = struct.pack(">IIBBBBB", side, side, bits, colour_type, 0, 0, 0)
    inner = b"".join(chunk(*each) for each in extra)
    whole = chunk(b"IHDR", header) + inner + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return (b"\x89PNG\r\n\x1a\n" + whole)[:cut]


def _saved(name: str, mode: str = "RGB", **options: object) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    rgba = np.dstack([_RGB, np.full((32, 32), 128, np.uint8)])
    image = Image.fromarray(rgba) if mode in ("RGBA", "LA") else Image.fromarray(_RGB)
    image = image if image.mode == mode else image.convert(mode)
    if "transparency" in options:
        # An entry that no pixel uses would hide nothing.
        options["transparency"] = image.getpixel((0, 0))
    more = [Image.fromarray(np.roll(_RGB, 1, 0)).convert(mode)] if options.get("save_all") else []
    image.save(file, name, **options, **({"append_images": more} if more else {}))
    return file.getvalue()


def _with_frame(name: str, content: Callable[[], bytes]) -> Callable[[Path], None]:
    """Write two sound clips as folders of frames, the last frame of the second replaced."""

    def write(folder: Path) -> None:
        for clip in ("a", "b"):
            (folder / "clips" / clip).mkdir(parents=True)
            for number in range(_FRAMES - (clip == "b")):
                (folder / "clips" / clip / f"{number}.png").write_bytes(_png())
        (folder / "clips" / "b" / name).write_bytes(content())

    return write


_LAST = "11.png"
# What the file is, its name, how it is written, and what the message must contain.
_IMAGES = (
    ("RGBA", _LAST, lambda: _saved("PNG", "RGBA"), "transparent pixels"),
    ("grey with alpha", _LAST, lambda: _saved("PNG", "LA"), "transparent pixels"),
    ("tRNS", _LAST, lambda: _png((b"tRNS", struct.pack(">HHH", *_RGB[3, 3].tolist()))), "transparent pixels"),
    ("palette with tRNS", _LAST, lambda: _saved("PNG", "P", transparency=0), "transparent pixels"),
    ("16 bits", _LAST, lambda: _png(bits=16), "16 bits"),
    ("16-bit grey", _LAST, lambda: _saved("PNG", "I;16"), "16 bits"),
    ("PQ", _LAST, lambda: _png((b"cICP", bytes([9, 16, 0, 1]))), "HDR (transfer PQ)"),
    ("HLG", _LAST, lambda: _png((b"cICP", bytes([9, 18, 0, 1]))), "HDR (transfer HLG)"),
    ("animated PNG", _LAST, lambda: _saved("PNG", save_all=True), "holds 2 pictures"),
    ("CMYK", "11.jpg", lambda: _saved("JPEG", "CMYK"), "mode 'CMYK'"),
    ("JPEG named PNG", _LAST, lambda: _saved("JPEG"), "is JPEG, not PNG"),
    ("TIFF named PNG", _LAST, lambda: _saved("TIFF"), "is TIFF, not PNG"),
    ("PostScript named PNG", _LAST, lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n", "not PNG"),
    ("cut after 60 bytes", _LAST, lambda: _png(cut=60), "11.png"),
    ("cut before the end", _LAST, lambda: _png(cut=-5), "11.png"),
    ("cut JPEG", "11.jpg", lambda: _saved("JPEG")[:400], "11.jpg"),
    ("cut JPEG with an end marker", "11.jpg", lambda: _saved("JPEG")[:900] + b"\xff\xd9", "damaged"),
    ("two PNG", _LAST, lambda: _png() * 2, "another picture"),
    ("two JPEG", "11.jpg", lambda: _saved("JPEG") * 2, "another picture"),
    ("two BMP", "11.bmp", lambda: _saved("BMP") * 2, "another picture"),
    ("garbage in eXIf", _LAST, lambda: _png((b"eXIf", b"garbage")), "EXIF"),
    ("cut in its last chunk of pixels", _LAST, lambda: _png(cut=-100), "cut off"),
    ("half the rows", _LAST, lambda: _png(rows=16), "bytes of pixels"),
    ("more rows than its height", _LAST, lambda: _png(rows=64), "more pixels"),
    ("no palette", _LAST, lambda: _png(colour_type=3), "palette is missing"),
    ("unknown critical chunk", _LAST, lambda: _png((b"ABCD", b"")), "critical chunk ABCD"),
    ("no image", _LAST, lambda: b"<html>404</html>", "an HTML page"),
    ("empty", _LAST, lambda: b"", "is empty"),
    ("flipped bit", _LAST, lambda: _png()[:200] + b"\xff" + _png()[201:], "11.png"),
    ("400 million pixels", _LAST, lambda: _png(side=20000), "pixels"),
    ("4 billion pixels", _LAST, lambda: _png(side=2**31 - 1), "11.png"),
    ("text of 200 MB", _LAST, lambda: _png((b"zTXt", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))), "11.png"),
    ("profile of 200 MB", _LAST, lambda: _png((b"iCCP", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))), "11.png"),
)


def _with_video(name: str, codec: str, pix_fmt: str, **tags: int) -> Callable[[Path], None]:
    """Write one clip as a video, twice; tags are attributes of its frames."""

    def write(folder: Path) -> None:
        import av

        (folder / "clips").mkdir()
        rgba = np.dstack([_RGB, np.full((32, 32), 128, np.uint8)]).repeat(2, 0).repeat(2, 1)
        options = {"x265-params": "log-level=none:pools=1"} if codec == "libx265" else {}
        with av.open(str(folder / "clips" / name), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
            for tag, value in tags.items():
                setattr(stream.codec_context, tag, value)
            for number in range(_FRAMES):
                frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)
                for tag, value in tags.items():
                    setattr(frame, tag, value)
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        (folder / "clips" / f"again-{name}").write_bytes((folder / "clips" / name).read_bytes())

    return write


def _animation(name: str, mode: str = "RGB", **options: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        from PIL import Image

        (folder / "clips").mkdir()
        clear = np.zeros((32, 32, 1), np.uint8) + np.arange(32, dtype=np.uint8)[:, np.newaxis] * 8
        rgba = np.dstack([_RGB, clear])
        pictures = [Image.fromarray(np.roll(rgba, shift, 0)).convert(mode) for shift in range(_FRAMES)]
        for number in "ab":
            pictures[0].save(
                folder / "clips" / f"{number}.{name}", save_all=True, append_images=pictures[1:], **options
            )

    return write


def _with_palette(folder: Path) -> None:
    import av

    (folder / "clips").mkdir()
    colours = np.full((256, 4), 255, np.uint8)
    colours[7, 0] = 0
    with av.open(str(folder / "clips" / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "pal8"
        for number in range(_FRAMES):
            numbers = np.roll(np.arange(64 * 64, dtype=np.uint16).astype(np.uint8).reshape(64, 64), number)
            container.mux(stream.encode(av.VideoFrame.from_ndarray((numbers, colours), format="pal8")))
        container.mux(stream.encode(None))
    (folder / "clips" / "b.mov").write_bytes((folder / "clips" / "a.mov").read_bytes())


_DEEP = "yuv420p10le"
_VIDEOS = (
    ("PQ", _with_video("a.mp4", "libx265", _DEEP, color_trc=16, color_primaries=9, colorspace=9), "HDR (transfer PQ)"),
    (
        "HLG",
        _with_video("a.mkv", "libx265", _DEEP, color_trc=18, color_primaries=9, colorspace=9),
        "HDR (transfer HLG)",
    ),
    ("PQ in H.264", _with_video("a.mp4", "libx264", _DEEP, color_trc=16), "HDR (transfer PQ)"),
    ("YCgCo", _with_video("a.mp4", "libx264", "yuv444p", colorspace=8), "colour matrix YCgCo"),
    ("alpha of QuickTime", _with_video("a.mov", "qtrle", "argb"), "transparent pixels"),
    ("alpha of ProRes", _with_video("a.mov", "prores_ks", "yuva444p10le"), "transparent pixels"),
    ("alpha of FFV1", _with_video("a.mkv", "ffv1", "yuva420p"), "transparent pixels"),
    ("alpha of a palette", _with_palette, "transparent pixels"),
    ("alpha of VP9", _with_video("a.webm", "libvpx-vp9", "yuva420p"), "alpha channel that is not decoded"),
    ("transparent GIF", _animation("gif", "RGBA", duration=40, disposal=2), "transparent pixels"),
    ("held GIF frame", _animation("gif", duration=[40] * 5 + [400] + [40] * 6), "shows frame 5 for 0.4 s"),
)

CASES = (
    *(
        Case(f"image: {what}", typed(*_MEASURE, inputs=_with_frame(name, made)), word)
        for what, name, made, word in _IMAGES
    ),
    *(Case(f"video: {what}", typed(*_MEASURE, inputs=made), word) for what, made, word in _VIDEOS),
    Case("pixels without a name", typed(*_MEASURE, "--pixels"), "--pixels"),
    Case("unknown pixels", typed(*_MEASURE, "--pixels", "opencv"), "ffmpeg-default"),
    Case("embedded data under another convention", typed(*_TASKS, "shapes-gen+ffmpeg-default"), "embedded"),
    Case("unknown convention of a task", typed(*_TASKS, "k600-pred+opencv"), "Unknown task"),
)
