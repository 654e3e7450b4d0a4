"""Models: the public interface, and the registry behind ``--model``."""

from __future__ import annotations

from vidbench.files import file_sha256, written_whole
from vidbench.models.interface import (
    InputError,
    ModelTask,
    SampleRequest,
    TrainingClips,
    TrainRequest,
    VideoModel,
)

__all__ = [
    "InputError",
    "ModelTask",
    "SampleRequest",
    "TrainRequest",
    "TrainingClips",
    "VideoModel",
    "file_sha256",
    "written_whole",
]
