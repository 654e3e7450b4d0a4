"""The tables and the figure of docs/which-differences-matter.md, from a stored result.

python -m studies.protocols.page RESULTS.json
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from studies.protocols.models import MEMORISER
from vidbench.files import write_text
from vidbench.rendering.svg import circle_at, line_between, picture, text_at, text_width

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
PAGE, FIGURE = DOCS / "which-differences-matter.md", DOCS / "images" / "which-differences-matter.svg"
MARKS = ("<!-- tables: written by studies.protocols.page -->", "<!-- end of tables -->")
CONTROL = "another-seed"
SAME = {"protocols": "base", "controls": "", "conventions": "fvd"}
"""What each kind is compared with, which is not shown beside itself."""
_LABEL, _WIDTH, _ROW, _TOP = 150, 530, 30, 66
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#1f2937}.tick{font-size:11px;fill:#6b7280}.band{fill:#e5e7eb}"
    ".all{fill:#93c5fd}.certain{fill:#1d4ed8}.one{fill:none;stroke:#1f2937}.control{stroke:#dc2626;stroke-dasharray:4 3}"
    ".chance{fill:#dc2626;fill-opacity:.08}.rule{stroke:#d1d5db}@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.tick{fill:#9ca3af}.band{fill:#374151}"
    ".all{fill:#3b82f6}.certain{fill:#bfdbfe}.one{stroke:#e5e7eb}.control{stroke:#f87171}.chance{fill:#f87171;fill-opacity:.14}.rule{stroke:#4b5563}}</style>"
)


PAIRS = ("two of the nine", "memoriser and one of the nine", "two of DVD-GAN", "DVD-GAN and training clips")
"""Kinds of pairs of models, for which a flip means different things."""


def predictions() -> dict[str, dict[str, Any]]:
    """Return what was predicted, by the id of the protocol or the convention."""
    stored = tomllib.loads((HERE / "predictions.toml").read_text(encoding="utf-8"))
    return {row.get("protocol") or row["convention"]: row for row in stored["predicted"]}


def others() -> list[dict[str, Any]]:
    """Return the stored results of other sizes."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(HERE.glob("results-*.json"))]


def num_pairs(found: dict[str, Any]) -> int:
    """Return how many pairs of models there are."""
    return len(list(combinations(found["models"], 2)))


def control_flips(found: dict[str, Any]) -> list[int]:
    """Return the flips of each control in which windows and samples are of another seed, for each network."""
    rows = {**found["summary"]["protocols"], **found["summary"]["controls"]}
    return [flips for id, row in rows.items() if id.startswith(CONTROL) for flips in row["flips_of_each"]]


