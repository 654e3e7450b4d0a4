"""LaTeX and BibTeX: escaped text, and an entry from its fields."""

from __future__ import annotations

from collections.abc import Mapping

from vidbench.rendering.printable import printable_line

_ESCAPES = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {character: "\\" + character for character in "&%$#_{}"}
)


def latex_escaped(text: str) -> str:
    """Return one line of text with LaTeX's special characters escaped and hidden ones shown."""
    return printable_line(text).translate(_ESCAPES)


def bibtex_entry(key: str, fields: Mapping[str, str]) -> str:
    """Return a ``@misc`` entry.

    Args:
        key: its citation key, written as given.
        fields: plain text by field name, escaped here; a ``title`` keeps its capitals.
    """
    lines = []
    for name, text in fields.items():
        value = f"{{{latex_escaped(text)}}}"
        lines.append(f"  {name} = " + (f"{{{value}}}," if name == "title" else f"{value},"))
    return "\n".join([f"@misc{{{key},", *lines, "}"])
