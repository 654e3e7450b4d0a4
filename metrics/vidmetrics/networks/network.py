"""The interface of every feature extractor: uint8 clips in, named float32 features out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from vidmetrics.errors import InputError
from vidmetrics.networks.pending import PendingFeatures
from vidmetrics.networks.precision import Precision, computing

Clips: TypeAlias = "npt.NDArray[Any] | torch.Tensor"
"""Clips uint8 ``[N, T, H, W, 3]``: an array, or a torch tensor on any device."""


class Body(Protocol):
    """The interface of the ``torch.nn.Module`` in a network file; its ``forward`` includes the preprocessing.

    Four attributes are optional: ``per_frame = True`` for a network of frames rather than clips, which returns ``N*T``
    rows in clip-major order; ``max_frames``, the longest clip that it accepts; ``uploads = True`` if it accepts clips in host
    memory; ``implementation``, the name of its arithmetic. So are two methods: ``begin`` takes clips as a call does and returns the
    outputs, perhaps before they are computed, with a number on the device that is not 0 if they are void (None if they cannot be),
    and ``repeat`` then computes them in another way. A network that compares two clips has ``compare`` in place of outputs.

    Attributes:
        outputs: size of each output by name.
        min_frames: length of the shortest clip with an output.
        preprocessing: id of all processing between uint8 and the first layer, and of any other setting that is not
            part of the weights.
    """

    outputs: Mapping[str, int]
    min_frames: int
    preprocessing: str

    def __call__(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 ``[N, T, H, W, 3]`` to float32 ``[rows, outputs[name]]`` by name; one row per clip or per frame."""
        ...


