"""A complete vidbench model without weights or training: a drifting colour ramp, a different one for each class."""

import numpy as np

from vidbench.models import InputError, VideoModel


class DriftingColours(VideoModel):
    """Colour ramps that drift."""

    def __init__(self, task):
        self.task = task

    @classmethod
    def load(cls, checkpoint, task, device):
        """Create the model; it has no weights."""
        if checkpoint is not None:
            raise InputError(f"The model 'drifting-colours' has no weights: leave out ':{checkpoint}'.")
        return cls(task)

    def sample(self, request):
        """Return uint8 clips ``[N, T, H, W, 3]``, generated one at a time."""
        return np.stack([self._clip(request, i) for i in range(len(request.seeds))])

    def _clip(self, request, i):
        """Generate sample i from its own seed and label only, independent of the rest of the batch."""
        start, speed = np.random.Generator(np.random.Philox(int(request.seeds[i]))).random(2)
        label = 0 if request.labels is None else int(request.labels[i])
        t, y, x = np.ogrid[: request.num_frames, : self.task.height, : self.task.width]
        ramp_THW = (start + 0.1 * speed * t + (label + 1) * x / self.task.width + y / self.task.height) % 1
        return (255 * np.stack([ramp_THW, 1 - ramp_THW, ramp_THW**2], axis=-1)).astype(np.uint8)
