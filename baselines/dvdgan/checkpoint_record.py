"""What the metadata of checkpoints and training states may contain; anything else is another program's file or damaged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_Text = Annotated[str, Field(max_length=10_000)]
_Size = Annotated[int, Field(ge=1, le=65_536)]
_Scalar = bool | int | float | _Text | None
_Setting = _Scalar | tuple[int | float, ...]


class _Record(BaseModel):
    # Other keys may come with later versions; only these are used.
    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)


class StoredTask(_Record):
    """The task that a model was trained for, as `vidbench.models.ModelTask`."""

    name: _Text
    num_frames: _Size
    context_frames: int = Field(ge=0, le=65_536)
    height: _Size
    width: _Size
    class_names: tuple[_Text, ...] = Field(max_length=1_000_000)


class SamplerRecord(_Record):
    """Metadata of a sampling checkpoint."""

    format: Literal["dvdgan-generator-1", "dvdgan-generator-2"]
    task: StoredTask
    settings: dict[str, _Setting]
    origin: dict[str, Any] = Field(default_factory=dict)


class StateRecord(_Record):
    """Metadata of a training state."""

    format: Literal["dvdgan-training-1", "dvdgan-training-2"]
    step: int = Field(ge=0, le=10**9)
    seed: int = Field(ge=0, le=2**63 - 1)
    task: StoredTask
    settings: dict[str, _Setting]


RECORDS: dict[str, type[_Record]] = {"dvdgan-generator": SamplerRecord, "dvdgan-training": StateRecord}
"""The schema of each kind of file."""
