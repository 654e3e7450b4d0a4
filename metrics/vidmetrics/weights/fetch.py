"""Download of published files; a file gets its final name only after its bytes are verified."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidmetrics.errors import InputError
from vidmetrics.weights.part_file import PartFile, Version, is_validator, locked_part, remove_stale_note
from vidmetrics.weights.sources import PublishedFile
from vidmetrics.weights.verify import why_wrong

if TYPE_CHECKING:
    from requests import Response, Session

OFFLINE_VARIABLE = "VIDBENCH_OFFLINE"
Report = Callable[[int, int | None], None]
"""Called with the number of bytes downloaded and the total (None if unknown)."""

# More digits than int reads, and digits that are none, are no size.
_SIZE = "([0-9]{1,18})"
_CHUNK = 2**16
_HEADWAY = 2**20
_NO_FILE_IS_LARGER = 2**31
_NO_URL = "it redirects to what is no url"
_WORTH_ANOTHER_TRY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Patience:
    """Timeouts and retries.

    Attributes:
        attempts: failures at one url, without a mebibyte of progress in between, before the next mirror is tried.
        connect_seconds: timeout of a connection.
        stall_seconds: timeout of the next byte.
        first_wait_seconds: wait after the first failure; doubled each time, up to 30 seconds.
        sleep: the function that waits.
    """

    attempts: int = 5
    connect_seconds: float = 15.0
    stall_seconds: float = 30.0
    first_wait_seconds: float = 1.0
    sleep: Callable[[float], None] = time.sleep


class _TryAgainError(Exception):
    """A transient failure."""


class _NextMirrorError(Exception):
    """A permanent failure of this url."""


def is_offline(flag: bool = False) -> bool:
    """Return whether network access is forbidden: the flag, or ``VIDBENCH_OFFLINE`` set to anything but 0."""
    return flag or os.environ.get(OFFLINE_VARIABLE, "").strip() not in ("", "0")


def fetch(
    file: PublishedFile,
    folder: Path,
    report: Report | None = None,
    *,
    offline: bool = False,
    patience: Patience = Patience(),
) -> Path:
    """Return the path of a published file, downloading it if it does not exist.

    The bytes are written to ``NAME.part``, which is renamed only if its size and hash are the published ones. A broken
    transfer, of this process or an earlier one, resumes where it stopped if the server still has the same version of the
    file. Wrong bytes are deleted and the next mirror is tried. Of two processes that fetch the same file, the second waits
    for the first and then uses its file. Proxies and certificates come from the environment, as in `requests`
    (``HTTPS_PROXY``, ``NO_PROXY``, ``REQUESTS_CA_BUNDLE``).

    Args:
        file: the file to fetch.
        folder: its destination.
        report: called with the progress.
        offline: forbid network access; the environment variable ``VIDBENCH_OFFLINE`` does the same.
        patience: timeouts and retries.

    Raises:
        InputError: offline and not downloaded before; no mirror delivered the published bytes; another file has its name.
    """
    final = folder / file.name
    if final.is_file():
        remove_stale_note(final)
        return _checked(final, file)
    if is_offline(offline):
        raise InputError(
            f"Offline, and {final} does not exist; download it on another machine and copy it there: {_by_hand(file)}."
        )
    report = report or _no_report
    try:
        with locked_part(final) as part:
            if final.is_file():  # another process was faster
                return _checked(final, file)
            reasons = []
            for url in file.urls:
                try:
                    _from_mirror(url, file, part, report, patience)
                except _NextMirrorError as error:
                    reasons.append(f"{_host(url)}: {error}")
                else:
                    part.finish(final)
                    return final
            kept = f"; {part.size} bytes are kept and the same command resumes from there" if part.size else ""
    except OSError as error:
        raise InputError(f"{final} cannot be written ({error}); make room or choose another VIDBENCH_HOME.") from error
    raise InputError(
        f"{file.name} could not be fetched ({'; '.join(reasons)}){kept}; or download it yourself to {final}: {_by_hand(file)}."
    )


def _no_report(_done: int, _total: int | None) -> None:
    """Report nothing."""


def _checked(final: Path, file: PublishedFile) -> Path:
    wrong = why_wrong(final, file)
    if wrong:
        raise InputError(f"{final} is not the published file, as {wrong}; remove it and run the same command again.")
    return final


def _by_hand(file: PublishedFile) -> str:
    return f"{file.urls[0]}, {file.known_by}"


def _host(url: str) -> str:
    return url.split("/")[2]


def _from_mirror(url: str, file: PublishedFile, part: PartFile, report: Report, patience: Patience) -> None:
    """Fill the part file with the published bytes.

    Raises:
        _NextMirrorError: this url did not give them.
    """
    import requests
    from requests import exceptions

    failures, best = 0, _resumable(url, file, part)
    with requests.Session() as session:
        while True:
            try:
                resumed = _transfer(session, url, file, part, report, patience)
                wrong = why_wrong(part.path, file)
                if wrong is None:
                    return
                part.clear()
                if not resumed:
                    raise _NextMirrorError(wrong)
                raise _TryAgainError(wrong)  # the beginning may be of another version: try once more from the start
            except _TryAgainError as error:
                reason = str(error)
            except exceptions.RequestException as error:
                reason = _in_words(error, patience)
                if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema | exceptions.TooManyRedirects):
                    raise _NextMirrorError(reason) from error
            if part.size >= best + _HEADWAY:
                failures, best = 0, _resumable(url, file, part)
            failures += 1
            if failures >= patience.attempts:
                raise _NextMirrorError(f"{reason}, {failures} times")
            patience.sleep(min(patience.first_wait_seconds * 2 ** (failures - 1), 30.0))


def _transfer(
    session: Session, url: str, file: PublishedFile, part: PartFile, report: Report, patience: Patience
) -> bool:
    """Make one request and append its body; return whether earlier bytes were resumed.

    Raises:
        _TryAgainError: the transfer broke.
        _NextMirrorError: the response is a refusal, or larger than the file can be.
        requests.exceptions.RequestException: the same, from the library.
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": "vidbench"}
    offset = _resumable(url, file, part)
    if offset:
        headers["Range"] = f"bytes={offset}-"
        version = part.version()
        if version and version.validator:
            headers["If-Range"] = version.validator
    timeouts = (patience.connect_seconds, patience.stall_seconds)
    with _response(session, url, headers, timeouts) as response:
        if response.status_code == 416:
            if _range_total(response) == offset:
                return True  # the download was complete
            part.clear()
            raise _TryAgainError("the server has fewer bytes than were downloaded")
        if response.status_code not in (200, 206):
            words = f"HTTP {response.status_code} {response.reason}".strip()
            raise (_TryAgainError if response.status_code in _WORTH_ANOTHER_TRY else _NextMirrorError)(words)
        if response.status_code == 206:
            total = _total_of_the_rest(response, offset, part)
        else:
            offset = 0
            part.start(Version(url, _validator(response)))
            total = _length(response)
        limit = file.bytes if file.bytes is not None else _NO_FILE_IS_LARGER
        if total is not None and total > limit:
            part.clear()
            raise _NextMirrorError(f"it offers {total} bytes instead of {limit}")
        _receive(response, part, total if total is not None else file.bytes, limit, report)
    if total is not None and part.size < total:
        raise _TryAgainError(f"the connection ended after {part.size} of {total} bytes")
    return offset > 0


