"""What a file that is not of its format is instead."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from vidmetrics.formats.faults import UnreadableError, real_kind, unreadable, what_bytes_are


def _image(kind):
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (bytes(512), "all zeros"),
        (b"\n <HTML lang=en>", "HTML page"),
        (b"\xef\xbb\xbf<!doctype html>", "HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b'{"error": "not found"}', "JSON"),
        (_image("PNG"), "a PNG image"),
        (_image("JPEG"), "a JPEG image"),
        (_image("GIF"), "a GIF image"),
        (_image("WEBP"), "a WebP image"),
        (b"\0\0\0\x20ftypisom", "an MP4"),
        (b"a" * 257 + b"ustar", "a tar archive"),
    ],
)
def test_known_beginnings_are_named(head, kind):
    assert kind in what_bytes_are(head)


def test_other_bytes_say_nothing(tmp_path):
    assert what_bytes_are(b"[data]\n") is None
    assert what_bytes_are(np.random.default_rng(0).bytes(512)) is None
    assert real_kind(tmp_path / "nowhere") is None


def test_the_kind_replaces_the_clause_unless_it_is_the_format_itself(tmp_path):
    (tmp_path / "a").write_bytes(_image("PNG"))
    assert unreadable(tmp_path / "a", "it is cut").clause == "it is a PNG image"
    assert unreadable(tmp_path / "a", "it is cut", own="a PNG").clause == "it is cut"
    assert isinstance(unreadable(tmp_path / "b", "x"), UnreadableError)
