"""Folders and files at addresses such as ``hf://datasets/USER/NAME/FOLDER``, copied into the home folder before they are read.

Results depend on bytes that lie still, so nothing is read over the network: a copy is complete or not used, and belongs to one
state of what the address lists.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vidbench.data.folders.inventory import fault_of_name
from vidbench.errors import InputError
from vidbench.files import digest, file_sha256, write_text, written_whole
from vidbench.progress import Progress
from vidbench.rendering.numbers import counted
from vidmetrics.home import home
from vidmetrics.locks import sole_writer
from vidmetrics.weights.fetch import is_offline

SCHEMES = {"hf": "huggingface_hub"}
"""The package that each kind of address needs; fsspec finds its file system in it."""
_COMPLETE = "complete.json"


@dataclass(frozen=True)
class _RemoteFile:
    """A file of a listing: its path there, its name below the address, its size, and what identifies its content."""

    path: str
    name: str
    size: int
    content: str
    sha256: str | None


def is_remote(text: str) -> bool:
    """Return whether a text is an address that `local_copy` takes."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def local_copy(address: str, progress: Progress) -> Path:
    """Return the local copy of a remote folder or file, making it if there is none of this state.

    The number of files, their size and the digest of the listing are printed before anything is copied. An interrupted copy is
    resumed. Offline, the copy made last is used.

    Args:
        address: for example ``hf://datasets/USER/NAME/FOLDER`` or ``hf://datasets/USER/NAME@REVISION/clips.npy``.
        progress: where progress is shown.

    Raises:
        InputError: the package for such addresses is absent, nothing is there or can be reached, a name or a size cannot be used,
            the disk is too small, or a file is not the listed one.
    """
    kept = home() / "remote" / digest(address)[:16]
    if is_offline():
        return _last_copy(kept, address)
    system, root = _opened(address)
    files = _listed(system, root, address)
    size = sum(file.size for file in files)
    listing = digest([[file.name, file.size, file.content] for file in files])
    folder = kept / listing[:16]
    copy = folder / (PurePosixPath(root).name or "files")
    what = f"{address}: {counted(len(files), 'file')}, {_size_text(size)}, listing {listing[:12]}"
    with sole_writer(folder, wait=True):
        if not (folder / _COMPLETE).is_file():
            progress.say(f"{what}; copying to {copy}")
            _refuse_full_disk(size, address)
            single = len(files) == 1 and files[0].name == ""
            with progress.stage("Copying", -(-size // 2**20), unit="MiB") as advance:
                for file in files:
                    _copy(system, file, copy if single else copy / file.name, address)
                    advance(file.size // 2**20)
            write_text(
                folder / _COMPLETE, f'{{"address_sha256": "{digest(address)}", "listing_sha256": "{listing}"}}\n'
            )
        else:
            progress.say(f"{what}; already copied to {copy}")
    return copy


def _last_copy(kept: Path, address: str) -> Path:
    done = sorted(kept.glob(f"*/{_COMPLETE}"), key=lambda path: path.stat().st_mtime)
    if not done:
        raise InputError(f"Offline, and there is no copy of {address}: run the command once with a network.")
    (copy,) = (entry for entry in done[-1].parent.iterdir() if entry.name != _COMPLETE and entry.name[0] != ".")
    return copy


def _opened(address: str) -> tuple[Any, str]:
    scheme, _, root = address.partition("://")
    try:
        importlib.import_module(SCHEMES[scheme])
        fsspec = importlib.import_module("fsspec")
    except ImportError as error:
        raise InputError(
            f"{address} needs a package that is not installed ({error}): `pip install 'vidbench[{scheme}]'`, or download the "
            "folder and give its path."
        ) from error
    root = root.strip("/")
    if not root:
        raise InputError(f"'{address}' names no folder: write for example {scheme}://datasets/USER/NAME/FOLDER.")
    return _asked(lambda: fsspec.filesystem(scheme), address), root


def _asked(question: Callable[[], Any], address: str) -> Any:
    """Return the answer of a foreign file system, whose errors are of any kind."""
    try:
        return question()
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise InputError(
            f"{address} cannot be read ({type(error).__name__}: {first}): check the address, the network and your login."
        ) from error


def _listed(system: Any, root: str, address: str) -> list[_RemoteFile]:
    found = _asked(lambda: system.find(root, detail=True), address)
    files = [_remote_file(system, path, info, root, address) for path, info in sorted(found.items())]
    if not files:
        raise InputError(f"{address} has no files: check the address.")
    return files


def _remote_file(system: Any, path: str, info: dict[str, Any], root: str, address: str) -> _RemoteFile:
    below = path.strip("/").removeprefix(system._strip_protocol(root).strip("/")).strip("/")
    fault = fault_of_name(below) if below else None
    if fault is not None or {"..", "."} & set(below.split("/")) or "\\" in below:
        raise InputError(f"{address} lists a name that no file here may have ('{below[:100]!a}'): rename it there.")
    size = info.get("size")
    if not isinstance(size, int) or size < 0:
        raise InputError(
            f"{address} does not say how large '{below or path}' is: download the folder and give its path."
        )
    lfs = info.get("lfs") or {}
    sha256 = lfs.get("sha256") if isinstance(lfs, dict) else getattr(lfs, "sha256", None)
    content = sha256 or info.get("blob_id") or info.get("ETag") or _asked(lambda: system.checksum(path), address)
    return _RemoteFile(path, below, size, str(content), sha256)


def _copy(system: Any, file: _RemoteFile, target: Path, address: str) -> None:
    """Copy one file whole; one of the right size is there from an interrupted copy of the same listing."""
    if target.is_file() and target.stat().st_size == file.size:
        return
    with written_whole(target) as temporary:
        _asked(lambda: system.get_file(file.path, str(temporary)), address)
        if temporary.stat().st_size != file.size or (file.sha256 and file_sha256(temporary) != file.sha256):
            raise InputError(
                f"{address}: '{file.name or file.path}' is not the file that was listed: run the command again."
            )


def _refuse_full_disk(size: int, address: str) -> None:
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"{address} has {_size_text(size)}, and {folder} has room for {_size_text(free)}: make room or set VIDBENCH_HOME "
            "to a folder on another disk."
        )


def _size_text(size: int) -> str:
    for unit, bytes_of_one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_of_one:
            return f"{size / bytes_of_one:.1f} {unit}"
    return f"{size} bytes"
