"""A source of clips whose clips are measured after a lossy codec, on both sides alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vidbench.data.codec_pass import encoder_version, through_codec
from vidbench.scoring.clip_sources import ClipSource, ModelSource
from vidbench.tasks.schema import Codec
from vidmetrics.statistics.clip_keys import Keys


@dataclass(frozen=True)
class CodedSource:
    """Clips of another source, encoded and decoded; a `vidbench.scoring.clip_sources.ClipSource`.

    Attributes:
        source: the clips.
        codec: the codec.
    """

    source: ClipSource
    codec: Codec

    @property
    def most_readers(self) -> int:
        """As the source's."""
        return self.source.most_readers

    @property
    def identity(self) -> dict[str, Any]:
        """That of the source, the codec and the version of the encoder."""
        return {**self.source.identity, "codec": self.codec, "encoder": encoder_version()}

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return the decoded clips uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``."""
        return through_codec(self.source.read(indices), self.codec)

    def given_keys(self, indices: np.ndarray) -> Keys | None:
        """Return the keys of the clips that the model sees a part of, as the source has them, uint64 ``[N]``; None if it sees none."""
        of_given = getattr(self.source, "given_keys", None)
        return None if of_given is None else of_given(indices)

    def doubt(self) -> str | None:
        """Return why features cannot be reused by later runs, as the source of a model says; None for any other."""
        return self.source.doubt() if isinstance(self.source, ModelSource) else None


def coded(source: ClipSource, codec: Codec) -> ClipSource:
    """Return the source whose clips are measured: the same one without a codec."""
    return source if codec == "none" else CodedSource(source, codec)
