"""What decides the clips of a model: its code, with the modules that it imports, and the files that it reads.

Later runs reuse a model's features only if all of this is unchanged. Imports are found in the source, so that those inside
functions count too; files are found by watching what Python opens while the model is loaded and sampled.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import os
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

from vidbench.files import HashedFile, digest, hash_file
from vidmetrics.one_parser import parse_alone
from vidmetrics.regular_files import read_regular

WEIGHT_SUFFIXES = frozenset(
    {
        ".bin",
        ".ckpt",
        ".gguf",
        ".h5",
        ".hdf5",
        ".msgpack",
        ".npy",
        ".npz",
        ".onnx",
        ".pb",
        ".pickle",
        ".pkl",
        ".pt",
        ".pth",
    }
    | {".safetensors", ".tflite"}
)
"""Files next to a model that count as its weights: libraries such as safetensors and HDF5 open them unseen by Python."""

_CODE_SUFFIXES = frozenset({".py", ".pyc", ".pyi", ".so", ".pyd"})
# Compiled kernels, which follow from the code.
_COMPILER_FOLDERS = frozenset({".triton", ".nv", "__pycache__"})
_SYSTEM_FOLDERS = tuple(Path(name) for name in ("/proc", "/sys", "/dev", "/etc", "/run"))
# Files like any other, in memory.
_MEMORY_FOLDER = Path("/dev", "shm")


@dataclass(eq=False)
class FileWatch:
    """The files that Python opened for reading while `watched` was active, in order.

    Attributes:
        opened: their absolute paths.
        thread: the thread that entered `watched`.
        earlier: the threads of others, which existed when `watched` was first entered; a second watch of the same model has
            those of the first, because a thread that was started while it was loaded can read while it is sampled.
    """

    opened: dict[Path, None] = field(default_factory=dict)
    thread: threading.Thread | None = None
    earlier: WeakSet[threading.Thread] | None = None

    def includes(self, reader: threading.Thread) -> bool:
        """Return whether what a thread opens counts."""
        if reader is self.thread or self.earlier is None:
            return True
        return reader not in self.earlier and all(watch.thread is not reader for watch in tuple(_active))


_active: list[FileWatch] = []
_installed: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _active:
        return
    path, mode, flags = arguments
    reads = "r" in mode or "+" in mode if isinstance(mode, str) else flags & os.O_ACCMODE != os.O_WRONLY
    if reads and isinstance(path, str | bytes):
        reader = threading.current_thread()
        # Other threads enter and leave meanwhile.
        for watch in tuple(_active):
            if watch.includes(reader):
                watch.opened[Path(os.path.abspath(os.fsdecode(path)))] = None  # noqa: PTH100 - links keep their place


@contextmanager
def watched(watch: FileWatch) -> Iterator[None]:
    """Add to ``watch`` every file that Python code opens for reading inside the block, in this thread and in those started since.

    Not in other threads: they can be those of another command of the process.
    """
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    watch.thread = threading.current_thread()
    if watch.earlier is None:
        watch.earlier = WeakSet(threading.enumerate())
    _active.append(watch)
    try:
        yield
    finally:
        _active.remove(watch)


@dataclass(frozen=True)
class ModelEvidence:
    """Everything that is known to decide the clips of a loaded model.

    Attributes:
        code_sha256: digest of its source files; None if they are not known.
        files: the other files that it read while it was loaded, and those next to it that look like weights.
        code: its source files.
    """

    code_sha256: str | None
    files: tuple[HashedFile, ...]
    code: frozenset[Path]

    @property
    def files_sha256(self) -> str | None:
        """Digest of names and content of the files, wherever they are; None if there are none."""
        return digest(sorted([file.path.name, file.sha256] for file in self.files)) if self.files else None

    def doubt(self, sampling: FileWatch) -> str | None:
        """Return why later runs cannot reuse the features of the model, or None.

        Args:
            sampling: what was opened while it was sampled.
        """
        if self.code_sha256 is None:
            return "its source files are not known"
        known = {file.path for file in self.files}
        for path in _decisive(sampling.opened):
            if path.suffix in _CODE_SUFFIXES:
                if _source_of(path) not in self.code:
                    return f"it imported '{_source_of(path)}' while it was sampled"
            elif path not in known:
                return f"it read '{path}' while it was sampled"
        return None

    def check(self) -> None:
        """Refuse a model of which a file changed after it was loaded.

        Raises:
            InputError: names the file.
        """
        for file in self.files:
            file.check(content=False)


def gather_evidence(factory: Any, loading: FileWatch, checkpoint: Path | None, declared: bool) -> ModelEvidence:
    """Return what decides the clips of a model that was just loaded.

    Args:
        factory: what loaded it.
        loading: what was opened meanwhile.
        checkpoint: the path that the user gave, if any.
        declared: whether the model states the digest of its weights, so that only what it opened counts besides.
    """
    file = factory_file(factory)
    code = source_files(factory)
    found = [path for path in _decisive(loading.opened) if path.suffix not in _CODE_SUFFIXES]
    if not declared:
        found += _weights_beside(file, is_package(factory, file)) if file is not None else []
        found += _files_of(checkpoint) if checkpoint is not None else []
    files = tuple(hash_file(path) for path in dict.fromkeys(found) if path.is_file())
    return ModelEvidence(_digest_of(code, file), files, frozenset(code))


def code_sha256(factory: Any) -> str | None:
    """Return the digest of a model's source files, None if they are not known."""
    return _digest_of(source_files(factory), factory_file(factory))


