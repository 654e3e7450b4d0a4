"""One row of a leaderboard: a score, its source, and what determines its comparability.

A row is a line of ``leaderboards/BOARD.csv``. An empty cell in a comparability column means that the paper does not say.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from vidbench.leaderboard.flags import FLAGS, codes_of, reasons_of
from vidbench.rendering.numbers import counted
from vidbench.rendering.printable import hidden_characters, is_formula
from vidmetrics.catalog.definitions import METRICS
from vidmetrics.catalog.facts import StatisticFacts, statistic_facts
from vidmetrics.catalog.published_names import PUBLISHED_NAMES

Status = Literal["reported", "claimed", "recomputed", "verified"]
STATUSES = {
    "reported": "printed in a paper",
    "claimed": "stated by a result file and not yet made again, hence not ranked",
    "recomputed": "made again from the stored samples with `vidbench leaderboard verify`",
    "verified": "made again with `vidbench leaderboard verify` from a checkpoint or code, with seeds drawn for it too",
}
"""Values of the column ``status``, with what each says."""

RANKED_TIERS = ("recomputed", "verified")
"""Statuses of the measured rows that are ranked."""

KNOWN_ERRORS = {
    "copied-spread": "Later tables reprint this model's test score with the spread of its train score (69.1 ± 0.78).",
    "synthesis-as-prediction": "Class-conditional synthesis; some later tables print it as a frame prediction score.",
    "reconstructed-reference": "Compared with tokenizer reconstructions of real clips, not with real clips.",
    "image-main": "Measured on the camera image_main; every other row of the board uses image_aux1.",
    "sources-disagree": "Two sources print different figures; `setting` has both.",
}
"""Codes of the column ``known_error``."""

CONFIDENCES = {
    "high": "read in a paper or in the repository of its authors",
    "med": "read in a secondary list that can be looked up, or in part",
    "low": "the source cannot be looked up, or one secondary source stands alone or contradicts itself",
    "unconfirmed": "from memory, without a source",
}
"""Values of the column ``confidence``, with what each says about the reading."""

_REQUIRED_OF_PAPERS = ("setting", "paper", "source", "confidence")
_REQUIRED_OF_RESULTS = ("task", "task_version", "fingerprint", "result_sha256")
_ONLY_OF_RESULTS = (*_REQUIRED_OF_RESULTS, "reference_sha256", "flags", "cleared")


# What Python reads beyond this (1_000, full-width digits, infinity) other readers of the file do not.
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LARGEST_COUNT = 10**9
# Nothing in a row is a link of its own; the site links arXiv and stored results only.
# What lets a reader find a number again: a part of a paper, or a file or an issue of a repository.
_PART_OF_PAPER = re.compile(r"\b(Table|Tables|Figure|Section|Appendix|App\.|abstract)\b", re.IGNORECASE)
_PART_OF_REPOSITORY = re.compile(
    r"\b[\w.-]+/[\w.-]+[:\s]+(\S*\.(md|json|png|jpg|csv|yml|yaml|txt)\b|README\b|issue \d+)"
)
_LINK = re.compile(r"\bhttps?://\S+")
_RELIABLE = ("high", "med")
_SCRIPT = re.compile(r"(java|vb)script\s*:|data:\w+/\w+|<\s*script", re.IGNORECASE)


def _plain_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _PLAIN_NUMBER.fullmatch(value):
        raise ValueError("is not a plain number, e.g. 69.15 or 1e-3")
    if float(value) == 0 and re.search("[1-9]", value.lower().partition("e")[0]):
        raise ValueError("is too small for float64")
    return value


def _none_or_number(value: object) -> object:
    return None if value == "" else _plain_number(value)


_Value = Annotated[float, BeforeValidator(_plain_number)]
_Whole = Annotated[int, BeforeValidator(_plain_number)]
_Number = Annotated[float | None, BeforeValidator(_none_or_number)]
_CountFrom0 = Annotated[int | None, Field(ge=0, le=_LARGEST_COUNT), BeforeValidator(_none_or_number)]
_Count = Annotated[int | None, Field(ge=1, le=_LARGEST_COUNT), BeforeValidator(_none_or_number)]


class BoardRow(BaseModel):
    """A row; the columns of the file are these fields, in this order."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="Permanent name of the row: its link on the site.")
    status: Status = Field(
        description="reported by a paper; claimed by a result file; or made again by `vidbench leaderboard verify`: "
        "recomputed from the stored samples, verified from a checkpoint or code, with drawn seeds too."
    )
    role: Literal["method", "real-data"] = Field(description="real-data rows are bounds: shown, never ranked.")
    model: str = Field(min_length=1, description="Its name in the paper.")
    metric: str = Field(description="Its name in the paper; a metric id for rows measured here.")
    value: _Value
    spread: _Number = Field(description="The number after ±, in the unit of `value`.")
    spread_kind: Literal["", "as-printed", "interval-95"] = Field(
        description="Papers rarely say what their ± is; interval-95 is half the width of our interval."
    )
    runs: _Count = Field(description="Number of repeats, if stated.")
    year: _Whole = Field(ge=2010, le=2100, description="Year in which this number was first published.")
    frames: _Count = Field(description="Frames of a scored clip, context frames included.")
    context_frames: _CountFrom0 = Field(description="Context frames.")
    resolution: str = Field(
        pattern=r"^([1-9][0-9]{0,4}x[1-9][0-9]{0,4})?$", description="Width x height of the scored clips."
    )
    conditioning: Literal[
        "", "class", "none", "frames", "actions", "clip", "text", "text-zero-shot", "frames-mean-of-8-tasks"
    ] = Field(description="What the model is conditioned on.")
    reference: str = Field(pattern=r"^[a-z0-9-]*$", description="The reference set; none for an Inception Score.")
    camera: Literal["", "image-aux1", "image-main"] = Field(description="BAIR only.")
    samples: _Count = Field(description="Generated clips of one run.")
    training: Literal["", "none", "train", "train+test"] = Field(
        description="Which splits the model was trained on; none for a model without training."
    )
    extra_data: Literal["", "none", "pre-training", "features"] = Field(
        description="Training data beyond the splits in `training`."
    )
    sampling: Literal["", "untruncated", "truncated-for-best-is"] = Field(description="Truncation of the latent.")
    protocol: str = Field(pattern=r"^[a-z0-9.@-]*$", description="Evaluation recipe or task; empty if not stated.")
    group: str = Field(description="Comparability key: the columns from `metric` to `protocol`.")
    known_error: str = Field(description="Codes of known copy errors and traps, separated by '; '.")
    setting: str = Field(description="The setting in words.")
    paper: str
    arxiv: str = Field(
        pattern=r"^((0[7-9]|1[0-4])[0-9]{2}\.[0-9]{4}|(1[5-9]|[2-9][0-9])[0-9]{2}\.[0-9]{5})?$",
        description="Five digits from 2015 on.",
    )
    table: str = Field(description="The table that prints it, in this or a later paper.")
    source: str = Field(description="Where the number was read.")
    confidence: Literal["", "high", "med", "low", "unconfirmed"] = Field(
        description="Confidence in the reading, for papers."
    )
    correction: str = Field(description="What differs from the source, and why.")
    task: str = Field(description="Shipped task, for rows measured here.")
    task_version: _Count
    fingerprint: str = Field(pattern=r"^([0-9a-f]{64})?$")
    result_sha256: str = Field(
        pattern=r"^([0-9a-f]{64})?$", description="SHA-256 of the stored result file, leaderboards/results/SHA256.json."
    )
    reference_sha256: str = Field(
        pattern=r"^([0-9a-f]{64})?$",
        description="Digest of the real clips behind the score, of the reference set and the held-out clips; of the held-out clips for "
        "metrics that compare frames; empty for metrics without a reference. Where a scan found the same frames in other files, "
        "that of the first row with them.",
    )
    flags: str = Field(description="Codes of what a reviewer has to look at, separated by '; '.")
    cleared: str = Field(
        description="Flags that a reviewer cleared, each with the reason: 'CODE: reason; CODE: reason'."
    )
    retracted: str = Field(
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}: \S.*)?$",
        description="'YYYY-MM-DD: reason' for a retracted row, which is shown struck out and unranked, and never deleted.",
    )

    @field_validator("*")
    @classmethod
    def _shows_what_it_is(cls, value: object) -> object:
        """Refuse text that would take effect where it is shown: in a terminal, a spreadsheet or a page."""
        if not isinstance(value, str):
            return value
        hidden = hidden_characters(value)
        if hidden:
            raise ValueError(f"has control or invisible characters ({', '.join(hidden)})")
        if is_formula(value):
            raise ValueError(f"begins with '{value[0]}', which a spreadsheet runs as a formula")
        if _SCRIPT.search(value):
            raise ValueError("has a link that runs code")
        return value

    @field_validator("cleared")
    @classmethod
    def _gives_reasons(cls, value: str) -> str:
        reasons_of(value)
        return value

    @property
    def higher_is_better(self) -> bool:
        """Direction of the metric."""
        found = direction(self.metric)
        if found is None:
            raise ValueError(f"unknown metric '{self.metric}'")
        return found

    @property
    def errors(self) -> tuple[str, ...]:
        """Codes of `known_error`."""
        return tuple(code.strip() for code in self.known_error.split(";") if code.strip())

    @property
    def flags_raised(self) -> tuple[str, ...]:
        """Codes of `flags`, cleared or not."""
        return codes_of(self.flags)

    @property
    def open_flags(self) -> tuple[str, ...]:
        """Codes of `flags` that nobody cleared."""
        cleared = reasons_of(self.cleared)
        return tuple(code for code in self.flags_raised if code not in cleared)


