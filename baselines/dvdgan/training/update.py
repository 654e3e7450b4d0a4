"""The trained state of a DVD-GAN and one update of it: D steps on fresh clips, then one G step (paper)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.discriminators import SpatialDiscriminator, build_discriminators
from dvdgan.fast.gradient_exchange import average_other_gradients
from dvdgan.fast.modes import RECORDED, choose_mode, compute_dtype
from dvdgan.generator import Generator, from_uint8
from dvdgan.layers import batch_norms, frozen, initialise, normalise_weights
from dvdgan.losses import discriminator_loss, generator_loss, generator_objective, reconstruction_loss
from dvdgan.parallel import World
from dvdgan.training.augment import augment
from dvdgan.training.inputs import Batch, Draws, MicroBatch, UpdateInputs, pick_frames
from dvdgan.training.launch import Launch
from dvdgan.training.learning_rate import first_rates, reconstruction_weight, set_rates
from dvdgan.training.temporal_noise import add_noise, noise_strength
from vidbench.models import InputError, ModelTask


class Networks:
    """Generator, its average, both discriminators and their optimisers.

    Attributes:
        generator: the trained generator.
        average: exponential moving average of its parameters, by name.
        discriminators: the discriminators in use, by name.
        launch: calls the computation of an update, recorded or not.
    """

    def __init__(
        self, task: ModelTask, settings: Settings, seed: int, device: torch.device, world: World | None = None
    ) -> None:
        """Build and initialise from the seed, on the CPU, then move to the device.

        Args:
            task: task to learn.
            settings: all settings.
            seed: seed of weights, latents and all other draws.
            device: where to compute.
            world: the processes that share each batch; None for this one alone.

        Raises:
            InputError: the task or a setting does not fit the architecture.
        """
        if settings.reconstruction and not task.context_frames:
            raise InputError(
                f"Setting reconstruction={settings.reconstruction:g} compares predictions with the real future and task "
                f"'{task.name}' has no context frames; leave the setting out, or choose a prediction task."
            )
        self._task, self._settings = task, settings
        kept = settings.temporal_context
        self._unseen = 0 if kept is None else max(0, task.context_frames - kept)
        self._dtype = compute_dtype(settings, device)
        self._world = World(device) if world is None else world
        self._draws = Draws(task, settings, seed, device, self._world)
        self.generator = Generator(task, settings)
        self.discriminators = build_discriminators(task, settings)
        streams = {"generator": 0, "spatial": 1, "temporal": 2}
        for name, network in (("generator", self.generator), *self.discriminators.items()):
            initialise(network, torch.Generator().manual_seed(noise.derive_seed(seed, 0, streams[name]) >> 32))
            network.to(device)
        for norm in batch_norms(self.generator):
            norm.world = self._world
        self.average = {name: p.detach().clone() for name, p in self.generator.named_parameters()}
        # On the device, so that a recorded update reads the current values.
        self._reconstruction_weight, self._noise_strength = torch.zeros(2, device=device)
        self._update_average = get_ema_multi_avg_fn(settings.ema_decay)

        mode = choose_mode(settings.compile, device, settings.accumulate)
        self.launch = Launch(mode, self._compute)
        betas, how = (settings.beta1, settings.beta2), {"fused": device.type == "cuda", "capturable": mode in RECORDED}
        g_rate, d_rate = first_rates(settings, device, recorded=mode in RECORDED)
        self._adam_g = torch.optim.Adam(self.generator.parameters(), g_rate, betas, **how)
        self._adam_d = torch.optim.Adam(self.discriminators.parameters(), d_rate, betas, **how)

    @property
    def rows(self) -> np.ndarray:
        """Rows int64 of the global batch that this process computes, one micro-batch after the other."""
        return self._draws.rows

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of what `update` returns.

        ``loss_generator`` is the adversarial loss alone, so that curves with and without reconstruction compare;
        ``loss_reconstruction``, present if that term is on, is not multiplied by its weight.
        """
        names = list(self.discriminators)
        reconstruction = ("loss_reconstruction",) if self._settings.reconstruction else ()
        scores = (f"{side}_{name}" for name in names for side in ("real", "fake"))
        return (*(f"loss_{name}" for name in names), "loss_generator", *reconstruction, *scores)

    def update(self, step: int, real_batch: Callable[[int], Batch]) -> Tensor:
        """Make generator step `step` (from 0).

        Fakes have the labels of the real clips of the same discriminator step, so that both sides have one label
        distribution; the generator step uses those of the last one.

        Args:
            step: number of the step.
            real_batch: from the number of a draw to this process's rows of the real batch (`rows`); discriminator step
                j of step s uses draw s * d_steps + j.

        Returns:
            float32 values in the order of `loss_names`, means over this process's clips. They are on the device, so
            that nothing waits for them.
        """
        inputs = self._draws.inputs(step, real_batch)
        set_rates(self._settings, step, self._adam_g, self._adam_d)
        self._reconstruction_weight.fill_(reconstruction_weight(self._settings, step))
        self._noise_strength.fill_(noise_strength(self._settings, step))
        values = self.launch(inputs)
        self._average_generator(step)
        return values

    def _compute(self, inputs: UpdateInputs) -> Tensor:
        """Discriminator steps and generator step, without touching host memory, so that it can be recorded."""
        *d_inputs, g_inputs = inputs
        self._normalise(self.generator)
        for parts in d_inputs:
            self._normalise(self.discriminators)
            d_values = self._optimise(self._adam_d, self.discriminators, self._discriminator_objective, parts)
        with torch.no_grad():
            self._normalise(self.discriminators)
        with frozen(self.discriminators):  # their biases, whose gradients nothing would use
            g_values = self._optimise(self._adam_g, self.generator, self._generator_objective, g_inputs)
        losses, scores = d_values.tensor_split([len(self.discriminators)])
        return torch.cat([losses, g_values, scores])

    def _optimise(
        self,
        adam: torch.optim.Optimizer,
        network: nn.Module,
        objective: Callable[[MicroBatch], tuple[Tensor, Tensor]],
        parts: list[MicroBatch],
    ) -> Tensor:
        """One optimiser step on the mean objective of the micro-batches; returns the mean of what they log."""
        adam.zero_grad(set_to_none=True)
        logged = []
        for number, part in enumerate(parts, start=1):
            loss, values = objective(part)
            logged.append(values)
            # All micro-batches share the normalised weights of the update, whose graph must outlive all but the last.
            (loss / len(parts)).backward(retain_graph=number < len(parts))
            del loss  # and with it the activations, before those of the next micro-batch
        average_other_gradients(network, self._world)
        adam.step()
        return torch.stack(logged).mean(0)

    def _discriminator_objective(self, part: MicroBatch) -> tuple[Tensor, Tensor]:
        """Sum of the discriminators' hinge losses, and what to log: each loss, then the mean scores."""
        with torch.no_grad():
            real = from_uint8(part.clips_NTHWC, self._dtype)
            clips = torch.cat([real, self._fakes(part, real)])
        scores = self._scores(clips, torch.cat([part.labels_N, part.labels_N]), part)
        sides = [score.chunk(2) for score in scores.values()]
        losses = [discriminator_loss(real_N, fake_N) for real_N, fake_N in sides]
        means = [score.mean() for pair in sides for score in pair]
        return torch.stack(losses).sum(), torch.stack([*losses, *means]).detach()

    def _generator_objective(self, part: MicroBatch) -> tuple[Tensor, Tensor]:
        """What the generator minimises, and what to log: the adversarial loss and, if it is on, the reconstruction."""
        fake = self._fakes(part, from_uint8(part.clips_NTHWC, self._dtype))
        scores = self._scores(fake, part.labels_N, part)
        adversarial = torch.stack([generator_loss(score) for score in scores.values()]).sum()
        if not self._settings.reconstruction:
            return adversarial, adversarial.detach().unsqueeze(0)
        context = self._task.context_frames
        # From the uint8 levels: what the networks see is rounded to the type of the convolutions.
        future = from_uint8(part.clips_NTHWC[:, context:], torch.float32)
        reconstruction = reconstruction_loss(fake[:, context:], future)
        loss = generator_objective(adversarial, reconstruction, self._reconstruction_weight)
        return loss, torch.stack([adversarial, reconstruction]).detach()

    def _fakes(self, part: MicroBatch, real_NTCHW: Tensor) -> Tensor:
        """Fake clips: the context frames of the real ones, if the task has any, then the generated frames."""
        if not self._task.context_frames:
            return self.generator(part.z_NL, part.labels_N, None, self._dtype)
        context = real_NTCHW[:, : self._task.context_frames]
        return torch.cat([context, self.generator(part.z_NL, part.labels_N, context, self._dtype)], dim=1)

    def _scores(self, clips_MTCHW: Tensor, labels_M: Tensor, part: MicroBatch) -> dict[str, Tensor]:
        """Scores [M] of clips by each discriminator; both see the same augmented clips, the spatial one a few frames, the
        temporal one perhaps with noise, or without some of the context frames.
        """
        if part.augment_M7 is not None:
            clips_MTCHW = augment(clips_MTCHW, part.augment_M7, self._settings.augment)
        scores = {}
        for name, network in self.discriminators.items():
            if isinstance(network, SpatialDiscriminator) and part.frames_MK is not None:
                scores[name] = network(pick_frames(clips_MTCHW, part.frames_MK), labels_M)
            else:
                seen = clips_MTCHW[:, self._unseen :]
                if part.noise_M is not None:
                    seen = add_noise(seen, part.noise_M, self._noise_strength)
                scores[name] = network(seen, labels_M, part.corners_M2)
        return scores

    def _normalise(self, network: nn.Module) -> None:
        normalise_weights(network, self._dtype, self._settings.sn_eps, self._world)

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

    def restore(self, tensors: dict[str, Tensor], path: Path) -> None:
        """Load a state that `tensors` returned, from a file.

        Raises:
            InputError: a tensor is missing, unknown or of another shape than these networks have.
        """
        self._refuse_other_tensors(tensors, path)
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

    def _refuse_other_tensors(self, tensors: dict[str, Tensor], path: Path) -> None:
        shapes = {f"generator/{name}": t.shape for name, t in self.generator.state_dict().items()}
        shapes |= {f"discriminators/{name}": t.shape for name, t in self.discriminators.state_dict().items()}
        shapes |= {f"average/{name}": t.shape for name, t in self.average.items()}
        for owner, network, _ in self._optimisers():
            if any(name.startswith(f"{owner}/") for name in tensors):
                for name, parameter in network.named_parameters():
                    shapes |= {f"{owner}/{key}/{name}": parameter.shape for key in ("exp_avg", "exp_avg_sq")}
                    shapes[f"{owner}/step/{name}"] = torch.Size([])
        given = {name: tensor.shape for name, tensor in tensors.items()}
        if odd := sorted(name for name in {*shapes, *given} if shapes.get(name) != given.get(name)):
            raise InputError(
                f"The tensor '{odd[0]}' of the training state {path} is missing, unknown or of another shape than its settings "
                "give; resume from another state, or train again."
            )

    def _optimisers(self) -> tuple[tuple[str, nn.Module, torch.optim.Optimizer], ...]:
        return (("adam_g", self.generator, self._adam_g), ("adam_d", self.discriminators, self._adam_d))
