"""The inventory of a folder: the files to read, and every other entry counted by reason.

An entry that should be read but cannot be, such as a media file of another kind, a dangling link or a folder without
permission, is refused: dropping it would change the data without a word. Only ``--ignore PATTERN`` leaves it out.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from heapq import heappop, heappush
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from vidbench.data.folders.suffixes import MEDIA_SUFFIXES, suffix_of
from vidbench.errors import InputError

HIDDEN = "hidden"
IGNORED = "ignored"
OTHER_FILE = "other file"
SPECIAL_FILE = "special file"
EMPTY_FOLDER = "empty folder"
LINK_ABOVE = "link to a folder above"
LINKED_AGAIN = "link to a folder that is read anyway"
NOT_ON_THE_LIST = "not on the list"
TOO_SHORT = "too short for a clip, and dropped by the task"
_MANY = {
    OTHER_FILE: "other files",
    SPECIAL_FILE: "special files",
    EMPTY_FOLDER: "empty folders",
    LINK_ABOVE: "links to a folder above",
    LINKED_AGAIN: "links to a folder that is read anyway",
}

NOTHING: Mapping[str, int] = MappingProxyType({})
"""The unused entries of a source that is not a folder."""

# Control characters, halves of surrogate pairs (bytes that are not UTF-8), line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


class UnusedEntries(dict[str, int]):
    """Number of unused entries by reason.

    Attributes:
        matched: the patterns of --ignore that an entry matched.
    """

    def __init__(self, counts: Mapping[str, int], matched: Collection[str] = ()) -> None:
        """Take the counts in their order."""
        super().__init__(counts)
        self.matched = frozenset(matched)


@dataclass(frozen=True)
class Inventory:
    """What a folder and its sub-folders hold.

    Attributes:
        root: the folder.
        files: the files to read, sorted.
        folders: the sub-folders that were looked into, sorted.
        unused: number of other entries by reason; an entry of a folder that is not looked into is not counted.
    """

    root: Path
    files: tuple[Path, ...]
    folders: tuple[Path, ...]
    unused: Mapping[str, int]

    def files_in(self, folder: Path) -> list[Path]:
        """Return the files that are directly in a folder, sorted."""
        return [path for path in self.files if path.parent == folder]


def take_inventory(
    root: Path,
    reads: Collection[str],
    *,
    depth: int | None = None,
    ignore: Sequence[str] = (),
    known: Collection[str] = (),
) -> Inventory:
    """Look into a folder and its sub-folders, following links; no folder is read twice.

    Args:
        root: an existing folder.
        reads: suffixes of the files to read, in lower case with their dots.
        depth: how many levels of sub-folders files may be in; None for any number.
        ignore: patterns of `matching_patterns`, for entries to leave out.
        known: names of files with another purpose, such as lists; they are not counted.

    Raises:
        InputError: an entry should be read and cannot be; names the first one, the number of others, and the remedy.
    """
    refuse_unprintable(root)
    search = _Search(root, frozenset(reads), depth, tuple(ignore), frozenset(known))
    search.folders.append(_Folder(root, os.path.realpath(root), 0, None))
    # Links last: a folder that is inside the root keeps its own name.
    while search.folders or search.links:
        if search.folders:
            search.look_into(search.folders.pop())
        else:
            search.follow(heappop(search.links))
    search.refuse_unread()
    unused = {reason: search.unused[reason] for reason in sorted(search.unused)}
    counts = UnusedEntries(unused, search.matched)
    return Inventory(root, tuple(sorted(search.files)), tuple(sorted(search.found)), counts)


def matching_patterns(path: Path, root: Path, patterns: Sequence[str]) -> list[str]:
    """Return the patterns that leave an entry out.

    A pattern with a slash is compared with the path below the root, any other with the name, as the shell does
    (``*``, ``?``, ``[...]``), with regard to case. An ignored folder is not looked into.
    """
    if not patterns:
        return []
    name, below = composed(path.name), entry_name(path, root)
    return [each for each in patterns if fnmatchcase(below if "/" in each else name, composed(each))]


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC): macOS writes "é" as two characters, others as one."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def entry_name(path: Path, root: Path) -> str:
    """Return the path of an entry below the root, with slashes, in composed form: the same on every system."""
    return composed(path.relative_to(root).as_posix())


def refuse_unprintable(path: Path) -> None:
    """Refuse a path that cannot be written into a result.

    Raises:
        InputError: it is not UTF-8, or has a control character or a line break.
    """
    if (fault := fault_of_name(str(path))) is not None:
        raise InputError(f"The path '{_shown(path)}' {fault}; rename it.")


def unused_sentence(place: object, unused: Mapping[str, int]) -> str:
    """Return a line that counts the unused entries of a folder; empty if there are none."""
    if not unused:
        return ""
    return f"Not used in {place}: {unused_in_words(unused)}."


def unmatched_sentence(ignore: Sequence[str], *unused: Mapping[str, int]) -> str:
    """Return a line for the patterns that left nothing out of any of the folders; empty if there are none."""
    matched = frozenset().union(*(_matched(counts) for counts in unused))
    patterns = [pattern for pattern in dict.fromkeys(ignore) if pattern not in matched]
    return f"Nothing matches --ignore {', '.join(repr(pattern) for pattern in patterns)}." if patterns else ""


def entries_sentences(ignore: Sequence[str], places: Sequence[tuple[object, Mapping[str, int]]]) -> list[str]:
    """Return the lines about the entries of all folders of a command: those that are unused, and patterns without one."""
    said = [*(unused_sentence(place, unused) for place, unused in places)]
    return [line for line in (*said, unmatched_sentence(ignore, *(unused for _, unused in places))) if line]


def _matched(unused: Mapping[str, int]) -> frozenset[str]:
    return unused.matched if isinstance(unused, UnusedEntries) else frozenset()


def unused_in_words(unused: Mapping[str, int]) -> str:
    """Return counts of unused entries in words, such as "1 hidden, 3 other files"."""
    return ", ".join(
        f"{count:,} {reason if count == 1 else _MANY.get(reason, reason)}" for reason, count in unused.items()
    )


def merged(*counts: Mapping[str, int]) -> UnusedEntries:
    """Add counts of unused entries, sorted by reason."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update({reason: number for reason, number in count.items() if number})
    matched = frozenset().union(*(_matched(count) for count in counts))
    return UnusedEntries({reason: total[reason] for reason in sorted(total)}, matched)


