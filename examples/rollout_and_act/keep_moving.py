"""A model without weights for the two kinds of task that go beyond a few predicted frames: `rollout` and `act`.

It shifts the last context frame sideways: in a rollout by the motion between the last two context frames, which it estimates, and
with actions by the motion that they state. From the root of a checkout:

    vidbench evaluate --model examples/rollout_and_act/keep_moving.py:KeepMoving --task shapes-rollout
    vidbench evaluate --model examples/rollout_and_act/keep_moving.py:KeepMoving --task shapes-act
"""

import numpy as np

from vidbench.models import ActionModel, RolloutModel

CHUNK = 8
FARTHEST = 4


class KeepMoving(RolloutModel, ActionModel):
    """The last frame, shifted a bit further each time."""

    def __init__(self, task):
        self.task = task

    @classmethod
    def load(cls, checkpoint, task, device):
        """Create the model; it has no weights."""
        return cls(task)

    def rollout(self, request):
        """Yield the predicted frames in the order of time, uint8 ``[N, t, H, W, 3]``, a few at a time.

        Whatever is remembered from one chunk to the next is up to the model: here the last context frame and its speed. Frames that
        were yielded need not be kept.
        """
        last, before = request.context_NTHWC[:, -1], request.context_NTHWC[:, -2]
        speed = np.array([_speed(a, b) for a, b in zip(before, last, strict=True)])
        for first in range(0, request.num_frames, CHUNK):
            steps = np.arange(first, min(first + CHUNK, request.num_frames)) + 1
            yield _shifted(last, speed[:, None] * steps)

    def act(self, request):
        """Return all predicted frames, uint8 ``[N, num_frames, H, W, 3]``.

        Row t of ``actions_NKA`` leads from frame t to frame t + 1 of the whole clip, context frames included.
        """
        to_predicted = request.actions_NKA[:, self.task.context_frames - 1 :, 0]
        pixels = to_predicted.cumsum(axis=1) * self.task.height / 2
        return _shifted(request.context_NTHWC[:, -1], pixels)


def _shifted(frames_NHWC, pixels_NT):
    """Shift each frame to the right by each of its numbers of pixels, rounded; what leaves on one side enters on the other."""
    return np.stack(
        [
            np.stack([np.roll(frame, round(float(pixels)), axis=1) for pixels in of_frame])
            for frame, of_frame in zip(frames_NHWC, pixels_NT, strict=True)
        ]
    )


def _speed(before_HWC, after_HWC):
    """Return by how many pixels a frame has to be shifted to come closest to the next."""
    shifts = range(-FARTHEST, FARTHEST + 1)
    return min(shifts, key=lambda s: np.abs(np.roll(before_HWC, s, axis=1).astype(int) - after_HWC).mean())
