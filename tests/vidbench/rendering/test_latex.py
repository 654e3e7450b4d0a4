"""Escaped text, and entries that BibTeX can read."""

from __future__ import annotations

from vidbench.rendering.latex import bibtex_entry, latex_escaped


def test_latex_is_escaped():
    assert latex_escaped(r"a_b & 5% {x} \y ~ ^") == (
        r"a\_b \& 5\% \{x\} \textbackslash{}y \textasciitilde{} \textasciicircum{}"
    )
    assert latex_escaped("50%_a&{b}\\") == r"50\%\_a\&\{b\}\textbackslash{}"


def test_an_entry_escapes_its_fields_and_keeps_the_capitals_of_its_title():
    assert bibtex_entry("key-1", {"title": "A_B", "year": "2026"}).splitlines() == [
        "@misc{key-1,",
        r"  title = {{A\_B}},",
        "  year = {2026},",
        "}",
    ]
