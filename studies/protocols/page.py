"""The tables and the figure of docs/which-differences-matter.md, from a stored result.

python -m studies.protocols.page RESULTS.json
"""

from __future__ import annotations

import argparse
import json
import tomllib
from itertools import combinations
from pathlib import Path
from typing import Any

from vidbench.files import write_text
from vidbench.rendering.svg import circle_at, line_between, picture, text_at, text_width

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
PAGE, FIGURE = DOCS / "which-differences-matter.md", DOCS / "images" / "which-differences-matter.svg"
MARKS = ("<!-- tables: written by studies.protocols.page -->", "<!-- end of tables -->")
CONTROL = "another-seed"
_LABEL, _WIDTH, _ROW, _TOP = 150, 530, 30, 66
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#1f2937}.tick{font-size:11px;fill:#6b7280}.band{fill:#e5e7eb}"
    ".all{fill:#93c5fd}.certain{fill:#1d4ed8}.one{fill:none;stroke:#1f2937}.control{stroke:#dc2626;stroke-dasharray:4 3}"
    ".rule{stroke:#d1d5db}@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.tick{fill:#9ca3af}.band{fill:#374151}"
    ".all{fill:#3b82f6}.certain{fill:#bfdbfe}.one{stroke:#e5e7eb}.control{stroke:#f87171}.rule{stroke:#4b5563}}</style>"
)


def predictions() -> dict[str, dict[str, Any]]:
    """Return what was predicted, by the id of the protocol or the convention."""
    stored = tomllib.loads((HERE / "predictions.toml").read_text(encoding="utf-8"))
    return {row.get("protocol") or row["convention"]: row for row in stored["predicted"]}


def num_pairs(found: dict[str, Any]) -> int:
    """Return how many pairs of models there are."""
    return len(list(combinations(found["models"], 2)))


def tables(found: dict[str, Any]) -> str:
    """Return all tables of a result in Markdown."""
    return "\n".join(
        [
            *_comparison(found, "protocols", "protocol"),
            "",
            *_comparison(found, "conventions", "convention"),
            "",
            *_networks(found),
            "",
            *_scores(found),
            "",
            *_tuning(found),
        ]
    )


def _comparison(found: dict[str, Any], kind: str, title: str) -> list[str]:
    predicted = predictions()
    lines = [
        f"| {title} | tau: mean (lowest) | predicted | flips of {num_pairs(found)} | predicted "
        "| of them among the nine | certain | predicted | certain, samples drawn too | in every network | networks "
        "| spread of the nine | wins |",
        f"|---|{'---:|' * 10}---|",
    ]
    for id, row in found["summary"][kind].items():
        if id == {"protocols": "base", "conventions": "fvd"}[kind]:
            continue
        said = predicted[id]
        cells = [
            f"`{id}`",
            f"{row['tau']:.2f} ({row['lowest_tau']:.2f})",
            _range(said["tau"], row["tau"], ".2f"),
            f"{row['flips']:.1f}",
            _range(said["flips"], row["flips"], "d"),
            f"{row['among_tuned']:.1f}",
            f"{row['certain']:.1f}",
            _range(said["certain"], row["certain"], "d"),
            f"{row['certain_with_samples']:.1f}",
            str(row["flips_in_every_network"]),
            str(row["networks"]),
            f"{row['spread_of_tuned']:.2f}",
            ", ".join(dict.fromkeys(row["winners"])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _range(ends: list[float], value: float, form: str) -> str:
    """Return a predicted range, struck where the value is outside of it: rounded as the table shows it."""
    text = f"{ends[0]:{form}} to {ends[1]:{form}}"
    return text if ends[0] <= round(value, 2) <= ends[1] else f"**{text}**"


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
    single = [
        len(one[id]["flips"]) for network in found["networks"].values() for one in (network["protocols"],) for id in one
    ]
    most = max([10, *single, *(row["flips"] for _, row, _ in rows), *(predicted[id]["flips"][1] for id, _, _ in rows)])
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
    for number, (id, row, group) in enumerate(rows):
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
        for network in found["networks"].values():
            if id in network[group]:
                count = len(network[group][id]["flips"])
                parts.append(circle_at(x(count), y + 15, 3.5, "one"))
    if CONTROL in found["summary"]["protocols"]:
        place = x(found["summary"]["protocols"][CONTROL]["flips"])
        parts.append(line_between((place, _TOP), (place, bottom), "control"))
        parts.append(text_at(place, _TOP - 3, "control", "tick", "middle"))
    label = "Flipped pairs: " + ", ".join(f"{id} {row['flips']:.1f}" for id, row, _ in rows)
    drawn = picture(_LABEL + _WIDTH + 40, bottom + 24, parts, label)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def with_tables(page: str, found: dict[str, Any]) -> str:
    """Return the page with the tables of a result between its marks."""
    before, _, rest = page.partition(MARKS[0])
    return f"{before}{MARKS[0]}\n\n{tables(found)}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


def main() -> None:
    """Renew the page and its figure."""
    parser = argparse.ArgumentParser(prog="python -m studies.protocols.page", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=HERE / "results.json")
    found = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    write_text(PAGE, with_tables(PAGE.read_text(encoding="utf-8"), found))
    write_text(FIGURE, draw(found))


if __name__ == "__main__":
    main()
