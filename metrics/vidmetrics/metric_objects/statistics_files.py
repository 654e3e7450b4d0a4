"""Statistics of real clips in a file, so that the clips are measured once.

A sealed safetensors file (`vidmetrics.sealed`). For each output of a network it has ``NETWORK/OUTPUT/count`` (int64 ``[]``),
``.../mean`` and ``.../scatter`` (float64 ``[D]`` and ``[D, D]``, as `vidmetrics.Moments` keeps them), or ``.../rows`` (float32 ``[n, D]``)
where a metric needs the features of every clip; its fields say what they were made by.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.metric import MetricDefinition
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Reference
from vidmetrics.files import written_whole
from vidmetrics.metric_objects.clip_features import ClipSize, Output, size_text
from vidmetrics.regular_files import is_there, why_no_file
from vidmetrics.sealed import DamagedFileError, read_content, sealed_tensors, unsealed_tensors
from vidmetrics.statistics.moments import Moments
from vidmetrics.statistics.tensor_moments import to_sum

if TYPE_CHECKING:
    import torch

    from vidmetrics.networks.network import Network

Content: TypeAlias = "Moments | npt.NDArray[np.float32]"
"""Moments, or the features of every clip, float32 ``[n, D]``."""
FORMAT = "vidmetrics-statistics-1"
CLIPS_AT_ONCE = 64
"""Clips that are summed at once: it decides the last bits, and is the size of a feature shard of vidbench."""
_MUST_AGREE = ("weights_sha256", "preprocessing", "precision")


def network_facts(network: Network) -> dict[str, Any]:
    """Return what decides the features of a network, for a record."""
    return {
        "weights_sha256": network.weights_sha256,
        "preprocessing": network.preprocessing,
        "precision": network.precision,
        "implementation": network.implementation,
        "proven": network.proven,
    }


@dataclass(frozen=True)
class Statistics:
    """What metrics need of a set of real clips, and what it was made by; takes the place of the clips in `Metric.update`.

    >>> import numpy, vidmetrics
    >>> clips = numpy.random.default_rng(0).integers(0, 256, (40, 12, 32, 32, 3), numpy.uint8)
    >>> metric = vidmetrics.metric("fvd-shapes")
    >>> metric.update(clips, real=True)
    >>> metric.statistics().save("real.safetensors")
    >>> statistics = vidmetrics.Statistics.load("real.safetensors")
    >>> statistics.metrics, statistics.num_clips, statistics.size
    (('fvd-shapes',), 40, (12, 32, 32))
    >>> metric = vidmetrics.metric("fvd-shapes")
    >>> metric.update(statistics, real=True)
    >>> metric.update(255 - clips, real=False)
    >>> metric.compute().num_reference
    40

    Attributes:
        metrics: ids of the metrics that it was made for.
        num_clips: number of clips.
        size: frames, height and width of the clips.
        networks: weights, preprocessing, precision and implementation of each network, by name.
        protocol: how the clips were chosen and read, as far as their maker said; JSON-able.
        content: moments, or features float32 ``[n, D]``, by network and output.
    """

    metrics: tuple[str, ...]
    num_clips: int
    size: ClipSize
    networks: Mapping[str, Mapping[str, Any]]
    protocol: Mapping[str, Any]
    content: Mapping[Output, Content] = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.safetensors`` file whole, without pickle; equal statistics give equal bytes.

        Raises:
            InputError: another suffix.
        """
        path = Path(path)
        if path.suffix != ".safetensors":
            raise InputError(
                f"Statistics are saved as safetensors, and {path} has another suffix; use {path.stem}.safetensors."
            )
        content = self.to_bytes()
        with written_whole(path) as temporary:
            temporary.write_bytes(content)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """Read a file of `save`.

        Raises:
            InputError: it is missing, damaged, or not such a file.
        """
        path = Path(path)
        if not path.is_file():
            there = f", which {why_no_file(path)}" if is_there(path) else ""
            raise InputError(
                f"There is no file of statistics at {path}{there}; make one with Statistics.save or "
                "`vidbench data statistics DIR --metric ID`."
            )
        try:
            return cls.from_bytes(read_content(path))
        except DamagedFileError as error:
            raise InputError(
                f"The file {path} holds no statistics of real clips ({error}); make it again with Statistics.save or "
                "`vidbench data statistics DIR --metric ID`."
            ) from None

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        tensors: dict[str, npt.NDArray[Any]] = {}
        for (network, output), of_output in self.content.items():
            parts = of_output.to_tensors() if isinstance(of_output, Moments) else {"rows": of_output}
            tensors |= {f"{network}/{output}/{part}": tensor for part, tensor in parts.items()}
        fields = {
            "format": FORMAT,
            "metrics": list(self.metrics),
            "num_clips": self.num_clips,
            "size": list(self.size),
            "networks": {name: dict(facts) for name, facts in self.networks.items()},
            "protocol": dict(self.protocol),
        }
        return sealed_tensors(tensors, fields)

    @classmethod
    def from_bytes(cls, content: bytes) -> Statistics:
        """Return the statistics of `to_bytes`.

        Raises:
            DamagedFileError: it is not such content.
        """
        tensors, fields = unsealed_tensors(content)
        if fields.get("format") != FORMAT:
            raise DamagedFileError("it is a sealed file of another kind")
        try:
            parts: dict[Output, dict[str, npt.NDArray[Any]]] = {}
            for name, tensor in tensors.items():
                network, output, part = name.split("/")
                parts.setdefault((network, output), {})[part] = tensor
            statistics = cls(
                metrics=tuple(map(str, fields["metrics"])),
                num_clips=int(fields["num_clips"]),
                size=_size(fields["size"]),
                networks={str(name): dict(facts) for name, facts in fields["networks"].items()},
                protocol=dict(fields["protocol"]),
                content={output: _content(of_output) for output, of_output in parts.items()},
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise DamagedFileError(f"its fields are not those of statistics: {error}") from None
        return statistics

    def check(self, networks: Mapping[str, Network], definitions: Iterable[MetricDefinition]) -> None:
        """Refuse to serve metrics that need something else, or networks that compute something else.

        Raises:
            InputError: names what differs.
        """
        for definition in definitions:
            if definition.needs_reference == "none":
                continue
            content = self.content.get((definition.network, definition.output))
            if content is None or (definition.needs_reference == "features" and isinstance(content, Moments)):
                raise InputError(
                    f"The statistics are of {', '.join(self.metrics)} and do not serve '{definition.id}'; make them for it too."
                )
            network = networks[definition.network]
            rows, dim = (content.count, content.dim) if isinstance(content, Moments) else content.shape
            expected = (self.num_clips * network.rows_per_clip(self.size[0]), network.outputs[definition.output])
            if (rows, dim) != expected:
                raise InputError(
                    f"The statistics of '{definition.network}' are of {rows} rows of {dim} features where {expected[0]} of {expected[1]} "
                    "belong to their clips; make them again."
                )
            ours, theirs = network_facts(network), self.networks.get(definition.network, {})
            for key in _MUST_AGREE:
                if theirs.get(key) != ours[key]:
                    raise InputError(
                        f"The statistics were computed by '{definition.network}' with {key.replace('_', ' ')} "
                        f"{str(theirs.get(key))[:64]}, and here it is {str(ours[key])[:64]}; measure both sides the same way."
                    )

    def reference(self, definition: MetricDefinition) -> Reference:
        """Return what a metric needs of the real clips: moments, batches of features, or None."""
        if definition.needs_reference == "none":
            return None
        content = self.content[definition.network, definition.output]
        if definition.needs_reference == "moments":
            return content if isinstance(content, Moments) else moments_of(content, self.num_clips)
        if isinstance(content, Moments):
            raise InputError(
                f"The statistics hold no features of single clips, which '{definition.id}' needs; make them for it."
            )
        return in_shards(content, self.num_clips)

    def __str__(self) -> str:
        """Describe it in a line."""
        return f"statistics of {self.num_clips:,} clips, {size_text(self.size)}, for {', '.join(self.metrics)}"


def in_shards(rows: npt.NDArray[np.float32], num_clips: int) -> list[npt.NDArray[np.float32]]:
    """Split rows ``[n, D]`` at every `CLIPS_AT_ONCE` clips, as feature shards are."""
    step = CLIPS_AT_ONCE * (len(rows) // max(1, num_clips))
    return [rows[start : start + step] for start in range(0, len(rows), max(1, step))]


def moments_of(rows: npt.NDArray[np.float32], num_clips: int, device: torch.device | None = None) -> Moments:
    """Return the moments of rows ``[n, D]``, summed shard by shard or on a GPU, so that their bits are those of the command."""
    moments = Moments(rows.shape[1])
    for shard in to_sum(in_shards(rows, num_clips), device):
        moments.update(shard, "reference features", len(rows) // max(1, num_clips))
    return moments


def _size(lengths: Any) -> ClipSize:
    frames, height, width = (int(length) for length in lengths)
    return frames, height, width


def _content(parts: Mapping[str, npt.NDArray[Any]]) -> Content:
    if set(parts) != {"rows"}:
        return Moments.from_tensors(parts)
    rows = parts["rows"]
    if rows.ndim != 2 or rows.dtype != np.float32 or not np.isfinite(rows).all():
        raise ValueError("rows are not finite float32 [n, D]")
    return rows
