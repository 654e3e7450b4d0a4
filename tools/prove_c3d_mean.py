"""What proves mean2.npz of TGANv2, the mean of C3D's training clips: its values are those that C3D's authors published.

    python tools/prove_c3d_mean.py mean2.npz

prints the SHA-256 of the file, and the git blob id of its values in the form of a Caffe mean. facebookarchive/C3D (71336a2) has that
blob as C3D-v1.0/examples/c3d_finetuning/train01_16_128_171_mean.binaryproto: 029ac7f342ede1d898c3a50c19c7fdcebf557141.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

PUBLISHED = "029ac7f342ede1d898c3a50c19c7fdcebf557141"


def binaryproto(mean_CTHW: npt.NDArray[np.float32]) -> bytes:
    """Write a mean as C3D's Caffe does: a BlobProto with num, channels, length, height, width and packed floats."""
    data = np.ascontiguousarray(mean_CTHW, "<f4").tobytes()
    sizes = b"".join(bytes([field << 3]) + _varint(size) for field, size in enumerate((1, *mean_CTHW.shape), start=1))
    return sizes + bytes([6 << 3 | 2]) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    digits = b""
    while number > 127:
        digits, number = digits + bytes([number & 127 | 128]), number >> 7
    return digits + bytes([number])


def git_blob(content: bytes) -> str:
    """Return the id that git gives to a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def main(path: str) -> int:
    """Print both digests; 1 if the values are not the published ones."""
    print("sha256 ", hashlib.sha256(Path(path).read_bytes()).hexdigest())
    mean = np.load(path, allow_pickle=False)["mean"]
    values = mean.astype(np.float32)
    found = git_blob(binaryproto(values))
    same = found == PUBLISHED and bool((values == mean).all())
    print("values ", found, "are those of facebookarchive/C3D" if same else f"are others than {PUBLISHED}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