COLUMNS: tuple[str, ...] = tuple(BoardRow.model_fields)


def direction(metric: str) -> bool | None:
    """Return whether higher is better; None for a metric that is neither a printed name nor a metric id."""
    if metric in PUBLISHED_NAMES:
        return statistic_facts(PUBLISHED_NAMES[metric]).higher_is_better
    return METRICS[metric].higher_is_better if metric in METRICS else None


def family(metric: str) -> str:
    """Return the name that papers print for a metric, so that measured and published rows can be matched."""
    return (METRICS[metric].printed_as if metric in METRICS else None) or metric


def group_parts(row: BoardRow) -> dict[str, str]:
    """Return the values that determine comparability, by name; ``""`` if the paper does not say."""
    return {
        "metric": row.metric,
        "frames": "" if row.frames is None else f"{row.frames}",
        "context frames": "" if row.context_frames is None else f"{row.context_frames}",
        "resolution": row.resolution,
        "conditioning": row.conditioning,
        "reference": row.reference,
        "camera": row.camera,
        "samples": "" if row.samples is None else f"{row.samples}",
        # An untrained model has seen no more than the others, so it is ranked among those that have seen the least.
        "training data": "train" if row.training == "none" else row.training,
        "extra data": row.extra_data,
        "sampling": row.sampling,
        "protocol": row.protocol,
    }


