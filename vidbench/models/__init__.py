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
from vidmetrics.sealed import UNSEALED, check_seal, sealed

__all__ = [
    "UNSEALED",
    "InputError",
    "ModelTask",
    "SampleRequest",
    "TrainRequest",
    "TrainingClips",
    "VideoModel",
    "check_seal",
    "file_sha256",
    "sealed",
    "written_whole",
]
