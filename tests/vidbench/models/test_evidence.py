"""The source files of a model, found by following its imports."""

from __future__ import annotations

import ast
import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from vidbench.models import evidence


def files(folder, *names):
    for name in names:
        (folder / name).write_text("")
    return [folder / name for name in names]


def test_of_two_watches_the_one_that_ends_is_no_longer_active(tmp_path):
    first, second = files(tmp_path, "first.txt", "second.txt")
    outer, inner = evidence.FileWatch(), evidence.FileWatch()
    with ExitStack() as later:
        with ExitStack() as earlier:
            earlier.enter_context(evidence.watched(outer))
            later.enter_context(evidence.watched(inner))
            first.read_text()
        second.read_text()
    second.with_name("third.txt").write_text("")
    assert list(outer.opened) == [first]
    assert list(inner.opened) == [first, second]
    assert not evidence._active


def test_a_watch_has_the_files_of_its_own_thread_and_of_those_that_were_started_since(tmp_path):
    mine, loader, sampler, theirs = files(tmp_path, "mine.txt", "loader.txt", "sampler.txt", "theirs.txt")
    recorded = {}
    barrier = threading.Barrier(2)

    def command(name, read, read_outside):
        barrier.wait()
        loading = evidence.FileWatch()
        with evidence.watched(loading), ThreadPoolExecutor(1) as pool:
            pool.submit(int).result()
            sampling = evidence.FileWatch(earlier=loading.earlier)
            with evidence.watched(sampling):
                barrier.wait()
                read(pool)
                barrier.wait()
        barrier.wait()
        read_outside()
        barrier.wait()
        recorded[name] = list(sampling.opened)
        assert not set(loading.opened) ^ set(sampling.opened)

    def read_in_threads(pool):
        mine.read_text()
        pool.submit(loader.read_text).result()
        thread = threading.Thread(target=sampler.read_text)
        thread.start()
        thread.join()

    own = threading.Thread(target=command, args=("own", read_in_threads, int))
    # A thread of another command is older than the watch, or has its own.
    other = threading.Thread(target=command, args=("other", lambda _: theirs.read_text(), theirs.read_text))
    for each in (own, other):
        each.start()
    for each in (own, other):
        each.join()
    assert recorded["own"] == [mine, loader, sampler]
    assert theirs in recorded["other"]
    assert mine not in recorded["other"]


def test_a_thread_that_is_older_than_the_watch_does_not_count(tmp_path):
    mine, theirs = files(tmp_path, "mine.txt", "theirs.txt")
    watch = evidence.FileWatch()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        with evidence.watched(watch):
            pool.submit(theirs.read_text).result()
            mine.read_text()
    assert list(watch.opened) == [mine]


@pytest.mark.parametrize("path", ["/dev/shm/scale.txt", "/runs/scale.txt", "/devel/scale.txt", "/system/scale.txt"])
def test_files_outside_the_folders_of_the_system_decide(path):
    assert evidence._decisive([Path(path)]) == [Path(path)]


@pytest.mark.parametrize("path", ["/dev/urandom", "/run/lock", "/etc/hosts", "/proc/cpuinfo", "/sys/devices/cpu"])
def test_files_of_the_system_do_not_decide(path):
    assert evidence._decisive([Path(path)]) == []


def test_only_the_libraries_below_the_prefix_of_python_are_installed(monkeypatch):
    evidence._installed_folders.cache_clear()
    data = Path(sys.prefix) / "share" / "scale.txt"
    base = Path(sys.base_prefix) / "local" / "scale.txt"
    assert evidence._decisive([data, base]) == [data, base]
    library, package = Path(threading.__file__), Path(pytest.__file__)
    assert evidence._decisive([library, package, Path(evidence.__file__), library.parent / "a" / "b.txt"]) == []


def test_each_file_of_a_package_whose_files_import_each_other_is_read_once(tmp_path, monkeypatch):
    package = tmp_path / "ring_of_models"
    package.mkdir()
    for number in range(60):
        imports = "".join(f"import ring_of_models.m{other}\n" for other in range(60))
        (package / f"m{number}.py").write_text(
            f"def load():\n    pass\n\n\ndef later():\n    {imports.replace(chr(10), chr(10) + '    ')}pass\n"
        )
    (package / "__init__.py").write_text("")
    (tmp_path / "outside_the_ring.py").write_text("")
    (package / "m7.py").write_text((package / "m7.py").read_text() + "    import outside_the_ring\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    read = []
    imported = evidence._imported
    monkeypatch.setattr(evidence, "_imported", lambda path: read.append(path) or imported(path))
    found = evidence.source_files(importlib.import_module("ring_of_models.m0").load)
    assert len(found) == len(set(found)) == 62
    assert found[-1] == tmp_path / "outside_the_ring.py"
    assert sorted(read) == sorted(found)


def test_a_file_is_parsed_once_for_a_model_and_its_bounds_and_again_when_it_has_changed(tmp_path, monkeypatch):
    (tmp_path / "parsed_once.py").write_text("import helper_of_parsed_once\n\n\ndef load():\n    pass\n")
    (tmp_path / "helper_of_parsed_once.py").write_text("")
    (tmp_path / "second_of_parsed_once.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    load = importlib.import_module("parsed_once").load
    evidence._imported_names.cache_clear()
    parse, parsed = evidence.ast.parse, []
    monkeypatch.setattr(evidence.ast, "parse", lambda source: parsed.append(source) or parse(source))
    first = evidence.source_files(load)
    assert {path.name for path in first} == {"parsed_once.py", "helper_of_parsed_once.py"}
    assert evidence.source_files(load) == first
    assert len(parsed) == 2
    (tmp_path / "helper_of_parsed_once.py").write_text("import second_of_parsed_once\n")
    assert tmp_path / "second_of_parsed_once.py" in evidence.source_files(load)


IMPORTS_AT_ANY_DEPTH = """
import a1
if x:
    from a2.b import c
elif y:
    import a3
else:
    import a4
for i in j:
    import a5
else:
    import a6
while x:
    import a7
try:
    import a8
except E:
    import a9
else:
    import a10
finally:
    import a11
with f():
    def g():
        class C:
            async def h(self):
                import a12
match x:
    case 1:
        import a13
try:
    pass
except* E:
    import a14
k = lambda: [m for m in n if m]
from . import a15
from .a16 import b
"""


def test_imports_are_found_in_every_kind_of_block():
    expected = {f"a{number}" for number in range(1, 15)}
    assert evidence._imported_names(IMPORTS_AT_ANY_DEPTH.encode()) == expected


@pytest.mark.parametrize("package", ["vidbench", "metrics/vidmetrics", "baselines/dvdgan"])
def test_the_imports_are_those_of_all_nodes(package):
    files = sorted((Path(__file__).parents[3] / package).rglob("*.py"))
    assert files
    for file in files:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
        tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
        assert evidence._imported_names(file.read_bytes()) == tops, file
