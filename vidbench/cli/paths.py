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


PATH = _NonEmptyPath(path_type=Path)
"""Parses to a `pathlib.Path`; a ``click.BadParameter`` refuses the empty string."""
