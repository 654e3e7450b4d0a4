"""The trained state of a DVD-GAN and one update of it: D steps on fresh clips, then one G step (paper)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dvdgan import noise
from dvdgan.compiling import Compiled
from dvdgan.config import Settings
from dvdgan.discriminators import SpatialDiscriminator, TemporalDiscriminator
from dvdgan.generator import Generator, from_uint8
from dvdgan.layers import batch_norms, initialise, normalise_weights
from dvdgan.losses import discriminator_loss, generator_loss
from dvdgan.parallel import World
from vidbench.models import InputError, ModelTask

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

    def __init__(
        self, task: ModelTask, settings: Settings, seed: int, device: torch.device, world: World | None = None
    ) -> None:
        """Build and initialise from the seed, on the CPU, then move to the device.

        Args:
            task: what is learned.
            settings: all settings; `accumulate` parts of a batch are computed one after the other.
            seed: seed of the weights, latents and frame draws.
            device: where to compute.
            world: the processes that share each batch; None for this one alone.

        Raises:
            InputError: the task or a setting does not fit the architecture.
        """
        self._task, self._settings, self._seed, self._device = task, settings, seed, device
        self._dtype = compute_dtype(settings, device)
        self._world = World(device) if world is None else world
        self._batch_size = settings.batch_size
        self._parts = self._world.rows(settings.batch_size, settings.accumulate)
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
        for norm in batch_norms(self.generator):
            norm.world = self._world
        self.compiled = Compiled(settings.compile, device, (self.generator, *self.discriminators.values()))
        self._note = ""
        self._update_average = get_ema_multi_avg_fn(settings.ema_decay)

    @property
    def rows(self) -> np.ndarray:
        """Rows int64 of the global batch that this process takes, one part of the accumulation after the other."""
        return np.concatenate(self._parts)

    def _stream(self, step: int, turn: int, use: int) -> int:
        return noise.mix(self._seed, 1, step, turn, use)

    def _fakes(self, step: int, turn: int, labels_N: Tensor, real_NTCHW: Tensor, rows: np.ndarray) -> Tensor:
        """Fake clips: the given frames of the real clips, where the task gives frames, and what is generated."""
        z = noise.normal(self._stream(step, turn, 0), self._batch_size, self._settings.latent_dim)[rows]
        z_NL = torch.from_numpy(z).to(self._device, non_blocking=True)
        generate = self.compiled(self.generator)
        if not self._task.context_frames:
            return generate(z_NL, labels_N, None, self._dtype)
        context = real_NTCHW[:, : self._task.context_frames]
        return torch.cat([context, generate(z_NL, labels_N, context, self._dtype)], dim=1)

    def _scores(
        self, clips_NTCHW: Tensor, labels_N: Tensor, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray
    ) -> dict[str, Tensor]:
        """Scores [N] of whole clips by each discriminator; the spatial one draws from the frames that are not given.

        The clips of a side (real or fake, told apart by number) lie in a row, and each side has draws of its own.
        """
        task, k, scores = self._task, self._settings.spatial_frames, {}
        for name, network in self.discriminators.items():
            if isinstance(network, SpatialDiscriminator):
                draws = [
                    noise.frame_draws(self._stream(step, turn, side), self._batch_size, task.predicted_frames, k)[rows]
                    for side in sides
                ]
                frames = pick_frames(clips_NTCHW, np.concatenate(draws) + task.context_frames)
                scores[name] = self.compiled(network)(frames, labels_N)
            else:
                corners = self._corners(network, step, turn, sides, rows)
                scores[name] = self.compiled(network)(clips_NTCHW, labels_N, corners)
        return scores

    def _corners(
        self, network: nn.Module, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray
    ) -> Tensor | None:
        """Where phi is a crop: the corner of each clip's window, from streams beside those of the frame draws."""
        if not isinstance(network, TemporalDiscriminator) or network.cropped_side is None:
            return None
        spare = self._task.height - network.cropped_side
        drawn = [
            noise.crop_corners(self._stream(step, turn, 2 + side), self._batch_size, spare)[rows] for side in sides
        ]
        return torch.from_numpy(np.concatenate(drawn)).to(self._device, non_blocking=True)

    def _normalise(self, network: nn.Module) -> None:
        normalise_weights(network, self._dtype, self._settings.sn_eps)

    def _discriminator_part(self, step: int, turn: int, batch: Batch, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Loss of the discriminators on some rows of the global batch, and the part of `loss_names` that is theirs."""
        clips_NTHWC, labels = batch
        self.compiled.begin_step()
        with torch.no_grad():
            real = from_uint8(clips_NTHWC, self._dtype)
            clips = torch.cat([real, self._fakes(step, turn, labels, real, rows)])
        scores = self._scores(clips, torch.cat([labels, labels]), step, turn, (1, 2), rows)
        halves = [score.chunk(2) for score in scores.values()]
        losses = [discriminator_loss(real_N, fake_N) for real_N, fake_N in halves]
        means = (score.mean() for sides in halves for score in sides)
        return torch.stack(losses).sum(), torch.stack([*losses, *means]).detach()

    def _generator_part(self, step: int, batch: Batch, rows: np.ndarray) -> Tensor:
        """Loss of the generator on some rows of the global batch, after the given frames of these clips, if any."""
        clips_NTHWC, labels = batch
        turn = self._settings.d_steps
        self.compiled.begin_step()
        fake = self._fakes(step, turn, labels, from_uint8(clips_NTHWC, self._dtype), rows)
        scores = self._scores(fake, labels, step, turn, (1,), rows)
        return torch.stack([generator_loss(score) for score in scores.values()]).sum()

    def _backward(self, losses: Iterable[Tensor]) -> None:
        """Gradients of the mean of the losses of the parts; a part's activations go before the next part's come."""
        parts = self._settings.accumulate
        for part, loss in enumerate(losses, start=1):
            # All parts share the normalised weights of the update, whose graph must outlive all but the last.
            (loss / parts).backward(retain_graph=part < parts)

    def take_note(self) -> str:
        """A sentence about something that went another way than the settings say, once; empty where nothing did."""
        note, self._note = self._note, ""
        return note

    def update(self, step: int, real_batch: Callable[[int], Batch]) -> Tensor:
        """Make generator step `step` (from 0).

        Fakes carry the labels of the real clips of the same discriminator step, so that both sides have one label
        distribution; the generator step uses those of the last one. Latents and frame draws are pure functions of
        the seed and the step, drawn for the global batch and then divided: any number of processes makes one update.

        Args:
            step: number of the step.
            real_batch: gives the real batch of a draw, this process's rows of it (`rows`, one part after the other);
                discriminator step j of step s uses draw s * d_steps + j.

        Returns:
            float32 values in the order of `loss_names`, on the device, so that nothing waits for them; means over
            this process's clips.
        """
        if self.compiled.proven:
            return self._update(step, real_batch)
        # Compilers fail late and in many ways. What this update will have changed by then is put back, and it is made
        # again without.
        before = {name: tensor.to("cpu", copy=True) for name, tensor in self.tensors().items()}
        batches: dict[int, Batch] = {}

        def kept(draw: int) -> Batch:
            if draw not in batches:
                batches[draw] = real_batch(draw)
            return batches[draw]

        failure = ""
        try:
            values = self._update(step, kept)
        except (InputError, torch.cuda.OutOfMemoryError):
            raise
        except Exception as error:
            first_line = (str(error).strip().splitlines() or [""])[0][:200]
            failure = f"{type(error).__name__}: {first_line}"
        if not failure:
            self.compiled.proven = True
            return values
        mode = self.compiled.mode
        if self._world.size > 1:  # the others are in the middle of an exchange
            raise InputError(f"Setting compile={mode} failed here ({failure}); set compile=none.")
        self.compiled.give_up()
        self.restore(before)
        self._note = f"compile={mode} failed ({failure}); training goes on without compiling."
        return self._update(step, kept)

    def _update(self, step: int, real_batch: Callable[[int], Batch]) -> Tensor:
        d_steps = self._settings.d_steps
        self._normalise(self.generator)
        for turn in range(d_steps):
            clips_NTHWC, labels = real_batch(step * d_steps + turn)
            batches = list(zip(clips_NTHWC.chunk(len(self._parts)), labels.chunk(len(self._parts)), strict=True))
            self._normalise(self.discriminators)
            self._adam_d.zero_grad(set_to_none=True)
            logged: list[Tensor] = []
            self._backward(self._discriminator_losses(step, turn, batches, logged))
            self._world.average_gradients(self.discriminators)
            self._adam_d.step()

        with torch.no_grad():
            self._normalise(self.discriminators)
        self._adam_g.zero_grad(set_to_none=True)
        generator_losses: list[Tensor] = []
        self._backward(self._generator_losses(step, batches, generator_losses))
        self._world.average_gradients(self.generator)
        self._adam_g.step()
        self._average_generator(step)
        d_values, g_value = torch.stack(logged).mean(0), torch.stack(generator_losses).mean()
        count = len(self.discriminators)
        return torch.cat([d_values[:count], g_value.unsqueeze(0), d_values[count:]])

    def _discriminator_losses(
        self, step: int, turn: int, batches: list[Batch], logged: list[Tensor]
    ) -> Iterator[Tensor]:
        for batch, rows in zip(batches, self._parts, strict=True):
            loss, values = self._discriminator_part(step, turn, batch, rows)
            logged.append(values)
            yield loss

    def _generator_losses(self, step: int, batches: list[Batch], logged: list[Tensor]) -> Iterator[Tensor]:
        for batch, rows in zip(batches, self._parts, strict=True):
            loss = self._generator_part(step, batch, rows)
            logged.append(loss.detach())
            yield loss

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
            # Before the first update there are no moments.
            for index, (name, _) in enumerate(network.named_parameters() if owner in parts else ()):
                state[index] = {key: parts[owner][f"{key}/{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
            adam.load_state_dict({"state": state, "param_groups": adam.state_dict()["param_groups"]})

    def _optimisers(self) -> tuple[tuple[str, nn.Module, torch.optim.Optimizer], ...]:
        return (("adam_g", self.generator, self._adam_g), ("adam_d", self.discriminators, self._adam_d))
