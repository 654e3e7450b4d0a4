"""Examining one video of a scan: decode it, check it against its name and its task, and report what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict

from vidbench.data.layouts.actions import ActionSource
from vidbench.data.layouts.frame_files import source_state, stored_files
from vidbench.data.layouts.listing import FrameSource, Listing, VideoFile
from vidbench.data.opening import UnusableVideoError
from vidbench.data.probe import VideoFacts, examine_video, refuse_truncated
from vidbench.data.seek.index import KeyframeIndex
from vidbench.data.seek.proving import FrameLog, prove_index
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.files import file_changed
from vidbench.tasks.schema import ClipSpec

Problem = Literal[
    "unreadable",
    "truncated",
    "no video stream",
    "unsupported",
    "too short",
    "wrong duration",
    "wrong size",
    "duplicated",
]
FindingKey: TypeAlias = tuple[str, str, str, int, int]
"""Split, official name, file, its size, its date in nanoseconds: a finding holds as long as none of them changes."""

# Cutting without re-encoding moves an end by up to one key-frame interval.
_SECONDS_OFF = 1.0


@dataclass(frozen=True)
class Subject:
    """A video to examine.

    Attributes:
        split: split that lists it.
        video_id: official name.
        label: name of its class, or None.
        source: its frames.
        seconds: length stated by its name, or None.
        plans: the clip plans that the task applies to it; empty to check the whole video only.
        file_bytes: size of its file.
        file_time: date of its file, in nanoseconds.
        actions: what was done between its frames, or None.
    """

    split: str
    video_id: str
    label: str | None
    source: FrameSource
    seconds: float | None
    plans: tuple[ClipSpec, ...]
    file_bytes: int
    file_time: int
    actions: ActionSource | None = None

    @property
    def key(self) -> FindingKey:
        """See `FindingKey`."""
        return (self.split, self.video_id, str(self.source.path), self.file_bytes, self.file_time)


class Finding(BaseModel):
    """What was found for a video; one line of the journal.

    Attributes:
        key: `Subject.key`.
        frames, fps, width, height, rotation, seconds: see `VideoFacts`; None where nothing could be decoded.
        file_sha256: digest of the stored bytes.
        clips_sha256: digest of the frames that the task uses: all clips of the video, in order, at the task's size,
            plan by plan; without a task, of all decoded frames.
        problem: None for a usable video.
        reason: the problem in one sentence.
        keyframes: where decoding of a usable video may begin; None where it has to be decoded whole.
        transient: for a file that changed during its examination, or whose permissions forbid reading it, the time of the
            finding in nanoseconds since 1970; it does not outlive its scan, because neither shows in the key. Else 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: FindingKey
    frames: int | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    rotation: str | None = None
    seconds: float | None = None
    file_sha256: str | None = None
    clips_sha256: str | None = None
    problem: Problem | None = None
    reason: str = ""
    keyframes: KeyframeIndex | None = None
    transient: int = 0


@dataclass(frozen=True)
class _Counted:
    """A source with a known number of frames."""

    source: FrameSource
    num_frames: int

    @property
    def path(self) -> Path:
        return self.source.path

    def count(self) -> int:
        return self.num_frames

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        return self.source.frames(frame_indices)

    def sha256(self) -> str:
        return self.source.sha256()


def examine_subject(subject: Subject) -> Finding:
    """Examine one video; problems with it are returned, never raised.

    A file that changes meanwhile is a problem: what was decoded may not be what was hashed.
    """
    path = subject.source.path
    try:
        before, finding, after = source_state(subject.source), _examined(subject), source_state(subject.source)
    except InputError as error:
        return _transient(subject, str(error))
    if before != after or after[:2] != (subject.file_bytes, subject.file_time):
        return _transient(subject, str(file_changed(path)))
    closed = [file for file in stored_files(subject.source) if not os.access(file, os.R_OK)]
    if finding.problem == "unreadable" and closed:
        return _transient(subject, f"The file '{closed[0]}' cannot be read; check its permissions.")
    if finding.problem is None and subject.actions is not None:
        return _with_actions(subject, subject.actions, finding)
    return finding


