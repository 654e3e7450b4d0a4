"""The trained state of a DVD-GAN and one update of it: D steps on fresh clips, then one G step (paper)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.discriminators import SpatialDiscriminator, build_discriminators
from dvdgan.fast.modes import RECORDED, choose_mode, compute_dtype
from dvdgan.generator import Generator, from_uint8
from dvdgan.layers import batch_norms, frozen, initialise, normalise_weights
from dvdgan.losses import discriminator_loss, generator_loss, generator_objective, reconstruction_loss
from dvdgan.parallel import World
from dvdgan.training.augment import augment
from dvdgan.training.launch import Launch
from dvdgan.training.learning_rate import first_rates, set_rates
from dvdgan.training.turns import Batch, Draws, Part, Turns, pick_frames
from vidbench.models import InputError, ModelTask


class Networks:
    """Generator, its average, both discriminators and their optimisers.

    Attributes:
        launch: how updates are launched.
        loss_names: what `update` returns. ``loss_generator`` is what the discriminators say, alone, so that curves
            compare with and without a reconstruction term; ``loss_reconstruction``, where that term is on, is not
            multiplied by its weight.
    """

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
        if settings.reconstruction and not task.context_frames:
            raise InputError(
                f"Setting reconstruction={settings.reconstruction:g} holds predictions to the real future and task "
                f"'{task.name}' gives no frames to predict from; leave the setting out, or choose a prediction task."
            )
        self._task, self._settings = task, settings
        self._dtype = compute_dtype(settings, device)
        self._world = World(device) if world is None else world
        self.generator = Generator(task, settings)
        self.discriminators = build_discriminators(task, settings)
        sides = (getattr(network, "cropped_side", None) for network in self.discriminators.values())
        cropped = next((side for side in sides if side is not None), None)
        self._draws = Draws(task, settings, seed, device, self._world, cropped)
        streams = {"generator": 0, "spatial": 1, "temporal": 2}
        for name, network in (("generator", self.generator), *self.discriminators.items()):
            initialise(network, torch.Generator().manual_seed(noise.mix(seed, 0, streams[name]) >> 32))
            network.to(device)
        names = list(self.discriminators)
        self.loss_names = (*(f"loss_{name}" for name in names), "loss_generator",
                           *(("loss_reconstruction",) if settings.reconstruction else ()),
                           *(f"{side}_{name}" for name in names for side in ("real", "fake")))  # fmt: skip
        self.average = {name: p.detach().clone() for name, p in self.generator.named_parameters()}
        mode = choose_mode(settings.compile, device, alone=self._world.size == settings.accumulate == 1)
        betas, how = (settings.beta1, settings.beta2), {"fused": device.type == "cuda", "capturable": mode in RECORDED}
        g_rate, d_rate = first_rates(settings, device, recorded=mode in RECORDED)
        self._adam_g = torch.optim.Adam(self.generator.parameters(), g_rate, betas, **how)
        self._adam_d = torch.optim.Adam(self.discriminators.parameters(), d_rate, betas, **how)
        for norm in batch_norms(self.generator):
            norm.world = self._world
        self.launch = Launch(mode, self._compute)
        self._update_average = get_ema_multi_avg_fn(settings.ema_decay)

    @property
    def rows(self) -> np.ndarray:
        """Rows int64 of the global batch that this process takes, one part of the accumulation after the other."""
        return self._draws.rows

    def _fakes(self, part: Part, real_NTCHW: Tensor) -> Tensor:
        """Fake clips: the given frames of the real clips, where the task gives frames, and what is generated."""
        if not self._task.context_frames:
            return self.generator(part.z_NL, part.labels_N, None, self._dtype)
        context = real_NTCHW[:, : self._task.context_frames]
        return torch.cat([context, self.generator(part.z_NL, part.labels_N, context, self._dtype)], dim=1)

    def _scores(self, clips_MTCHW: Tensor, labels_M: Tensor, part: Part) -> dict[str, Tensor]:
        """Scores [M] of whole clips by each discriminator, both after one augmentation; the spatial one sees the drawn
        frames alone.
        """
        if part.augment_M7 is not None:
            clips_MTCHW = augment(clips_MTCHW, part.augment_M7, self._settings.augment)
        scores = {}
        for name, network in self.discriminators.items():
            if isinstance(network, SpatialDiscriminator) and part.frames_MK is not None:
                scores[name] = network(pick_frames(clips_MTCHW, part.frames_MK), labels_M)
            else:
                scores[name] = network(clips_MTCHW, labels_M, part.corners_M2)
        return scores

    def _normalise(self, network: nn.Module) -> None:
        normalise_weights(network, self._dtype, self._settings.sn_eps)

    def _discriminator_part(self, part: Part) -> tuple[Tensor, Tensor]:
        """Loss of the discriminators on some rows of the global batch, and the part of `loss_names` that is theirs."""
        with torch.no_grad():
            real = from_uint8(part.clips_NTHWC, self._dtype)
            clips = torch.cat([real, self._fakes(part, real)])
        scores = self._scores(clips, torch.cat([part.labels_N, part.labels_N]), part)
        halves = [score.chunk(2) for score in scores.values()]
        losses = [discriminator_loss(real_N, fake_N) for real_N, fake_N in halves]
        means = (score.mean() for sides in halves for score in sides)
        return torch.stack(losses).sum(), torch.stack([*losses, *means]).detach()

    def _generator_part(self, part: Part) -> tuple[Tensor, Tensor]:
        """Loss of the generator on some rows of the global batch, and the part of `loss_names` that is its own."""
        fake = self._fakes(part, from_uint8(part.clips_NTHWC, self._dtype))
        scores = self._scores(fake, part.labels_N, part)
        adversarial = torch.stack([generator_loss(score) for score in scores.values()]).sum()
        if not self._settings.reconstruction:
            return adversarial, adversarial.detach().unsqueeze(0)
        given = self._task.context_frames
        # From the levels themselves: as the networks see them, they are rounded to the type of convolutions.
        real = from_uint8(part.clips_NTHWC[:, given:], torch.float32)
        reconstruction = reconstruction_loss(fake[:, given:], real)
        loss = generator_objective(adversarial, reconstruction, self._settings.reconstruction)
        return loss, torch.stack([adversarial, reconstruction]).detach()

    def _backward(self, losses: Iterable[Tensor]) -> None:
        """Gradients of the mean of the losses of the parts; a part's activations go before the next part's come."""
        parts = self._settings.accumulate
        for part, loss in enumerate(losses, start=1):
            # All parts share the normalised weights of the update, whose graph must outlive all but the last.
            (loss / parts).backward(retain_graph=part < parts)

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
        turns = self._draws.turns(step, real_batch)
        set_rates(self._settings, step, self._adam_g, self._adam_d)
        values = self.launch(turns)
        self._average_generator(step)
        return values

    def _compute(self, turns: Turns) -> Tensor:
        """Discriminator steps and generator step; touches no host memory, so that it can be recorded."""
        self._normalise(self.generator)
        for parts in turns[:-1]:
            self._normalise(self.discriminators)
            self._adam_d.zero_grad(set_to_none=True)
            d_logged: list[Tensor] = []
            self._backward(self._losses(self._discriminator_part, parts, d_logged))
            self._world.average_gradients(self.discriminators)
            self._adam_d.step()

        with torch.no_grad():
            self._normalise(self.discriminators)
        self._adam_g.zero_grad(set_to_none=True)
        g_logged: list[Tensor] = []
        with frozen(self.discriminators):  # their biases, whose gradients nothing would use
            self._backward(self._losses(self._generator_part, turns[-1], g_logged))
        self._world.average_gradients(self.generator)
        self._adam_g.step()
        d_values, g_values = torch.stack(d_logged).mean(0), torch.stack(g_logged).mean(0)
        count = len(self.discriminators)
        return torch.cat([d_values[:count], g_values, d_values[count:]])

    def _losses(
        self, compute: Callable[[Part], tuple[Tensor, Tensor]], parts: list[Part], logged: list[Tensor]
    ) -> Iterator[Tensor]:
        """Loss of one part after the other; what is to be logged of each is appended."""
        for part in parts:
            loss, values = compute(part)
            logged.append(values)
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