class Network:
    """A loaded feature extractor.

    Attributes:
        name: the name it was loaded under.
        outputs: size of each output by name.
        min_frames: length of the shortest clip that it accepts.
        max_frames: length of the longest clip that it accepts, None for no limit.
        per_frame: whether there is one row of features per frame instead of one per clip.
        preprocessing: id of all processing between uint8 and the first layer.
        precision: ``"exact"`` or ``"fast"``.
        clip_by_clip: whether a clip has the same bits in any batch, because clips are computed one after the other.
        implementation: ``"plain"``, or the name of the arithmetic in its place (`vidmetrics.networks.fast`).
        weights_sha256: digest of the weights file.
        proven: whether the weights are known to be those of the metrics' definitions.
    """

    def __init__(
        self, name: str, body: Body, *, device: str, precision: Precision, weights_sha256: str, proven: bool
    ) -> None:
        self.name = name
        self.outputs: dict[str, int] = dict(body.outputs)
        self.min_frames = body.min_frames
        self.max_frames: int | None = getattr(body, "max_frames", None)
        self.per_frame: bool = getattr(body, "per_frame", False)
        self.preprocessing = body.preprocessing
        self.clip_by_clip: bool = getattr(body, "clip_by_clip", False)
        self.implementation: str = getattr(body, "implementation", "plain")
        self.precision = precision
        self.weights_sha256 = weights_sha256
        self.proven = proven
        self._body = body
        self._device = torch.device(device)

    def preprocessing_at(self, height: int, width: int) -> str:
        """Return the id of the preprocessing for frames of a given size.

        Two networks with the same weights, outputs and precision, and equal ids here, have equal features for frames of
        this size, so one pass serves both.
        """
        at = getattr(self._body, "preprocessing_at", None)
        return str(at(height, width)) if at else self.preprocessing

    @property
    def overlaps(self) -> bool:
        """Whether a device of its own computes what `begin` starts, while this process does something else."""
        return self._device.type == "cuda"

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    def __call__(self, clips_NTHWC: Clips) -> dict[str, npt.NDArray[np.float32]]:
        """Return float32 ``[rows, outputs[name]]`` for each output.

        There is one row per clip, ``N`` in all. If ``per_frame``, there is one row per frame, ``N*T`` in clip-major order:
        frame ``t`` of clip ``n`` is row ``n*T + t``.

        Args:
            clips_NTHWC: uint8 RGB ``[N, T, H, W, 3]`` with ``min_frames <= T <= max_frames``: an array, or a torch tensor on any
                device, which is not brought to the host.

        Raises:
            InputError: wrong dtype or shape, or clips that are too short or too long.
        """
        return self.begin(clips_NTHWC).on_host()

    def begin(self, clips_NTHWC: Clips) -> PendingFeatures:
        """Start to compute the features of clips; on a GPU, return before they are there.

        Start one batch before waiting for the features of the one before it, and the GPU does not wait for the host. The clips
        must not be changed until then.

        Args:
            clips_NTHWC: as for a call.

        Raises:
            InputError: as for a call.
        """
        if not isinstance(clips_NTHWC, torch.Tensor):
            clips_NTHWC = np.asarray(clips_NTHWC)
        self._check(clips_NTHWC)
        if len(clips_NTHWC) == 0:
            empty = {output: torch.zeros(0, size) for output, size in self.outputs.items()}
            return PendingFeatures(empty, None, lambda: empty)
        clips = clips_NTHWC
        if not isinstance(clips, torch.Tensor):
            clips = torch.from_numpy(np.ascontiguousarray(clips))
        if not getattr(self._body, "uploads", False):
            clips = clips.to(self._device)

        def repeat() -> dict[str, torch.Tensor]:
            with torch.inference_mode(), computing(self.precision):
                return self._named(self._body.repeat(clips))  # type: ignore[attr-defined]

        begin = getattr(self._body, "begin", None)
        with torch.inference_mode(), computing(self.precision):
            outputs, doubt = (self._body(clips), None) if begin is None else begin(clips)
            return PendingFeatures(self._named(outputs), doubt, repeat)

    def compare(self, true_NTHWC: Clips, predicted_NTHWC: Clips) -> npt.NDArray[np.float64]:
        """Return the distance of each predicted frame from the true one, float64 ``[N, T]``.

        Args:
            true_NTHWC: as for a call.
            predicted_NTHWC: same shape.

        Raises:
            InputError: as for a call; or the network returns features and compares nothing, or the shapes differ.
        """
        compare = getattr(self._body, "compare", None)
        if compare is None:
            raise InputError(f"The network '{self.name}' returns features and compares nothing; call it with clips.")
        sides = [np.asarray(c) if not isinstance(c, torch.Tensor) else c for c in (true_NTHWC, predicted_NTHWC)]
        for side in sides:
            self._check(side)
        if tuple(sides[0].shape) != tuple(sides[1].shape) or len(sides[0]) == 0:
            raise InputError(
                f"The true clips are {list(sides[0].shape)} and the predicted ones {list(sides[1].shape)}; give as many predicted "
                "frames of the same size, and at least one clip."
            )
        on_device = [
            torch.as_tensor(np.ascontiguousarray(s) if isinstance(s, np.ndarray) else s).to(self._device) for s in sides
        ]
        with torch.inference_mode(), computing(self.precision):
            distances: npt.NDArray[np.float64] = compare(*on_device).double().cpu().numpy()
        return distances

    def _named(self, outputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {output: outputs[output].float() for output in self.outputs}

    def length_problem(self, num_frames: int) -> str | None:
        """Return why clips of this many frames cannot be measured, as a clause for a message; None if they can be."""
        if num_frames < self.min_frames:
            return f"The network '{self.name}' needs clips of at least {self.min_frames} frames, not {num_frames}"
        if self.max_frames is not None and num_frames > self.max_frames:
            return f"The network '{self.name}' accepts clips of at most {self.max_frames} frames, not {num_frames}"
        return None

    def of_frames(self, frames: range) -> Network:
        """Return this network on some consecutive frames of each clip: what it says of a part of the time.

        Args:
            frames: the frames, in steps of 1; the result accepts clips that contain them, and has the name ``NAME[FIRST:STOP]``.

        Raises:
            InputError: the network does not accept clips of as many frames.
        """
        if problem := self.length_problem(len(frames)):
            raise InputError(f"{problem}; choose other frames, or other metrics.")
        return _OfFrames(self, self._body, frames)

    def rows_per_clip(self, num_frames: int) -> int:
        """Return the number of feature rows of a clip with this many frames."""
        return num_frames if self.per_frame else 1

    def _check(self, clips: Clips) -> None:
        if clips.dtype not in (np.uint8, torch.uint8):
            raise InputError(
                f"The network '{self.name}' accepts uint8 clips with values 0 to 255, not {clips.dtype}; convert them."
            )
        if clips.ndim != 5 or clips.shape[4] != 3 or 0 in clips.shape[1:]:
            raise InputError(
                f"The network '{self.name}' accepts RGB clips [N, T, H, W, 3], not {list(clips.shape)}; reorder the axes."
            )
        if problem := self.length_problem(clips.shape[1]):
            raise InputError(f"{problem}; give clips of another length, or choose other metrics.")


class _OfFrames(Network):
    """A network on some consecutive frames of each clip."""

    def __init__(self, whole: Network, body: Body, frames: range) -> None:
        super().__init__(
            f"{whole.name}[{frames.start}:{frames.stop}]",
            body,
            device=str(whole.device),
            precision=whole.precision,
            weights_sha256=whole.weights_sha256,
            proven=whole.proven,
        )
        self.preprocessing = f"{whole.preprocessing} of frames {frames.start} to {frames.stop - 1}"
        self.min_frames, self.max_frames = frames.stop, None
        self._whole, self._frames = whole, frames

    def begin(self, clips_NTHWC: Clips) -> PendingFeatures:
        """See `Network.begin`."""
        self._check(clips_NTHWC)
        return self._whole.begin(clips_NTHWC[:, self._frames.start : self._frames.stop])

    def rows_per_clip(self, num_frames: int) -> int:
        """See `Network.rows_per_clip`; the length of the whole clip does not matter."""
        return self._whole.rows_per_clip(len(self._frames))