def _with_actions(subject: Subject, actions: ActionSource, finding: Finding) -> Finding:
    """Read the actions of a sound video: a fault of theirs does not outlive the scan, since they may be in another file."""
    try:
        steps = len(actions.read())
    except InputError as error:
        return _transient(subject, str(error))
    if finding.frames is not None and steps < finding.frames - 1:
        return _transient(
            subject,
            f"The actions in '{actions.path}' end after frame {steps}, and its video has {finding.frames} frames; fetch "
            "both again.",
        )
    return finding


def _transient(subject: Subject, reason: str) -> Finding:
    return Finding(key=subject.key, problem="unreadable", reason=reason, transient=time_ns())


def _examined(subject: Subject) -> Finding:
    found: dict[str, Any] = {"key": subject.key}
    try:
        pixels = None if subject.plans else sha256()
        log = FrameLog()
        facts = _facts(subject.source, pixels, log)
        found |= {
            "frames": facts.frames,
            "fps": facts.fps,
            "width": facts.width,
            "height": facts.height,
            "rotation": facts.rotation,
            "seconds": facts.seconds,
            "file_sha256": subject.source.sha256(),
        }
        refuse_truncated(subject.source.path, facts)
        problem = _problem(subject, facts)
        if problem is not None:
            return Finding(**found, problem=problem[0], reason=problem[1])
        found["clips_sha256"] = pixels.hexdigest() if pixels else _clips_sha256(subject, facts)
        if isinstance(subject.source, VideoFile):
            found["keyframes"] = prove_index(subject.source.path, log)
    except UnusableVideoError as error:
        return Finding(**found, problem=error.problem, reason=str(error))
    except InputError as error:
        # Only size errors or missing frames reach here.
        return Finding(**found, problem="wrong size" if "frames" in found else "unreadable", reason=str(error))
    except OSError as error:
        reason = f"The file '{subject.source.path}' cannot be read ({error.strerror}); check its permissions."
        return Finding(**found, problem="unreadable", reason=reason)
    return Finding(**found)


def crashed(subject: Subject) -> Finding:
    """Return the finding for a video that killed its worker process."""
    reason = (
        f"Decoding '{subject.source.path}' killed the process: the decoder crashed or ran out of memory; remove it."
    )
    return Finding(key=subject.key, problem="unreadable", reason=reason)


def _facts(source: FrameSource, pixels: Any, log: FrameLog) -> VideoFacts:
    """Decode all frames, updating the digest ``pixels`` with them unless it is None, and logging those of a video file."""

    def feed(frame_HWC: np.ndarray) -> None:
        pixels.update(np.ascontiguousarray(frame_HWC))

    if isinstance(source, VideoFile):
        return examine_video(source.path, feed if pixels else None, source.pixels, log)
    count, height, width = 0, 0, 0
    for frame_HWC in source.frames():
        if pixels:
            feed(frame_HWC)
        count, (height, width) = count + 1, frame_HWC.shape[:2]
    return VideoFacts(frames=count, fps=None, width=width, height=height)


def _problem(subject: Subject, facts: VideoFacts) -> tuple[Problem, str] | None:
    path = subject.source.path
    # A plan that depends on lengths drops a short video itself.
    span = max((plan.least_frames for plan in subject.plans if not plan.depends_on_lengths), default=1)
    if facts.frames < span:
        return "too short", f"The video '{path}' has {facts.frames} frames but a clip of the task covers {span}."
    if subject.seconds and facts.seconds is not None and abs(facts.seconds - subject.seconds) > _SECONDS_OFF:
        return "wrong duration", (
            f"The video '{path}' lasts {facts.seconds:.2f} s where its name states {subject.seconds:g} s; fetch it again."
        )
    return None


def _clips_sha256(subject: Subject, facts: VideoFacts) -> str:
    source = _Counted(subject.source, facts.frames)
    listing = Listing("scan", (), {subject.video_id: None}, {subject.video_id: source}, "")
    pixels = sha256()
    for plan in subject.plans:
        dataset = VideoDataset(listing, plan)
        pixels.update(dataset.read(np.arange(dataset.num_clips)).tobytes())
    return pixels.hexdigest()
