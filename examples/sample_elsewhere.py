"""Sample predictions for an exported task without access to the dataset, in a form that `vidbench score` accepts.

```
vidbench data export --task examples/tasks/weizmann-pred.toml --data DATA --output export
python examples/sample_elsewhere.py export predictions
vidbench score --task examples/tasks/weizmann-pred.toml --data DATA --samples predictions
```
"""

import sys
from pathlib import Path

import numpy as np

from vidbench.exports import open_export


def predict(context_NTHWC: np.ndarray, num_frames: int) -> np.ndarray:
    """Extrapolate from the last two context frames: add their difference, halved at each further step.

    Args:
        context_NTHWC: context frames, uint8 ``[N, T, H, W, 3]`` with T >= 2.
        num_frames: number of frames to predict.

    Returns:
        Predicted frames, uint8 ``[N, num_frames, H, W, 3]``.
    """
    last, before = (context_NTHWC[:, -1:].astype(np.float32), context_NTHWC[:, -2:-1].astype(np.float32))
    travelled = 1 - 0.5 ** np.arange(1, num_frames + 1, dtype=np.float32).reshape(1, -1, 1, 1, 1)
    return (last + travelled * (last - before)).clip(0, 255).round().astype(np.uint8)


def main(export_folder: str, output: str) -> None:
    """Sample a prediction for each request of an export, in order."""
    export = open_export(export_folder)
    with export.writer(Path(output)) as writer:
        for request in export.batches(32):
            writer.add(predict(request.context_NTHWC, request.num_frames), request.labels)


if __name__ == "__main__":
    main(*sys.argv[1:])
