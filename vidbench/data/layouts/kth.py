"""KTH actions as published: one AVI per person, action and scenario, and the list of its sequences.

::

    root/[…/]00sequences.txt                                "person01_boxing_d1    frames  1-95, 96-185, 186-245, 246-360"
    root/[…/]ACTION/personPP_ACTION_dD_uncomp.avi           25 persons, 6 actions, 4 scenarios

The list names 600 videos, of which one does not exist (``person13_handclapping_d3``, marked ``*missing*``), and says in which frames
somebody acts; clips are drawn from whole videos, as prediction papers do. The file of ``person01_boxing_d4`` is cut off in the
archive itself, behind frame 304 of 370.

Splits: ``persons01-20`` and ``persons21-25`` of prediction papers (since SVG), ``train``, ``validation`` and ``test`` of the list, which
divide the persons 8, 8 and 9, and ``all``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from vidbench.data.folders.inventory import composed, is_present
from vidbench.data.layouts.listing import Listing, as_sources, by_name, find_videos, not_listed, visible
from vidbench.errors import InputError
from vidmetrics.regular_files import read_regular

DATASET = "kth"
LIST_NAME = "00sequences.txt"
ACTIONS = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")
PERSONS = {
    "all": frozenset(range(1, 26)),
    "persons01-20": frozenset(range(1, 21)),
    "persons21-25": frozenset(range(21, 26)),
    "train": frozenset({11, 12, 13, 14, 15, 16, 17, 18}),
    "validation": frozenset({1, 4, 19, 20, 21, 23, 24, 25}),
    "test": frozenset({2, 3, 5, 6, 7, 8, 9, 10, 22}),
}
"""The persons of each split."""

_SEQUENCE = re.compile(r"(?P<name>person(?P<person>\d\d)_(?P<action>[a-z]+)_d[1-4])\s+(?P<what>frames\s.*|\*missing\*)")
_RANGES = re.compile(r"frames\s+\d{1,6}-\d{1,6}(\s*,\s*\d{1,6}-\d{1,6})*,?")
_DEPTH = 2


def find_kth(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Read the list and find the videos of a split; the class is the action.

    Args:
        root: the folder that contains the list and the folders of the actions, directly or in a sub-folder.
        split: one of `PERSONS`.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: there is no such split, the list is missing or not as published, none of its videos is on disk, or an
            entry should be read and cannot be.
    """
    if split not in PERSONS:
        raise InputError(f"KTH has no split '{split}': use one of {', '.join(PERSONS)}.")
    if not root.is_dir():
        raise InputError(
            f"The data folder '{root}' does not exist: name that of KTH, with --data DIR when running a task."
        )
    path = _list_below(root)
    labels: dict[str, int | None] = dict(_read_sequences(path, PERSONS[split]))
    found = find_videos(root, _DEPTH, ignore, known={LIST_NAME})
    videos = [(composed(video.stem).removesuffix("_uncomp"), video) for video in found.files]
    files, duplicates = by_name((name, video) for name, video in videos if name in labels)
    if not files:
        raise InputError(
            f"None of the {len(labels)} videos of split '{split}' in '{path}' is below '{root}'; files must be named like "
            f"'{next(iter(labels))}_uncomp.avi', so check --data."
        )
    unused = not_listed(found, sum(name not in labels for name, _ in videos))
    return Listing(DATASET, ACTIONS, labels, as_sources(files), f"list '{path}'", duplicates=duplicates, unused=unused)


def _list_below(root: Path) -> Path:
    for folder in (root, *(path for path in visible(root) if path.is_dir())):
        if is_present(folder / LIST_NAME):
            return folder / LIST_NAME
    raise InputError(
        f"There is no '{LIST_NAME}' in '{root}' or a folder in it; put the published list there (csc.kth.se/cvap/actions)."
    )


def _read_sequences(path: Path, persons: frozenset[int]) -> dict[str, int]:
    """Return the videos of some persons that exist, in the order of the list, with the number of their action."""
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list '{path}' cannot be read ({error}); fetch it again.") from error
    names: dict[str, int] = {}
    for line, text in enumerate(lines, start=1):
        # The list begins with an introduction.
        if not re.match(r"\s*person\d", text):
            continue
        sequence = _SEQUENCE.fullmatch(text.strip())
        known = sequence is not None and sequence["action"] in ACTIONS and int(sequence["person"]) in PERSONS["all"]
        if (
            sequence is None
            or not known
            or not (sequence["what"] == "*missing*" or _RANGES.fullmatch(sequence["what"]))
        ):
            raise InputError(
                f"Line {line} of '{path}' is not like 'person01_boxing_d1 frames 1-95, 96-185'; fetch the published list."
            )
        if sequence["what"] == "*missing*" or int(sequence["person"]) not in persons:
            continue
        if sequence["name"] in names:
            raise InputError(
                f"The list '{path}' names '{sequence['name']}' twice, again in line {line}; fetch it again."
            )
        names[sequence["name"]] = ACTIONS.index(sequence["action"])
    if not names:
        raise InputError(f"The list '{path}' names no video of these persons; fetch the published list.")
    return names
