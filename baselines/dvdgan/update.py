"""The trained state of a DVD-GAN and one update of it: D steps on fresh clips, then one G step (paper)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.discriminators import SpatialDiscriminator, TemporalDiscriminator
from dvdgan.generator import Generator, from_uint8
from dvdgan.layers import initialise, normalise_weights
from dvdgan.losses import discriminator_loss, generator_loss
from vidbench.models import ModelTask

_KINDS: dict[str, type[SpatialDiscriminator] | type[TemporalDiscriminator]] = {
    "spatial": SpatialDiscriminator,
    "temporal": TemporalDiscriminator,
}

Batch = tuple[Tensor, Tensor]
"""Real clips uint8 [N, T, H, W, 3] and labels int64 [N], on the device."""


def compute_dtype(settings: Settings, device: torch.device) -> torch.dtype:
    """Type of the convolutions in training."""
    if settings.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if settings.precision == "bfloat16" else torch.float32


def pick_frames(clips_NTCHW: Tensor, frames_NK: np.ndarray) -> Tensor:
    """Frames [N, k, C, H, W]: of each clip its own."""
    rows = torch.arange(clips_NTCHW.shape[0], device=clips_NTCHW.device).unsqueeze(1)
    return clips_NTCHW[rows, torch.from_numpy(frames_NK).to(clips_NTCHW.device, non_blocking=True)]


class Networks:
    """Generator, its average, both discriminators and their optimisers."""

    def __init__(self, task: ModelTask, settings: Settings, seed: int, device: torch.device) -> None:
        """Build and initialise from the seed, on the CPU, then move to the device.

        Raises:
            InputError: the task or a setting does not fit the architecture.
        """
        self._task, self._settings, self._seed, self._device = task, settings, seed, device
        self._dtype = compute_dtype(settings, device)
        self.generator = Generator(task, settings)
        self.discriminators = nn.ModuleDict(
            {name: kind(task, settings) for name, kind in _KINDS.items() if settings.discriminators in (name, "both")}
        )
        streams = {"generator": 0, "spatial": 1, "temporal": 2}
        for name, network in (("generator", self.generator), *self.discriminators.items()):
            initialise(network, torch.Generator().manual_seed(noise.mix(seed, 0, streams[name]) >> 32))
            network.to(device)
        names = list(self.discriminators)
        self.loss_names = (*(f"loss_{name}" for name in names), "loss_generator",
                           *(f"{side}_{name}" for name in names for side in ("real", "fake")))  # fmt: skip
        self.average = {name: p.detach().clone() for name, p in self.generator.named_parameters()}
        betas, fused = (settings.beta1, settings.beta2), device.type == "cuda"
        self._adam_g = torch.optim.Adam(self.generator.parameters(), settings.g_lr, betas, fused=fused)
        self._adam_d = torch.optim.Adam(self.discriminators.parameters(), settings.d_lr, betas, fused=fused)
        self._update_average = get_ema_multi_avg_fn(settings.ema_decay)

    def _stream(self, step: int, turn: int, use: int) -> int:
        return noise.mix(self._seed, 1, step, turn, use)

    def _fakes(self, step: int, turn: int, labels_N: Tensor, real_NTCHW: Tensor) -> Tensor:
        """Fake clips: the given frames of the real clips, where the task gives frames, and what is generated."""
        z = noise.normal(self._stream(step, turn, 0), labels_N.shape[0], self._settings.latent_dim)
        z_NL = torch.from_numpy(z).to(self._device, non_blocking=True)
        if not self._task.context_frames:
            return self.generator(z_NL, labels_N, None, self._dtype)
        context = real_NTCHW[:, : self._task.context_frames]
        return torch.cat([context, self.generator(z_NL, labels_N, context, self._dtype)], dim=1)

    def _scores(
        self, clips_NTCHW: Tensor, labels_N: Tensor, step: int, turn: int, sides: tuple[int, ...]
    ) -> dict[str, Tensor]:
        """Scores [N] of whole clips by each discriminator; the spatial one draws from the frames that are not given.

        The clips of a side (real or fake, told apart by number) lie in a row, and each side has draws of its own.
        """
        each, scores = clips_NTCHW.shape[0] // len(sides), {}
        task, k = self._task, self._settings.spatial_frames
        for name, network in self.discriminators.items():
            if isinstance(network, SpatialDiscriminator):
                draws = [
                    noise.frame_draws(self._stream(step, turn, side), each, task.predicted_frames, k) for side in sides
                ]
                frames = pick_frames(clips_NTCHW, np.concatenate(draws) + task.context_frames)
                scores[name] = network(frames, labels_N)
            else:
                scores[name] = network(clips_NTCHW, labels_N, self._corners(network, each, step, turn, sides))
        return scores

    def _corners(self, network: nn.Module, each: int, step: int, turn: int, sides: tuple[int, ...]) -> Tensor | None:
        """Where phi is a crop: the corner of each clip's window, from streams beside those of the frame draws."""
        if not isinstance(network, TemporalDiscriminator) or network.cropped_side is None:
            return None
        spare = self._task.height - network.cropped_side
        drawn = [noise.crop_corners(self._stream(step, turn, 2 + side), each, spare) for side in sides]
        return torch.from_numpy(np.concatenate(drawn)).to(self._device, non_blocking=True)

    def _normalise(self, network: nn.Module) -> None:
        normalise_weights(network, self._dtype, self._settings.sn_eps)

    def update(self, step: int, real_batch: Callable[[int], Batch]) -> Tensor:
        """Make generator step `step` (from 0).

        Fakes carry the labels of the real clips of the same discriminator step, so that both sides have one label
        distribution; the generator step uses those of the last one. Latents and frame draws are pure functions of
        the seed and the step.

        Args:
            step: number of the step.
            real_batch: gives the real batch of a draw; discriminator step j of step s uses draw s * d_steps + j.

        Returns:
            float32 values in the order of `loss_names`, on the device, so that nothing waits for them.
        """
        d_steps = self._settings.d_steps
        self._normalise(self.generator)
        for turn in range(d_steps):
            clips_NTHWC, labels = real_batch(step * d_steps + turn)
            with torch.no_grad():
                real = from_uint8(clips_NTHWC, self._dtype)
                clips = torch.cat([real, self._fakes(step, turn, labels, real)])
            self._normalise(self.discriminators)
            scores = self._scores(clips, torch.cat([labels, labels]), step, turn, sides=(1, 2))
            halves = {name: score.chunk(2) for name, score in scores.items()}
            losses = [discriminator_loss(real_N, fake_N) for real_N, fake_N in halves.values()]
            self._adam_d.zero_grad(set_to_none=True)
            torch.stack(losses).sum().backward()
            self._adam_d.step()

        with torch.no_grad():
            self._normalise(self.discriminators)
        fake = self._fakes(step, d_steps, labels, real)
        scores = self._scores(fake, labels, step, d_steps, sides=(1,))
        loss_g = torch.stack([generator_loss(score) for score in scores.values()]).sum()
        self._adam_g.zero_grad(set_to_none=True)
        loss_g.backward()
        self._adam_g.step()
        self._average_generator(step)
        means = (score.mean() for sides in halves.values() for score in sides)
        return torch.stack([*losses, loss_g, *means]).detach()

    @torch.no_grad()
    def _average_generator(self, step: int) -> None:
        current = [p.detach() for p in self.generator.parameters()]
        if step < self._settings.ema_start:
            for mean, value in zip(self.average.values(), current, strict=True):
                mean.copy_(value)
        else:
            self._update_average(list(self.average.values()), current, 0)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, by name."""
        found = {f"generator/{name}": t for name, t in self.generator.state_dict().items()}
        found |= {f"discriminators/{name}": t for name, t in self.discriminators.state_dict().items()}
        found |= {f"average/{name}": t for name, t in self.average.items()}
        for owner, network, adam in self._optimisers():
            names = [name for name, _ in network.named_parameters()]
            for index, moments in adam.state_dict()["state"].items():
                found |= {f"{owner}/{key}/{names[index]}": torch.as_tensor(t) for key, t in moments.items()}
        return found

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go back to the state that `tensors` gave."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            owner, rest = name.split("/", 1)
            parts.setdefault(owner, {})[rest] = tensor
        self.generator.load_state_dict(parts["generator"])
        self.discriminators.load_state_dict(parts["discriminators"])
        for name, mean in self.average.items():
            mean.copy_(parts["average"][name])
        for owner, network, adam in self._optimisers():
            state: dict[int, dict[str, Tensor]] = {}
            for index, (name, _) in enumerate(network.named_parameters()):
                state[index] = {key: parts[owner][f"{key}/{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
            adam.load_state_dict({"state": state, "param_groups": adam.state_dict()["param_groups"]})

    def _optimisers(self) -> tuple[tuple[str, nn.Module, torch.optim.Optimizer], ...]:
        return (("adam_g", self.generator, self._adam_g), ("adam_d", self.discriminators, self._adam_d))
