"""`nearest.html` of `vidbench nearest --output`: samples, each with its nearest training clips."""

from __future__ import annotations

from collections.abc import Sequence

from vidbench.report.page import report_templates
from vidbench.report.pictures import Picture


def render_nearest(space: str, sentence: str, strips: Sequence[Picture]) -> str:
    """Return the page as HTML text without external references.

    Args:
        space: the features in which clips were compared, in words.
        sentence: what the flags say.
        strips: samples with their neighbours, the nearest first.
    """
    template = report_templates().get_template("nearest.html.jinja")
    return template.render(space=space, sentence=sentence, strips=strips)