def _response(session: Session, url: str, headers: dict[str, str], timeouts: tuple[float, float]) -> Response:
    """Return the response after all redirects; requests lets errors of their urls and bodies pass as others raised them.

    Raises:
        _TryAgainError: the connection broke.
        _NextMirrorError: a redirect leads to what is no url.
        requests.exceptions.RequestException: as in `_transfer`.
    """
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        return session.get(url, headers=headers, stream=True, timeout=timeouts)
    except RequestException:
        raise
    except (ValueError, AssertionError) as error:  # http.client asserts that a host with "%" is in brackets
        raise _NextMirrorError(_NO_URL) from error
    except HTTPError as error:
        raise _TryAgainError("the connection broke") from error


def _receive(response: Response, part: PartFile, total: int | None, limit: int, report: Report) -> None:
    done = part.size
    report(done, total)
    for chunk in response.iter_content(_CHUNK):
        done += len(chunk)
        if done > limit:
            part.clear()
            raise _NextMirrorError(f"it sends more than {limit} bytes")
        part.append(chunk)
        report(done, total)


def _resumable(url: str, file: PublishedFile, part: PartFile) -> int:
    """Return the byte to resume from; existing bytes are discarded only when others replace them.

    Bytes of another mirror are not resumed. Without a validator the server cannot confirm that its file is unchanged; then
    the beginning is useful only if there is a hash to verify.
    """
    version = part.version()
    return part.size if version and version.url == url and (version.validator or file.verifiable) else 0


def _validator(response: Response) -> str | None:
    etag = response.headers.get("ETag", "")
    if etag.startswith('"') and is_validator(etag):  # a weak one, W/"...", does not identify bytes (RFC 9110, 13.1.5)
        return etag
    date = response.headers.get("Last-Modified")
    return date if is_validator(date) else None


def _total_of_the_rest(response: Response, offset: int, part: PartFile) -> int | None:
    """Return the size of the whole file from the header Content-Range of a partial response."""
    match = re.fullmatch(rf"bytes {_SIZE}-[0-9]+/(?:{_SIZE}|\*)", response.headers.get("Content-Range", "").strip())
    if not offset or match is None or int(match[1]) != offset:
        part.clear()
        raise _TryAgainError("the server sent another range than the requested one")
    return None if match[2] is None else int(match[2])


def _range_total(response: Response) -> int | None:
    match = re.fullmatch(rf"bytes \*/{_SIZE}", response.headers.get("Content-Range", "").strip())
    return int(match[1]) if match else None


def _length(response: Response) -> int | None:
    length = re.fullmatch(_SIZE, response.headers.get("Content-Length", ""))
    return int(length[1]) if length and "Content-Encoding" not in response.headers else None


def _in_words(error: Exception, patience: Patience) -> str:
    """Return the reason for a failed request without the library's nesting."""
    from requests import exceptions

    if isinstance(error, exceptions.ConnectTimeout):
        return f"no connection within {patience.connect_seconds:g} s"
    if isinstance(error, exceptions.ProxyError):
        return "the proxy refuses the connection"
    if isinstance(error, exceptions.SSLError):
        return "the certificate is not trusted"
    if isinstance(error, exceptions.Timeout) or "timed out" in str(error).lower():
        return f"no byte for {patience.stall_seconds:g} s"
    if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
        return "the connection broke"
    if isinstance(error, exceptions.TooManyRedirects):
        return "too many redirects"
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema):
        return _NO_URL
    if isinstance(error, exceptions.ConnectionError):
        return "no connection"
    return type(error).__name__