def _digest_of(files: list[Path], file: Path | None) -> str | None:
    if file is None:
        return None
    code = hashlib.sha256()
    for each in files:
        name = str(each.relative_to(file.parent)) if each.is_relative_to(file.parent) else each.name
        code.update(name.encode() + b"\0" + read_regular(each) + b"\0")
    return code.hexdigest()


def factory_file(factory: Any) -> Path | None:
    """Return the source file that defines a factory; None for one in C or made at run time."""
    for each in (factory, type(factory)):
        with suppress(TypeError, OSError):
            path = Path(inspect.getfile(each))
            if path.suffix == ".py" and path.is_file():
                return path.absolute()
    return None


def is_package(factory: Any, file: Path | None) -> bool:
    """Return whether a factory belongs to a package, and not to a single module."""
    return file is not None and ("." in str(getattr(factory, "__module__", "")) or file.name == "__init__.py")


def source_files(factory: Any) -> list[Path]:
    """Return the source files of a model: its module or package, and all that they import from outside installed packages."""
    file = factory_file(factory)
    if file is None:
        return []
    own = _python_files(file.parent) if is_package(factory, file) else [file]
    # What was imported by a computed name is seen only once it is loaded.
    found = {*own, *([] if is_package(factory, file) else _loaded_below(file.parent))}
    waiting, followed = list(found), set[str]()
    while waiting:
        names = _imported(waiting.pop()) - followed
        followed |= names
        new = {each for name in names for each in _files_of_module(name)} - found
        found |= new
        waiting += new
    return [*own, *sorted(found - set(own))]


def _python_files(folder: Path) -> list[Path]:
    """Return the source files below a folder; editors leave links among them that lead nowhere."""
    return sorted(path for path in folder.rglob("*.py") if path.is_file())


def _imported(path: Path) -> frozenset[str]:
    """Return the first parts of the names that a file imports; its own package is known otherwise."""
    try:
        return _imported_names(read_regular(path))
    except OSError:
        return frozenset()


@lru_cache(maxsize=1024)  # one run gathers the evidence of its model and of both bounds, which share most files
def _imported_names(source: bytes) -> frozenset[str]:
    try:
        nodes = list(_statements(parse_alone(lambda: ast.parse(source))))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return frozenset(name.partition(".")[0] for name in names) - sys.stdlib_module_names - {""}


def _statements(module: ast.Module) -> Iterator[ast.AST]:
    """Yield a module and the statements in it, at any depth; expressions, nine nodes of ten, import nothing."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            waiting += inner if isinstance(inner, list) else ()


def _files_of_module(name: str) -> list[Path]:
    """Return the source files of a top-level module or package, none for an installed one."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return []
    if spec is None:
        return []
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    # To list the files of torch takes seconds.
    files = [each for folder in folders if not _is_installed(folder.absolute()) for each in _python_files(folder)]
    if not folders and spec.origin is not None and spec.origin.endswith(".py"):
        files = [Path(spec.origin)]
    return [file.absolute() for file in files if not _is_installed(file.absolute())]


def _loaded_below(folder: Path) -> list[Path]:
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    # torch has modules whose file does not exist.
    paths = [Path(file) for file in files if file and file.endswith(".py")]
    return sorted(path for path in paths if path.is_relative_to(folder) and path.is_file() and not _is_installed(path))


def _weights_beside(file: Path, package: bool) -> list[Path]:
    paths = file.parent.rglob("*") if package else file.parent.iterdir()
    return sorted(path.absolute() for path in paths if path.suffix.lower() in WEIGHT_SUFFIXES)


def _files_of(checkpoint: Path) -> list[Path]:
    path = checkpoint.absolute()
    return sorted(path.rglob("*")) if path.is_dir() else [path]


def _decisive(opened: Iterable[Path]) -> list[Path]:
    """Return the opened files that can decide what a model samples: not the system's, nor those of installed packages."""
    return [path for path in list(opened) if not _is_installed(path) and not _is_system(path)]


def _is_system(path: Path) -> bool:
    if not _COMPILER_FOLDERS.isdisjoint(path.parts) and path.suffix not in _CODE_SUFFIXES:
        return True
    system = any(path.is_relative_to(folder) for folder in _SYSTEM_FOLDERS) and not path.is_relative_to(_MEMORY_FOLDER)
    return system or any("torchinductor" in part for part in path.parts)


def _is_installed(path: Path) -> bool:
    shared = not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
    return shared or any(path.is_relative_to(folder) for folder in _installed_folders())


@cache
def _installed_folders() -> tuple[Path, ...]:
    """Folders of Python, of installed packages, and of vidbench itself, whose versions results record."""
    import vidmetrics

    ours = [Path(__file__).parents[1], Path(str(vidmetrics.__file__)).parent]
    # No prefix: /usr and the folder of a project can be one.
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    schemes = (sysconfig.get_paths(), sysconfig.get_paths(vars=base))
    names = [paths[kind] for paths in schemes for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    return (*ours, *(Path(name) for name in dict.fromkeys(names)))


def _source_of(path: Path) -> Path:
    if path.suffix != ".pyc":
        return path
    with suppress(ValueError, NotImplementedError):
        return Path(importlib.util.source_from_cache(str(path)))
    return path
