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

LOSS_NAMES = ("loss_spatial", "loss_temporal", "loss_generator", "real_spatial", "fake_spatial", "real_temporal",
              "fake_temporal")  # fmt: skip

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
        self.spatial = SpatialDiscriminator(task, settings)
        self.temporal = TemporalDiscriminator(task, settings)
        for stream, network in enumerate((self.generator, self.spatial, self.temporal)):
            initialise(network, torch.Generator().manual_seed(noise.mix(seed, 0, stream) >> 32))
            network.to(device)
        self.average = {name: p.detach().clone() for name, p in self.generator.named_parameters()}
        self._discriminators = nn.ModuleDict({"spatial": self.spatial, "temporal": self.temporal})
        betas, fused = (settings.beta1, settings.beta2), device.type == "cuda"
        self._adam_g = torch.optim.Adam(self.generator.parameters(), settings.g_lr, betas, fused=fused)
        self._adam_d = torch.optim.Adam(self._discriminators.parameters(), settings.d_lr, betas, fused=fused)
        self._update_average = get_ema_multi_avg_fn(settings.ema_decay)

    def _stream(self, step: int, turn: int, use: int) -> int:
        return noise.mix(self._seed, 1, step, turn, use)

    def _fakes(self, step: int, turn: int, labels_N: Tensor) -> Tensor:
        z = noise.normal(self._stream(step, turn, 0), labels_N.shape[0], self._settings.latent_dim)
        return self.generator(torch.from_numpy(z).to(self._device, non_blocking=True), labels_N, self._dtype)

    def _frames(self, step: int, turn: int, use: int, clips: int) -> np.ndarray:
        stream = self._stream(step, turn, use)
        return noise.frame_draws(stream, clips, self._task.num_frames, self._settings.spatial_frames)

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
            float32 values in the order of `LOSS_NAMES`, on the device, so that nothing waits for them.
        """
        d_steps = self._settings.d_steps
        self._normalise(self.generator)
        for turn in range(d_steps):
            clips_NTHWC, labels = real_batch(step * d_steps + turn)
            with torch.no_grad():
                fake = self._fakes(step, turn, labels)
                real = from_uint8(clips_NTHWC, self._dtype)
                clips = torch.cat([real, fake])
                own = [self._frames(step, turn, use, labels.shape[0]) for use in (1, 2)]
                frames = pick_frames(clips, np.concatenate(own))
                both = torch.cat([labels, labels])
            self._normalise(self._discriminators)
            real_s, fake_s = self.spatial(frames, both).chunk(2)
            real_t, fake_t = self.temporal(clips, both).chunk(2)
            loss_s, loss_t = discriminator_loss(real_s, fake_s), discriminator_loss(real_t, fake_t)
            self._adam_d.zero_grad(set_to_none=True)
            (loss_s + loss_t).backward()
            self._adam_d.step()

        with torch.no_grad():
            self._normalise(self._discriminators)
        fake = self._fakes(step, d_steps, labels)
        frames = pick_frames(fake, self._frames(step, d_steps, 1, labels.shape[0]))
        loss_g = generator_loss(self.spatial(frames, labels)) + generator_loss(self.temporal(fake, labels))
        self._adam_g.zero_grad(set_to_none=True)
        loss_g.backward()
        self._adam_g.step()
        self._average_generator(step)
        means = (score.mean() for score in (real_s, fake_s, real_t, fake_t))
        return torch.stack([loss_s, loss_t, loss_g, *means]).detach()

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
        found |= {f"discriminators/{name}": t for name, t in self._discriminators.state_dict().items()}
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
        self._discriminators.load_state_dict(parts["discriminators"])
        for name, mean in self.average.items():
            mean.copy_(parts["average"][name])
        for owner, network, adam in self._optimisers():
            state: dict[int, dict[str, Tensor]] = {}
            for index, (name, _) in enumerate(network.named_parameters()):
                state[index] = {key: parts[owner][f"{key}/{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
            adam.load_state_dict({"state": state, "param_groups": adam.state_dict()["param_groups"]})

    def _optimisers(self) -> tuple[tuple[str, nn.Module, torch.optim.Optimizer], ...]:
        return (("adam_g", self.generator, self._adam_g), ("adam_d", self._discriminators, self._adam_d))
