"""The error of every reader of a file format, and what a file that is not of its format is instead."""

from __future__ import annotations

from pathlib import Path

from vidmetrics.errors import InputError
from vidmetrics.regular_files import open_regular

_HEAD_BYTES = 512


class UnreadableError(InputError):
    """A file or text that is not what its format requires.

    The message is a whole sentence. A caller that knows more about the file composes its own from `clause`.

    Attributes:
        clause: what is wrong, without subject and full stop, on one line: names inside a file may have line ends.
    """

    def __init__(self, clause: str, where: str = "The document") -> None:
        clause = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in clause)
        super().__init__(f"{where} cannot be read ({clause}); get it again, or write it again.")
        self.clause = clause


def reason(error: BaseException) -> str:
    """Return the message of another library's error as one short line, without a full stop."""
    text = " ".join(str(error).split()) or type(error).__name__
    return (text if len(text) <= 200 else text[:200] + "…").rstrip(".")


# The first bytes of files that are found in place of others: failed downloads, and formats mistaken for one another.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer; `git lfs pull` fetches the file itself"),
    (b"/annex/objects/", "a git-annex pointer; `git annex get` fetches the file itself"),
    (b"<!doctype html", "an HTML page; its address shows a page and not the file, or asks for a login"),
    (b"<html", "an HTML page; its address shows a page and not the file, or asks for a login"),
    (b"<?xml", "an XML document, which servers send as an error message"),
    (b"\x93numpy", "a numpy array (.npy)"),
    (b"pk\x03\x04", "a ZIP archive (.zip, .npz or .pt)"),
    (b"pk\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"bzh", "bzip2-compressed; unpack it first"),
    (b"\xfd7zxz", "xz-compressed; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"rar!", "a RAR archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed; unpack it first"),
    (b"\x89png", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"gif8", "a GIF image"),
    (b"\x89hdf\r\n", "an HDF5 file"),
    (b"%pdf", "a PDF document"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"\x7felf", "a program"),
    (b"#!", "a script"),
)


def real_kind(path: Path) -> str | None:
    """Return what the first bytes of a file show it to be, as the end of a sentence "it is ..."; None if they do not tell.

    Args:
        path: the file; one that cannot be opened tells nothing.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    return what_bytes_are(head)


def what_bytes_are(head: bytes) -> str | None:
    """Return what the first bytes of a file show it to be, as `real_kind` does.

    >>> from vidbench.models import what_bytes_are
    >>> what_bytes_are(b"<!DOCTYPE html><html>")[:12]
    'an HTML page'

    Args:
        head: the first 512 bytes, or all of a shorter file.
    """
    if not head:
        return "empty"
    if not any(head):
        return "all zeros at its start, as an interrupted copy leaves it"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signature, kind in _STARTS:
        if start.startswith(signature.lower()):  # lower() changes bytes of binary signatures too
            return kind
    if head[4:8] == b"ftyp":
        return "an MP4 or QuickTime video"
    if head[:4] == b"RIFF":
        return {b"AVI ": "an AVI video", b"WEBP": "a WebP image"}.get(head[8:12], "a RIFF file")
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it first"
    if start[:1] == b"{" and _is_text(head):
        return "a JSON text, which servers send as an error message"
    return None


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in head)


def unreadable(path: Path, clause: str, where: str | None = None, own: str = "-") -> UnreadableError:
    """Return the error for a file, with what the file is instead if that is known.

    Args:
        path: the file.
        clause: what is wrong, without subject and full stop.
        where: subject of the sentence; None for "The file PATH".
        own: how `real_kind` begins for files of the format itself, of which it says nothing new.
    """
    kind = real_kind(path)
    return UnreadableError(
        clause if kind is None or kind.startswith(own) else f"it is {kind}", where or f"The file {path}"
    )