def is_present(path: Path) -> bool:
    """Return whether there is a file of this name, such as a list or a manifest.

    Raises:
        InputError: there is something else: a link that leads nowhere, a folder, or a pipe, which would be waited for.
    """
    try:
        if path.is_file():
            return True
        if not os.path.lexists(path):
            return False
        reason = "is not a file" if path.exists() else "is a link that leads nowhere"
    except OSError as error:
        reason = f"cannot be used ({error.strerror})"
    raise InputError(f"'{path}' {reason}; repair or remove it.")


class _Folder(NamedTuple):
    """A folder to look into.

    Attributes:
        path: the root, or a folder below it.
        real: its path without links.
        level: how many levels below the root.
        fault: why nothing in it can be read, None for a sound name.
    """

    path: Path
    real: str
    level: int
    fault: str | None


@dataclass
class _Search:
    """The state of one `take_inventory`."""

    root: Path
    reads: frozenset[str]
    depth: int | None
    ignore: tuple[str, ...]
    known: frozenset[str]
    files: list[Path] = field(default_factory=list)
    found: list[Path] = field(default_factory=list)
    folders: list[_Folder] = field(default_factory=list)
    links: list[_Folder] = field(default_factory=list)
    unused: Counter[str] = field(default_factory=Counter)
    matched: set[str] = field(default_factory=set)
    unread: list[tuple[Path, str]] = field(default_factory=list)
    entered: set[str] = field(default_factory=set)

    def look_into(self, folder: _Folder) -> None:
        """Sort the entries of a folder, unless a link led into it before; its sub-folders are to be looked into later."""
        if folder.real in self.entered:
            self.unused[LINKED_AGAIN] += 1
            return
        self.entered.add(folder.real)
        if folder.level:
            self.found.append(folder.path)
        try:
            # Directory entries carry their type; half a million files would each need another system call.
            with os.scandir(folder.path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            fault = f"cannot be looked into ({error.strerror})"
            if not folder.level:
                raise InputError(f"The folder '{folder.path}' {fault}; check its permissions.") from error
            self.unread.append((folder.path, fault))
            return
        if not entries and folder.level:
            self.unused[EMPTY_FOLDER] += 1
        names: dict[str, str] = {}
        for entry in entries:
            path = folder.path / entry.name
            if patterns := matching_patterns(path, self.root, self.ignore):
                self.matched.update(patterns)
                self.unused[IGNORED] += 1
                continue
            twin = names.setdefault(composed(entry.name), entry.name)
            if twin != entry.name:
                self.unread.append((path, "has the same name as another entry, in another Unicode form"))
            elif entry.name.startswith("."):
                self.unused[HIDDEN] += 1
            else:
                self._sort(entry, path, folder)

    def _sort(self, entry: os.DirEntry[str], path: Path, folder: _Folder) -> None:
        try:
            linked = entry.is_symlink()
            if linked:
                path.stat()  # raises the reason why the link leads nowhere
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:
            self.unread.append((path, f"is a link that leads nowhere ({error.strerror})"))
            return
        fault = folder.fault or fault_of_name(entry.name)
        if not is_folder:
            self._sort_file(path, is_file, folder.level, fault)
        elif linked:
            heappush(self.links, _Folder(path, os.path.realpath(path), folder.level + 1, fault))
        else:
            self.folders.append(_Folder(path, f"{folder.real}/{entry.name}", folder.level + 1, fault))

    def _sort_file(self, path: Path, is_file: bool, level: int, fault: str | None) -> None:
        suffix = suffix_of(path.name)
        wanted = suffix in self.reads
        if not wanted and suffix not in MEDIA_SUFFIXES:
            if path.name not in self.known:
                self.unused[OTHER_FILE if is_file else SPECIAL_FILE] += 1
            return
        if not is_file:
            # Opening one could wait forever.
            fault = "is a socket, a pipe or a device, not a file"
        elif fault is None and not wanted:
            fault = f"is a media file, but only {', '.join(sorted(self.reads)) or 'arrays'} are read here"
        elif fault is None and self.depth is not None and level > self.depth:
            fault = f"is deeper in sub-folders than is read here (levels below '{self.root}': {self.depth})"
        if fault is None:
            self.files.append(path)
        else:
            self.unread.append((path, fault))

    def follow(self, link: _Folder) -> None:
        """Look into a linked folder unless it contains the root."""
        if os.path.commonpath([link.real, os.path.realpath(self.root)]) == link.real:
            self.unused[LINK_ABOVE] += 1
        else:
            self.look_into(link)

    def refuse_unread(self) -> None:
        if not self.unread:
            return
        path, fault = min(self.unread)
        others = len(self.unread) - 1
        also = (
            f", and {others:,} other {'entry' if others == 1 else 'entries'} of '{_shown(self.root)}' cannot be read"
            if others
            else ""
        )
        pattern = f"*{path.suffix}" if fault.startswith("is a media file") else _pattern_of(path.name)
        raise InputError(
            f"'{_shown(path)}' {fault}{also}; repair, convert, move or remove it, or leave it out with --ignore '{pattern}'."
        )


def fault_of_name(name: str) -> str | None:
    """Return why no result can hold a name, as the predicate of a sentence; None if one can."""
    if name.isascii() and name.isprintable():
        return None
    kinds = {unicodedata.category(character) for character in name} & _UNPRINTABLE
    if not kinds:
        return None
    return "has a name that is not UTF-8" if "Cs" in kinds else "has a control character or a line break in its name"


def _pattern_of(name: str) -> str:
    """Return a pattern that can be typed and matches the name."""
    return "".join("?" if unicodedata.category(c) in _UNPRINTABLE or c in "[]*?'" else c for c in name)


def _shown(path: Path) -> str:
    """Return a path on one line, with bytes that are not UTF-8 and control characters as escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        c if unicodedata.category(c) not in _UNPRINTABLE else c.encode("unicode_escape").decode() for c in text
    )
