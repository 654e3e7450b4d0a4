"""Helper for adapters of packages that use Inception: extracts weights and frames from the inputs."""

import torch

PREFIX = "weights/"


def state_and_frames(inputs):
    """Return the weights as a state dict, and each set of clips as frames, uint8 ``[N*T, 3, H, W]``."""
    state = {
        name.removeprefix(PREFIX): torch.from_numpy(value) for name, value in inputs.items() if name.startswith(PREFIX)
    }
    clips = {name: value for name, value in inputs.items() if not name.startswith(PREFIX)}
    frames = {name: torch.from_numpy(value.reshape(-1, *value.shape[2:])) for name, value in clips.items()}
    return state, {name: frames_NHWC.permute(0, 3, 1, 2).contiguous() for name, frames_NHWC in frames.items()}
