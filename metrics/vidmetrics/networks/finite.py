"""Refuse network outputs that are not finite, naming the first such clip, before anything is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError


def check_finite(
    outputs: Mapping[str, npt.NDArray[Any]], network: str, clips: Sequence[int] | npt.NDArray[np.int64], whose: str
) -> None:
    """Refuse NaN and infinity in the outputs of a network.

    Args:
        outputs: real ``[rows, D]`` by name of the output, equally many consecutive rows per clip.
        network: name of the network, for the message.
        clips: index of each clip.
        whose: the set the clips belong to, for the message, e.g. ``"samples"``.

    Raises:
        InputError: a value is not finite; the message names the first such clip in any output.
    """
    first = {name: int(np.argmin(np.isfinite(rows).all(axis=1))) for name, rows in outputs.items() if len(rows)}
    bad = {name: row for name, row in first.items() if not np.isfinite(outputs[name][row]).all()}
    if not bad:
        return
    output = min(bad, key=lambda name: bad[name])
    clip, frame = divmod(bad[output], len(outputs[output]) // len(clips))
    place = (
        f"clip {int(clips[clip])}" if len(outputs[output]) == len(clips) else f"clip {int(clips[clip])}, frame {frame},"
    )
    raise InputError(
        f"The network '{network}' returned NaN or infinity in '{output}' for {place} of the {whose}; "
        "look at that clip and at the network's weights."
    )
