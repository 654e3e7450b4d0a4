"""Boards that lie, and results that cannot enter one."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.abuse.case import Case
from tests.result_texts import result_document

_SAID = ("--training", "train", "--extra-data", "none")
_SHIPPED = Path(__file__).resolve().parents[3] / "leaderboards"


def _boards(folder: Path) -> Path:
    """Copy a shipped board without measured rows."""
    boards = folder / "boards"
    boards.mkdir()
    shutil.copy(_SHIPPED / "k600-pred.csv", boards)
    return boards / "k600-pred.csv"


def _cell(column: str, value: str, row: int = 1) -> Callable[[Path], None]:
    """Return what replaces a cell of a board; the header is row 0."""

    def edit(board: Path) -> None:
        with board.open(newline="", encoding="utf-8") as file:
            table = list(csv.reader(file))
        table[row][table[0].index(column)] = value
        with board.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(table)

    return edit


def _repeat(**cells: str) -> Callable[[Path], None]:
    """Return what repeats a row with some cells changed."""

    def edit(board: Path) -> None:
        with board.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
        copy = [cells.get(name, cell) for name, cell in zip(header, rows[0], strict=True)]
        with board.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(copy)

    return edit


def _to_other_board(board: Path) -> None:
    lines = board.read_text(encoding="utf-8").splitlines(keepends=True)
    board.with_name("k600-gen.csv").write_text("".join(lines[:2]), encoding="utf-8")


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda board: (board.write_bytes(change(board.read_bytes())), None)[1]


def _checked(edit: Callable[[Path], object], command: str = "check boards") -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        edit(_boards(folder))
        return ["leaderboard", *command.split()]

    return make


_VALUES = {
    "zero": ("0", "no score is exactly 0"),
    "minus zero": ("-0.0", "no score is exactly 0"),
    "zero by underflow": ("1e-400", "too small"),
    "infinite by overflow": ("1e400", "finite"),
    "infinite": ("inf", "not a plain number"),
    "with an underscore": ("1_000", "not a plain number"),
    "of full-width digits": ("６９", "not a plain number"),
    "of Arabic digits": ("٦٩", "not a plain number"),
    "with a comma": ("69,15", "not a plain number"),
    "hexadecimal": ("0x45", "not a plain number"),
    "with a sign": ("+69", "not a plain number"),
    "negative": ("-1", "outside the attainable range"),
    "empty": ("", "not a plain number"),
}  # fmt: skip
_COUNTS = {
    ("runs", "0"), ("frames", "-16"), ("samples", "99999999999999"), ("year", "２０１９"), ("context_frames", "1_0"),
    ("spread", "1e-999"), ("frames", "16.5"),
}  # fmt: skip
_TEXTS = {
    "an escape sequence": ("a\x1b[2Jb", "U+001B"),
    "a newline": ("a\nError: b", "U+000A"),
    "a right-to-left override": ("a\u202eb", "U+202E"),
    "a zero-width space": ("DVD\u200bGAN", "U+200B"),
    "a C1 control": ("a\x9bb", "U+009B"),
    "a tag character": ("a\U000e0041", "U+E0041"),
    "a formula": ("=1+1", "formula"),
    "a formula with +": ("+cmd|x", "formula"),
    "a formula with -": ("-2+3", "formula"),
    "a formula with @": ("@SUM(A1)", "formula"),
    "a javascript link": ("[x](javascript:alert(1))", "link that runs code"),
    "a data link": ("data:text/html,x", "link that runs code"),
    "a script": ("<script>alert(1)</script>", "link that runs code"),
}


def _stray(name: str) -> Case:
    def edit(board: Path) -> None:
        shutil.copy(board, board.with_name(name))

    return Case(f"a board named {name}", _checked(edit), "is not the board of a shipped task", 1)


def _added(*options: str, **changes: object) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        document = result_document()
        for key, value in changes.items():
            *parents, last = key.split("__")
            inner = document
            for parent in parents:
                inner = inner[parent]
            inner[last] = value
        (folder / "result.json").write_text(json.dumps(document))
        return ["leaderboard", "add", "result.json", "--leaderboards", "out", *_SAID, *options]

    return make


def _content(change: Callable[[str], bytes]) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / "result.json").write_bytes(change(json.dumps(result_document())))
        return ["leaderboard", "add", "result.json", "--leaderboards", "out", *_SAID]

    return make


def _later(document: str) -> bytes:
    changed = json.loads(document) | {"schema_version": 99, "something_new": [1]}
    return json.dumps(changed).encode()


CASES: tuple[Case, ...] = (
    *(Case(f"a value {name}", _checked(_cell("value", value)), word, 1) for name, (value, word) in _VALUES.items()),
    *(Case(f"{column} of {value}", _checked(_cell(column, value)), f"column '{column}'", 1) for column, value in sorted(_COUNTS)),
    *(
        Case(f"a {column} with {name}", _checked(_cell(column, value)), word, 1)
        for column in ("model", "setting")
        for name, (value, word) in _TEXTS.items()
    ),
    *(_stray(name) for name in ("k600-pred (1).csv", "K600-pred.csv", "k600-pred.csv.bak", "k600-pred.CSV", "k600-pred.csv~")),
    Case("an Inception Score above the number of classes", _checked(_cell("value", "1009", row=14)), "attainable", 1),
    Case("a copied row", _checked(_repeat(id="another")), "repeats the numbers", 1),
    Case("a copied row under another name", _checked(_repeat(id="another", model="Another")), "repeats the numbers", 1),
    Case("a row on two boards", _checked(_to_other_board), "repeats the numbers", 1),
    Case("a resolution of Arabic digits", _checked(_cell("resolution", "٦٤x٦٤")), "column 'resolution'", 1),
    Case("a board that is UTF-16", _checked(_bytes(lambda text: text.decode().encode("utf-16"))), "not UTF-8", 1),
    Case("a board with a NUL", _checked(_bytes(lambda text: text.replace(b"LVT", b"L\0T", 1))), "U+0000", 1),
    Case("a board with an open quote", _checked(_bytes(lambda text: text + b'x,"')), "CSV", 1),
    Case("an empty board", _checked(_bytes(lambda text: b"")), "column is missing", 1),
    Case("a folder named as a board", _checked(lambda board: (board.unlink(), board.mkdir())), "it is a folder and not a file"),
    Case("an escape sequence in a board that is shown", _checked(_cell("model", "a\x1b[2Jb"), "show k600-pred --leaderboards boards"), "U+001B"),
    Case("an escape sequence in a board that is built", _checked(_cell("model", "a\x1b[2Jb"), "build --leaderboards boards --output out"), "U+001B"),
    Case("a result of a later schema", _content(_later), "schema version 99"),
    Case("a result with a byte-order mark", _content(lambda text: b"\xef\xbb\xbf" + text.encode()), "byte-order mark"),
    Case("a result in UTF-16", _content(lambda text: text.encode("utf-16")), "byte-order mark"),
    Case("a result that is cut", _content(lambda text: text[:200].encode()), "result.json is not valid"),
    Case("a result of nested brackets", _content(lambda text: b"[" * 100_000), "result.json is not valid"),
    Case("a result that is no object", _content(lambda text: b"[]"), "result.json is not valid"),
    Case("a result of version true", _content(lambda text: text.replace('"schema_version": 3', '"schema_version": "x"').encode()), "schema_version"),
    Case("an escape sequence in the name of a model", _added(model__name="a\x1b[2Jb"), "U+001B"),
    Case("a formula as the name of a model", _added("--name", "=1+1"), "formula"),
    Case("a bidirectional override in a note", _added("--note", "a\u202eb"), "U+202E"),
    Case("a javascript link in a paper", _added("--paper", "javascript:alert(1)"), "link that runs code"),
    Case("an arXiv id of full-width digits", _added("--arxiv", "２６０１.00001"), "arxiv"),
    Case("a metric that is a text", _added(metrics__num="x"), "metrics"),
    Case("a score of zero", _added(**{"metrics__fvd-shapes__value": 0.0}), "0 lies outside its own interval 52 to 60"),
)  # fmt: skip