def tables(found: dict[str, Any], others: Sequence[dict[str, Any]] = ()) -> str:
    """Return all tables of a result in Markdown; ``others`` are results of other sizes."""
    parts = [
        _comparison(found, "protocols", "protocol"),
        *([_comparison(found, "controls", "more controls")] if found["summary"]["controls"] else []),
        _comparison(found, "conventions", "convention"),
        _foretold(found),
        *([_sizes(sorted([found, *others], key=_size))] if others else []),
        _networks(found),
        _scores(found),
        _tuning(found),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _comparison(found: dict[str, Any], kind: str, title: str) -> list[str]:
    kinds = Counter(pair_kind(pair) for pair in combinations(found["models"], 2))
    lines = [
        f"| {title} | flips of {num_pairs(found)}: mean (each network) | "
        + " | ".join(f"{name} ({kinds[name]})" for name in PAIRS)
        + " | in every network | certain | certain, samples drawn too | tau: mean (lowest) | wins |",
        f"|---|{'---:|' * (5 + len(PAIRS))}---|",
    ]
    for id, row in found["summary"][kind].items():
        if id == SAME[kind]:
            continue
        parts = flips_by_kind(found, kind, id)
        cells = [
            f"`{id}`",
            f"{row['flips']:.1f} ({', '.join(map(str, row['flips_of_each']))})",
            *(f"{parts[name]:.1f}" for name in PAIRS),
            str(row["flips_in_every_network"]),
            f"{row['certain']:.1f}",
            f"{row['certain_with_samples']:.1f}",
            f"{row['tau']:.2f} ({row['lowest_tau']:.2f})",
            ", ".join(dict.fromkeys(row["winners"])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def pair_kind(pair: Sequence[str]) -> str:
    """Return which of `PAIRS` two models are."""
    generated = sum(model.startswith("dvdgan-") for model in pair)
    if generated:
        return PAIRS[3] if generated == 1 else PAIRS[2]
    return PAIRS[1] if MEMORISER in pair else PAIRS[0]


def flips_by_kind(found: dict[str, Any], kind: str, id: str) -> dict[str, float]:
    """Return the mean number of flips of each kind of pair, by the names in `PAIRS`."""
    rows = [network[kind][id]["flips"] for network in found["networks"].values() if id in network[kind]]
    counted = Counter(pair_kind(pair) for flips in rows for pair in flips)
    return {name: counted[name] / len(rows) for name in PAIRS}


def _foretold(found: dict[str, Any]) -> list[str]:
    lines = [
        "| protocol or convention | flips | predicted | certain | predicted | tau | predicted |",
        f"|---|{'---:|' * 6}",
    ]
    said = predictions()
    rows = {**found["summary"]["protocols"], **found["summary"]["conventions"]}
    for id in (id for id in said if id in rows):
        cells = [f"`{id}`"]
        for what, form, ends in (("flips", ".1f", "d"), ("certain", ".1f", "d"), ("tau", ".2f", ".2f")):
            low, high = said[id][what]
            text = f"{low:{ends}} to {high:{ends}}"
            held = low <= round(rows[id][what], 2) <= high
            cells += [f"{rows[id][what]:{form}}", text if held else f"**{text}**"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def held(found: dict[str, Any], kind: str, what: str) -> tuple[int, int]:
    """Return how many predictions of a quantity held, and how many there are."""
    said, rows = predictions(), found["summary"][kind]
    within = [said[id][what][0] <= round(rows[id][what], 2) <= said[id][what][1] for id in rows if id in said]
    return sum(within), len(within)


def _size(found: dict[str, Any]) -> tuple[int, int]:
    return found["settings"]["num_samples"], found["networks"]["0"]["protocols"]["base"]["num_reference"]


def _sizes(results: list[dict[str, Any]]) -> list[str]:
    """Return flips and certain flips at each size; a result may have fewer networks for some protocols."""
    names = [
        f"{samples} samples, {clips} clips, {result['settings']['precision']}"
        for result in results
        for samples, clips in (_size(result),)
    ]
    lines = [f"| flips, and those that are certain | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for kind in ("protocols", "conventions"):
        for id in results[-1]["summary"][kind]:
            if id == SAME[kind]:
                continue
            rows = [result["summary"][kind].get(id) for result in results]
            cells = [f"{row['flips']:.1f}, {row['certain']:.1f}" if row else "" for row in rows]
            lines.append(f"| `{id}` | {' | '.join(cells)} |")
    return lines


def _networks(found: dict[str, Any]) -> list[str]:
    first = next(iter(found["networks"]))
    lines = [f"| other network, against that of seed {first} | tau | flips |", "|---|---:|---:|"]
    return lines + [
        f"| seed {seed} | {row['tau']:.2f} | {row['flips']} |" for seed, row in found["between_networks"].items()
    ]


def _scores(found: dict[str, Any]) -> list[str]:
    seed, network = next(iter(found["networks"].items()))
    shown = [id for id in ("base", CONTROL, "mp4", "eighth", "first-by-name", "test") if id in network["protocols"]]
    lines = [f"| model, network of seed {seed} | {' | '.join(shown)} |", f"|---|{'---:|' * len(shown)}"]
    for model in sorted(found["models"], key=lambda model: network["protocols"]["base"]["scores"][model]):
        values = [f"{network['protocols'][id]['scores'][model]:.3g}" for id in shown]
        lines.append(f"| {model} | {' | '.join(values)} |")
    return lines


def _tuning(found: dict[str, Any]) -> list[str]:
    lines = ["| corruption | strength | base | within 2 % of the level | scores computed |", "|---|---:|---:|---|---:|"]
    for name, row in found["tuned"].items():
        reached = "yes" if row["reached"] else "no"
        lines.append(f"| {name} | {row['strength']:.3g} | {row['score']:.3f} | {reached} | {row['trials']} |")
    return lines


def draw(found: dict[str, Any]) -> str:
    """Return the figure: flipped pairs of each protocol and convention, beside what was predicted."""
    predicted, pairs = predictions(), num_pairs(found)
    rows = [(id, row, kind) for kind in ("protocols", "conventions") for id, row in found["summary"][kind].items()]
    rows = [(id, row, kind) for id, row, kind in rows if id not in ("base", "fvd")]
    rows.sort(key=lambda entry: (entry[2] == "conventions", -entry[1]["flips"]))
    single = [flips for _, row, _ in rows for flips in row["flips_of_each"]]
    controls = control_flips(found)
    most = max([10, *single, *controls, *(predicted[id]["flips"][1] for id, _, _ in rows)])
    bottom = _TOP + _ROW * len(rows)

    def x(value: float) -> float:
        return _LABEL + value / most * _WIDTH

    parts = [
        _STYLE,
        text_at(8, 18, f"Pairs of models, of {pairs}, whose order is not that of the base protocol", "name"),
    ]
    start = 8.0
    for kind, what in (("all", "flipped"), ("certain", "not two of the nine tuned to tie"), ("band", "predicted")):
        parts.append(f'<rect class="{kind}" x="{start:.1f}" y="29" width="12" height="12"/>')
        parts.append(text_at(start + 17, 39, what, "tick"))
        start += 40 + text_width(what, 11)
    parts.append(circle_at(start + 6, 35, 3.5, "one") + text_at(start + 15, 39, "one network", "tick"))
    for tick in range(0, int(most) + 1, 10):
        parts += [line_between((x(tick), _TOP), (x(tick), bottom), "rule")]
        parts += [text_at(x(tick), bottom + 15, str(tick), "tick", "middle")]
    left, right = x(min(controls)), x(max(controls))
    parts.append(
        f'<rect class="chance" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{bottom - _TOP}"/>'
    )
    middle = x(sum(controls) / len(controls))
    parts.append(line_between((middle, _TOP), (middle, bottom), "control"))
    parts.append(text_at(middle, _TOP - 3, f"control, {min(controls)} to {max(controls)}", "tick", "middle"))
    for number, (id, row, _) in enumerate(rows):
        y = _TOP + _ROW * number
        low, high = predicted[id]["flips"]
        parts.append(text_at(_LABEL - 8, y + 19, id, "name", "end"))
        parts.append(
            f'<rect class="band" x="{x(low):.1f}" y="{y + 4}" width="{max(x(high) - x(low), 2):.1f}" height="22"/>'
        )
        for css, value, height in (("all", row["flips"], 12), ("certain", row["flips"] - row["among_tuned"], 6)):
            left, wide = x(0), x(value) - x(0)
            parts.append(
                f'<rect class="{css}" x="{left:.1f}" y="{y + 15 - height / 2:g}" width="{wide:.1f}" height="{height}"/>'
            )
        parts += [circle_at(x(count), y + 15, 3.5, "one") for count in row["flips_of_each"]]
    label = "Flipped pairs: " + ", ".join(f"{id} {row['flips']:.1f}" for id, row, _ in rows)
    drawn = picture(_LABEL + _WIDTH + 40, bottom + 24, parts, label)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def with_tables(page: str, found: dict[str, Any]) -> str:
    """Return the page with the tables of a result between its marks, beside the stored results of other sizes."""
    before, _, rest = page.partition(MARKS[0])
    return f"{before}{MARKS[0]}\n\n{tables(found, others())}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


def main() -> None:
    """Renew the page and its figure."""
    parser = argparse.ArgumentParser(prog="python -m studies.protocols.page", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=HERE / "results.json")
    found = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    write_text(PAGE, with_tables(PAGE.read_text(encoding="utf-8"), found))
    write_text(FIGURE, draw(found))


if __name__ == "__main__":
    main()
