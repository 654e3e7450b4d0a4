"""The suffixes of media files, in lower case: those that are read, and those that are known but not read."""

from __future__ import annotations

VIDEO_SUFFIXES = frozenset({".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".ts", ".webm"})
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png"})
LOSSY_IMAGE_SUFFIXES = frozenset({".jpeg", ".jpg"})

# Containers and codecs for which no rule tells sound files from damaged ones, and images whose colours need one.
_OTHER_VIDEOS = """
    .264 .265 .266 .3g2 .3gp .3gpp .amv .apng .asf .av1 .braw .divx .dv .f4v .flc .fli .flv .h261 .h263 .h264 .h265
    .hevc .ivf .ismv .m1v .m2p .m2t .m2ts .m2v .m4s .mj2 .mjpeg .mjpg .mk3d .mng .mp2v .mp4v .mpe .mpeg .mpg .mpv
    .mts .mxf .nut .nsv .obu .ogm .ogv .ogx .qt .r3d .rm .rmvb .vc1 .vob .vro .wmv .wtv .xvid .y4m .yuv
    """
_OTHER_IMAGES = """
    .arw .avif .avifs .bpg .cr2 .cr3 .dds .dib .dng .dpx .exr .flif .hdr .heic .heics .heif .j2k .jfif .jif .jp2 .jpe .jpf .jpx
    .jxl .nef .pbm .pcx .pfm .pgm .pnm .ppm .psd .qoi .tga .tif .tiff .webp .xbm .xpm
    """

MEDIA_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {*_OTHER_VIDEOS.split(), *_OTHER_IMAGES.split()}
"""Files with one of these suffixes are never passed over: they are read, left out by the user, or refused."""


def suffix_of(name: str) -> str:
    """Return the suffix of a file name in lower case, with its dot; empty if there is none."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
