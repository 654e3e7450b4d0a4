"""The type of every path on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class _NonEmptyPath(click.Path):
    """A path; an empty one would silently be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the path is empty; name a file or a folder ('.' is the current one).", param, ctx)
        return super().convert(value, param, ctx)


class _PathOrAddress(_NonEmptyPath):
    """A path of clips, or an address such as ``hf://…``, of which it is the local copy."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and "://" in value:
            from vidbench.data.remote import SCHEMES, is_remote, local_copy
            from vidbench.progress import Progress

            if is_remote(value):
                return local_copy(value, Progress())
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            self.fail(f"'{value[:100]}' is no path, and of addresses only {known} is read.", param, ctx)
        return super().convert(value, param, ctx)


PATH = _NonEmptyPath(path_type=Path)
"""Parses to a `pathlib.Path`; a ``click.BadParameter`` refuses the empty string."""

CLIPS = _PathOrAddress(path_type=Path)
"""As `PATH`, for folders and files of clips: ``hf://…`` is copied into the home folder first."""
