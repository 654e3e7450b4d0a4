"""The BibTeX entry of a row, from its own columns."""

from __future__ import annotations

import re

from vidbench.leaderboard.rows import BoardRow
from vidbench.rendering.latex import bibtex_entry

_PAPER = re.compile(r"^(?P<title>.*?)\s*(?:\((?P<inside>[^()]*)\))?(?:;\s*(?P<after>.*))?$")


def row_bibtex(row: BoardRow) -> str:
    """Return the entry: the paper of a reported row, or the result of a measured one."""
    fields = _paper_fields(row) if row.paper else {"title": f"{row.model} on {row.task}", "year": str(row.year)}
    if row.status != "reported":
        score = f"{row.metric} {row.value:.6g} on {row.task} v{row.task_version}, vidbench result {row.result_sha256}"
        fields["note"] = "; ".join(part for part in (fields.get("note", ""), score) if part)
    return bibtex_entry(_key(fields), fields)


def _paper_fields(row: BoardRow) -> dict[str, str]:
    found = _PAPER.match(row.paper)
    title, inside, after = (
        (found["title"], found["inside"] or "", found["after"] or "") if found else (row.paper, "", "")
    )
    parts = [part.strip() for part in inside.split(";") if part.strip()]
    fields = {"title": title}
    if parts and _is_authors(parts[0]):
        fields["author"] = _authors(parts.pop(0))
    fields["year"] = str(2000 + int(row.arxiv[:2])) if row.arxiv else str(row.year)
    if row.arxiv:
        fields |= {"eprint": row.arxiv, "archivePrefix": "arXiv"}
    note = "; ".join(part for part in [*parts, after] if part and "arXiv id" not in part and part != fields["year"])
    return {**fields, "note": note} if note else fields


def _is_authors(text: str) -> bool:
    return not re.search(r"\d", text) and bool(re.search(r"et al|,|&", text)) and text[:1].isupper()


def _authors(text: str) -> str:
    names = [name.strip() for name in re.split(r",|&", text.replace("et al.", "").replace("et al", "")) if name.strip()]
    return " and ".join([*names, "others"] if "et al" in text else names)


def _key(fields: dict[str, str]) -> str:
    first = fields.get("author", "").split(" and ")[0]
    word = next(iter(re.findall(r"[A-Za-z0-9]{3,}", fields["title"])), "row")
    return re.sub(r"[^a-z0-9]", "", (first + fields["year"] + word).lower())
