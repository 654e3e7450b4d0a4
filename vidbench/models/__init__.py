"""Models: the public interface, and the registry behind ``--model``."""

from __future__ import annotations

from vidbench.files import file_sha256, never_through_links, written_whole
from vidbench.models.interface import (
    ActionModel,
    InputError,
    Model,
    ModelTask,
    NoCheckpointError,
    Reconstructor,
    ReconstructRequest,
    RolloutModel,
    SampleRequest,
    TrainingClips,
    TrainRequest,
    VideoModel,
)
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import what_bytes_are
from vidmetrics.formats.memory import refuse_more_than_memory
from vidmetrics.sealed import UNSEALED, check_seal, safetensors_metadata, sealed

__all__ = [
    "UNSEALED",
    "ActionModel",
    "InputError",
    "Model",
    "ModelTask",
    "NoCheckpointError",
    "ReconstructRequest",
    "Reconstructor",
    "RolloutModel",
    "SampleRequest",
    "TrainRequest",
    "TrainingClips",
    "VideoModel",
    "check_seal",
    "file_sha256",
    "never_through_links",
    "parse_json",
    "refuse_more_than_memory",
    "safetensors_metadata",
    "sealed",
    "what_bytes_are",
    "written_whole",
]
