"""HTML templates that ship inside a package."""

from __future__ import annotations

from importlib.resources.abc import Traversable

import jinja2

from vidbench.rendering.printable import printable_text


def _shown(value: object) -> object:
    """Show hidden characters of plain text; markup is our own."""
    return printable_text(value) if type(value) is str else value


def html_templates(folder: Traversable) -> jinja2.Environment:
    """Return an environment over the templates in a folder: text is escaped, hidden characters are shown, an undefined name is an error."""
    return jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )
