"""Every command in the documents works: it is executed, or parsed down to the last option.

`documented/commands.toml` decides for each command, quoted as in the document:

- ``run``: executed as written, or with ``replace`` for placeholders and ``add`` for further arguments; ``why`` gives the reason.
- ``parse``: every option must exist, every task, model, metric and network be known; ``why`` states why it is not run.
- ``name``: the text mentions a command, perhaps with an option, and is not meant to be typed.
- ``text``: looks like a command but is not; ``why`` states what it is.

``after`` lists commands that must run first, ``exit`` the exit code (default 0), ``prints`` text expected on stdout. In the
values, {videos} is the folder of real videos with the splits train and test.
"""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest

HERE = Path(__file__).parent / "documented"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"documented_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


documents, parsing, sandboxes = _load("documents"), _load("parsing"), _load("sandbox")
ENTRIES = tomllib.loads((HERE / "commands.toml").read_text(encoding="utf-8"))["command"]
TABLE = {entry["text"]: entry for entry in ENTRIES}
KEYS = {"text", "how", "replace", "add", "why", "after", "exit", "prints"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    return sandboxes.Sandbox(tmp_path_factory.mktemp("clone"), TABLE, documents.all_files())


def test_every_command_of_the_documents_is_in_the_table():
    unknown = {each.text: f"{each.document}:{each.line}" for each in documents.all_commands() if each.text not in TABLE}
    assert not unknown, (
        "These commands are in a document but not in tests/docs/documented/commands.toml; add an entry for each that states "
        f"whether it runs as written, with which replacements, or why it is only parsed: {unknown}"
    )


def test_the_table_has_no_command_that_no_document_has():
    documented = {each.text for each in documents.all_commands()}
    stale = [text for text in TABLE if text not in documented]
    assert not stale, f"These commands of tests/docs/documented/commands.toml are in no document; delete them: {stale}"
    assert len(TABLE) == len(ENTRIES), "a command is in the table twice"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["text"])
def test_an_entry_says_why_it_does_not_run_as_written(entry):
    assert set(entry) <= KEYS
    assert entry["how"] in ("run", "parse", "name", "text")
    as_written = entry["how"] == "name" or (entry["how"] == "run" and not {"replace", "add"} & set(entry))
    assert as_written == ("why" not in entry)
    assert all(TABLE[earlier]["how"] == "run" for earlier in entry.get("after", ()))


def _of(how):
    return pytest.mark.parametrize("entry", [e for e in ENTRIES if e["how"] in how], ids=lambda e: e["text"])


@_of(("run", "parse"))
def test_a_command_is_parsed(entry, sandbox):
    """Commands that run are parsed too: without real videos, those that need them are skipped."""
    for earlier in entry.get("after", ()):
        if earlier.startswith("pip "):
            sandbox.run(earlier, "")
    words = sandboxes.typed(entry["text"], entry, "videos")
    if entry["how"] == "run" and words[0] not in ("vidbench", "torchrun"):
        return
    with sandbox.entered():
        parsing.parse(words[: words.index(">")] if ">" in words else words)


@_of(("name",))
def test_a_name_names_a_command(entry):
    parsing.check_name(entry["text"].split())


@_of(("run",))
@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")  # raised by the SciPy code in docs/ci.md
def test_a_command_runs(entry, sandbox, request):
    needs_videos = any("{videos}" in str(TABLE[text]) for text in (entry["text"], *_needed(entry)))
    videos = str(request.getfixturevalue("shared") / "data" / "weizmann") if needs_videos else ""
    outcome = sandbox.run(entry["text"], videos)
    assert outcome.code == entry.get("exit", 0), outcome.stderr + outcome.stdout
    assert entry.get("prints", "") in outcome.stdout


def _needed(entry):
    for text in entry.get("after", ()):
        yield from (text, *_needed(TABLE[text]))


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("vidbench evaluate --modl noise --task shapes-gen", "No such option"),
        ("vidbench evaluate --model noise --task shapes-gan", "Unknown task"),
        ("vidbench evaluate --model noise --task shapes-gan@LIST.json", "Unknown task"),
        ("vidbench evaluate --model noise --task k600-gen@1999", "1999"),
        ("vidbench evaluate --model dvdgna --task shapes-gen", "Unknown model"),
        ("vidbench evaluate --model noise", "--task"),
        ("vidbench evaluate --model noise --task shapes-gen --precision half", "half"),
        ("vidbench data", "names no command to run"),
        ("vidbench measure a b --metric fdv", "no metric is called 'fdv'"),
        ("vidbench weights fetch i3d-kinetics-500", "no network"),
        ("torchrun --nproc-per-node 2 -m vidbench evaluate --modl noise --task shapes-gen", "No such option"),
        ("pytest --vidbench-implementations a:b", "no option"),
        ("pip install vidbench[tf-hub]", "neither an extra"),
        ("make dmeo", "dmeo"),
    ],
)
def test_a_command_that_would_be_refused_is_found(command, problem, sandbox):
    with sandbox.entered(), pytest.raises((AssertionError, click.ClickException, Exception), match=problem):
        parsing.parse(command.split())


@pytest.mark.parametrize(
    "command", ["python tools/measure_footguns.py --clip", "torchrun --nprocs 2 -m vidbench doctor"]
)
def test_a_script_with_an_option_that_does_not_exist_is_found(command, sandbox, capsys):
    with sandbox.entered(), pytest.raises(SystemExit):
        parsing.parse(command.split())
    capsys.readouterr()


@pytest.mark.parametrize("name", ["vidbench mesure", "vidbench measure --resolutions", "vidbench doctor all"])
def test_a_name_of_nothing_is_found(name):
    with pytest.raises((AssertionError, click.ClickException)):
        parsing.check_name(name.split())


MARKDOWN = """Type `vidbench doctor`, or `vidbench conformance
--vectors 'a*'`; see `vidbench/cli` and `vidbench.models`.

```
# first
vidbench evaluate --model a \\
    --task b     # a comment
DATA/train/x.mp4
srun torchrun -m vidbench doctor
```

1. An item:

   ```sh
   vidbench tasks list
   ```

```python
# a_file.py
vidbench = 1
```
"""


def test_commands_are_found_in_blocks_and_in_running_text():
    found = documents.commands("d.md", MARKDOWN)
    assert [(each.line, each.text) for each in found] == [
        (1, "vidbench doctor"),
        (1, "vidbench conformance --vectors 'a*'"),
        (6, "vidbench evaluate --model a --task b"),
        (9, "srun torchrun -m vidbench doctor"),
        (15, "vidbench tasks list"),
    ]
    assert documents.files(MARKDOWN) == {"a_file.py": "# a_file.py\nvidbench = 1\n"}