_TAGS = {
    "metric": "",
    "frames": "frames=",
    "context frames": "given=",
    "resolution": "",
    "conditioning": "cond=",
    "reference": "ref=",
    "camera": "",
    "samples": "n=",
    "training data": "train=",
    "extra data": "extra=",
    "sampling": "",
    "protocol": "protocol=",
}


_CLIPS_DIGITS = 12


def without_clips(group: str) -> str:
    """Return the key of a group without the digest of its real clips: the protocol that it shares with others."""
    return re.sub(rf"/clips=[0-9a-f]{{{_CLIPS_DIGITS}}}$", "", group)


def group_of(row: BoardRow) -> str:
    """Return the key of the comparability group; rows are ranked only against rows with the same key."""
    parts = group_parts(row)
    words = [_TAGS[name] + value for name, value in parts.items() if value]
    if row.reference_sha256 and row.status != "reported":
        # Whoever chose other real clips measured something else, whatever the rest says.
        words.append(f"clips={row.reference_sha256[:_CLIPS_DIGITS]}")
    word = "/".join(words)
    return re.sub(r"\s+", "-", word)


def not_stated(row: BoardRow) -> tuple[str, ...]:
    """Return the names of the comparability values that apply to the row but are not stated."""
    optional = {"camera", "sampling"}
    return tuple(name for name, value in group_parts(row).items() if not value and name not in optional)


def training_words(row: BoardRow) -> dict[str, str]:
    """Describe what the models of a row's group were trained on, by comparability value; what is not stated is omitted."""
    parts = group_parts(row)
    trained, extra = parts["training data"], parts["extra data"]
    words = {
        "training data": f"trained on {trained}" if trained else "",
        "extra data": {"": "", "none": "no extra data", "pre-training": "extra pre-training data"}.get(
            extra, f"extra {extra}"
        ),
    }
    return {name: text for name, text in words.items() if text}


def has_locator(row: BoardRow) -> bool:
    """Return whether a reader can find the number again: a part of a paper, a file of a repository, or a link."""
    return any(
        pattern.search(text)
        for pattern in (_PART_OF_PAPER, _PART_OF_REPOSITORY, _LINK)
        for text in (row.table, row.source)
    )


