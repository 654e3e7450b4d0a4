"""Reading image files, each of which is one frame of a clip.

The rules are those of videos: shown upright, refused if a pixel is transparent, if it is HDR or if it holds more than 8
bits, which RGB of 8 bits would lose. Colour profiles (ICC) and gamma chunks are not applied, to either.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidbench.data.image_ends import bmp_end, followed_by_picture, jpeg_end
from vidbench.data.jpeg_damage import jpeg_damage
from vidbench.data.png_files import PNG_SIGNATURE, PngChunks, check_png_colours, check_png_pixels, png_chunks
from vidbench.errors import InputError
from vidmetrics.formats.faults import real_kind
from vidmetrics.regular_files import read_regular

if TYPE_CHECKING:
    from PIL import Image

# Decided by content, but only these are decoded: some of Pillow's formats run other programs.
_FORMATS = {".png": "PNG", ".bmp": "BMP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_MOST_BYTES = 1 << 28
_ORIENTATION = 0x0112
# What Pillow's parsers throw at files that are not what they claim to be.
_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)


def read_image(path: Path) -> np.ndarray:
    """Read an image file as uint8 RGB ``[H, W, 3]``, upright; grey and palette images become RGB without loss.

    Bytes behind the picture that are not another picture are ignored.

    Raises:
        InputError: the file is damaged or enormous, is not in the format of its suffix, holds several pictures, has a
            transparent pixel, more than 8 bits or unreadable EXIF data, or is CMYK or HDR; names the file.
    """
    from PIL import Image

    format = _FORMATS.get(path.suffix.lower())
    if format is None:
        raise InputError(
            f"The image '{path}' has none of the suffixes {', '.join(_FORMATS)}; store it as one of these."
        )
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"The image '{path}' has more than {_MOST_BYTES >> 20} MiB; make it smaller or remove it.")
        content = read_regular(path)
        png = png_chunks(path, content) if format == "PNG" and content.startswith(PNG_SIGNATURE) else None
        with warnings.catch_warnings():
            # Pillow only warns before it decompresses more than 89 million pixels, and of metadata that it cannot read.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("error", UserWarning)
            with Image.open(io.BytesIO(content)) as image:
                return _pixels(path, image, format, content, png)
    except InputError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        limit = f"{Image.MAX_IMAGE_PIXELS:,}"
        raise InputError(f"The image '{path}' has more than {limit} pixels; make it smaller or remove it.") from None
    except (*_FAULTS, UserWarning) as error:
        kind = real_kind(path)
        # What it is says more, unless it is a damaged image.
        reason = _reason(error) if kind is None or kind.endswith(" image") else f"it is {kind}"
        raise InputError(f"The image '{path}' cannot be read ({reason}); write it again.") from error


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "it is not an image"
    return " ".join(str(getattr(error, "strerror", None) or error).split()).rstrip(".")


def _pixels(path: Path, image: Image.Image, format: str, content: bytes, png: PngChunks | None) -> np.ndarray:
    if image.format != format and not (format == "JPEG" and image.format == "MPO"):
        raise InputError(f"The image '{path}' is {image.format}, not {format}; give it the suffix of its format.")
    if getattr(image, "n_frames", 1) > 1:
        raise InputError(
            f"The image '{path}' holds {getattr(image, 'n_frames', 1)} pictures, and a frame is one; store each in a file of "
            "its own."
        )
    if png is not None:
        check_png_pixels(path, png)
        if image.mode == "P":
            check_png_colours(path, png, int(np.asarray(image).max()))
        end = png.end
    else:
        end = jpeg_end(content) if format == "JPEG" else bmp_end(content)
    if followed_by_picture(content, end):
        raise InputError(
            f"The image '{path}' is followed by another picture in the same file, and a frame is one; store each in a file of "
            "its own."
        )
    alpha = "A" in image.getbands() or "transparency" in image.info
    if image.mode not in ("RGB", "L", "P", "1") and not alpha:
        raise InputError(f"The image '{path}' has mode '{image.mode}', which is not 8-bit colour or grey; store RGB.")
    if not alpha:
        rgb_HWC = np.asarray(image.convert("RGB"))
    else:
        rgba_HWC = np.asarray(image.convert("RGBA"))
        if (rgba_HWC[..., 3] < 255).any():
            raise InputError(
                f"The image '{path}' (mode '{image.mode}') has transparent pixels, and what shows through them is not stored; "
                "flatten it."
            )
        rgb_HWC = rgba_HWC[..., :3]
    if format == "JPEG" and (damage := jpeg_damage(content[:end])) is not None:
        raise InputError(f"The image '{path}' is damaged (FFmpeg: {damage}); write it again.")
    return _turned(rgb_HWC, _orientation(path, image))


def _orientation(path: Path, image: Image.Image) -> int:
    from PIL import Image

    try:
        # Of a JPEG, Pillow has read it on opening and has said nothing of faults.
        Image.Exif().load(image.info.get("exif", b""))
        return int(image.getexif().get(_ORIENTATION, 1))
    except (*_FAULTS, UserWarning) as error:
        raise InputError(
            f"The image '{path}' has EXIF data that cannot be read, so nobody can tell which side is up; write it again without "
            "them."
        ) from error


def _turned(stored_HWC: np.ndarray, orientation: int) -> np.ndarray:
    """Apply the orientation of EXIF 2.32 (tag 274, 1 to 8); any other number means upright, as to viewers."""
    if orientation in (5, 6, 7, 8):
        stored_HWC = stored_HWC.transpose(1, 0, 2)
    flip_y, flip_x = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(stored_HWC[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
