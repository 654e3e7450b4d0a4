"""Models: the public interface, and the registry behind ``--model``."""

from __future__ import annotations

from vidbench.models.interface import (
    InputError,
    ModelTask,
    SampleRequest,
    TrainingClips,
    TrainRequest,
    VideoModel,
)

__all__ = ["InputError", "ModelTask", "SampleRequest", "TrainRequest", "TrainingClips", "VideoModel"]