def problems(row: BoardRow) -> list[tuple[str, str]]:
    """Return the inconsistencies of a row with valid cells: pairs of column and message."""
    found: list[tuple[str, str]] = []
    if direction(row.metric) is None:
        found.append(
            (
                "metric",
                f"'{row.metric}' is neither a metric id nor a name that papers print (vidmetrics/catalog/published_names.py)",
            )
        )
    if row.frames is not None and row.context_frames is not None and row.context_frames >= row.frames:
        found.append(("context_frames", f"{counted(row.context_frames, 'context frame')} in a clip of {row.frames}"))
    if (row.spread is None) != (row.spread_kind == ""):
        found.append(("spread_kind", "a spread needs a kind, and a kind a spread"))
    if row.spread is not None and row.spread < 0:
        found.append(("spread", "a spread is not negative"))
    found += [("value", reason) for reason in _impossible(row)]
    if row.arxiv and row.year < 2000 + int(row.arxiv[:2]):
        found.append(("year", f"{row.year} is before arXiv {row.arxiv} existed"))
    if row.group != group_of(row):
        found.append(("group", f"is '{row.group}' but the row's columns give '{group_of(row)}'"))
    for code in row.errors:
        if code not in KNOWN_ERRORS:
            found.append(("known_error", f"unknown code '{code}'; known: {', '.join(KNOWN_ERRORS)}"))
    if row.metric.startswith("IS") and row.reference != "none":
        found.append(("reference", "an Inception Score has no reference set: use 'none'"))
    if (row.reference == "reconstructions") != ("reconstructed-reference" in row.errors):
        found.append(("known_error", "'reconstructed-reference' marks the rows whose reference is 'reconstructions'"))
    if (row.camera == "image-main") != ("image-main" in row.errors):
        found.append(("known_error", "'image-main' marks the rows measured on that camera"))
    return found + _review_problems(row) + _provenance_problems(row)


def _review_problems(row: BoardRow) -> list[tuple[str, str]]:
    flags = row.flags_raised
    found = [("flags", f"unknown code '{code}'; known: {', '.join(FLAGS)}") for code in flags if code not in FLAGS]
    found += [
        ("cleared", f"'{code}' is not a flag of the row") for code in reasons_of(row.cleared) if code not in flags
    ]
    try:
        date.fromisoformat(row.retracted[:10] or "2000-01-01")
    except ValueError:
        found.append(("retracted", f"'{row.retracted[:10]}' is not a date"))
    return found


def _impossible(row: BoardRow) -> list[str]:
    if direction(row.metric) is None:
        return []
    lowest, highest = attainable(row.metric)
    # A collapsed model has a recall of 0, and samples far from every real clip a density of 0; no distance is 0.
    if row.value == 0 and not (lowest == 0 and direction(row.metric)):
        return ["no score is exactly 0"]
    if lowest <= row.value <= highest:
        return []
    classes = " (the number of classes)" if _facts(row.metric).at_most_classes else ""
    return [f"{row.value:g} is outside the attainable range, {lowest:g} to {highest:g}{classes}"]


def _facts(metric: str) -> StatisticFacts:
    return METRICS[metric].facts if metric in METRICS else statistic_facts(PUBLISHED_NAMES[metric])


def attainable(metric: str) -> tuple[float, float]:
    """Return the lowest and highest attainable value of a metric id or a printed name."""
    if metric in METRICS:
        return METRICS[metric].attainable_range
    statistic = _facts(metric)
    # Of a name that several ids share or none has, the widest range.
    same = [each for each in METRICS.values() if each.facts == statistic]
    ranges = [each.attainable_range for each in same if each.printed_as == metric] or [
        each.attainable_range for each in same
    ]
    # A paper prints no negative distance, though some ids can be estimated below 0.
    return max(statistic.lowest, min(low for low, _ in ranges)), max(high for _, high in ranges)


def _provenance_problems(row: BoardRow) -> list[tuple[str, str]]:
    reported = row.status == "reported"
    required, empty = (_REQUIRED_OF_PAPERS, _ONLY_OF_RESULTS) if reported else (_REQUIRED_OF_RESULTS, ("confidence",))
    found = [(name, f"a {row.status} row needs it") for name in required if getattr(row, name) in ("", None)]
    if row.confidence in _RELIABLE and not has_locator(row):
        found.append(
            (
                "confidence",
                f"'{row.confidence}' needs a source that a reader can follow, in `table` or `source`: a table, figure or section of "
                "a paper, or OWNER/NAME and a file of a repository; without one it is 'low'",
            )
        )
    return found + [
        (name, f"a {row.status} row cannot have it") for name in empty if getattr(row, name) not in ("", None)
    ]
