"""The named settings of a DVD-GAN: every choice the paper states, and every one it leaves open, with its reason."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from vidbench.models import InputError

DEFAULT_STEPS = 20_000
"""Generator steps where the request names none; our own choice, the paper makes about 300,000 at batch 512."""

AUTO = 0
"""`batch_size=auto` before `resolve` has replaced it."""

_AUTO_BATCH = {"cuda": 64, "cpu": 8}

NEVER_ABSENT = object()
"""In the metadata of a setting that every file must have."""


def _setting(
    default: Any, why: str, *, choices: tuple[str, ...] = (), minimum: float | None = None, free: bool = False,
    absent: Any = NEVER_ABSENT,
) -> Any:  # fmt: skip
    """A field with its sentence.

    Args:
        default: the value where nothing else is said.
        why: the reason, for `describe`.
        choices: the allowed words.
        minimum: the least allowed number.
        free: it decides no weight, so it may change between runs of one training.
        absent: what a file older than the setting was made with; without it such a file is refused.
    """
    metadata = {"why": why, "choices": choices, "minimum": minimum, "free": free, "absent": absent}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Settings of the networks and of their training; `describe` prints each with its reason.

    Sources: "paper" is arXiv 1907.06571 v2, "DGMR" the published pseudocode of the radar nowcasting GAN of the same
    lineage, "BigGAN" the image GAN whose blocks DVD-GAN uses. Anything else is our own choice.

    Raises:
        InputError: a value out of its range, or not among its choices.
    """

    architecture: str = _setting(
        "v2", "Version of the paper that the generator follows; the model sets it: dvdgan-v1 has v1, the others v2.",
        choices=("v2", "v1"), absent="v2",
    )  # fmt: skip
    ch: int = _setting(
        32, "Channels at full resolution; not in the paper; chosen so that two CPU cores sample in time.", minimum=1
    )
    g_multipliers: tuple[int, ...] = _setting(
        (1, 2, 4, 6),
        "Generator widths in units of ch, from the image back to 4x4, the last repeated; halving as in BigGAN.",
        minimum=1,
    )
    state_fraction: float = _setting(
        0.5, "ConvGRU state width over block width; one half in DGMR, not in the paper.", minimum=0.01
    )
    gru_steps: int = _setting(
        1, "ConvGRU steps from one frame to the next; not in the paper, one in DGMR.", minimum=1, absent=1
    )
    attention_keys: float = _setting(
        0.125, "v1: width of attention's queries and keys over that of its input; 1/8 in BigGAN, not in the paper.",
        minimum=0.001, absent=0.125,
    )  # fmt: skip
    attention_values: float = _setting(
        0.5, "v1: width of attention's values over that of its input; 1/2 in BigGAN, not in the paper.",
        minimum=0.001, absent=0.5,
    )  # fmt: skip
    tower_ch: int = _setting(
        32, "Prediction: channels after the first block of the tower over given frames, then as in d_multipliers; "
        "not in the paper.", minimum=1, absent=32,
    )  # fmt: skip
    latent_dim: int = _setting(120, "Length of z (paper).", minimum=1)
    embedding_dim: int = _setting(120, "Length of the class embedding (paper).", minimum=1)
    embedding_scale: float | None = _setting(
        None,
        "Factor on class embeddings, whose rows have length 1 at most; none is sqrt(embedding_dim), the length of a typical "
        "z. Not in the paper. A large one lets classes decide early what z should: the brightness of all grounds of a class.",
        minimum=0,
        absent=None,
    )
    upsampling: str = _setting(
        "bilinear", "Kernel of the x2 upsampling; the paper's figure says bilinear, DGMR nearest.",
        choices=("bilinear", "nearest"),
    )  # fmt: skip
    d_ch: int = _setting(48, "Channels after the first block of each discriminator; not in the paper.", minimum=1)
    d_multipliers: tuple[int, ...] = _setting(
        (1, 2, 4, 8),
        "Discriminator widths in units of d_ch, from the image down, the last repeated (BigGAN).",
        minimum=1,
    )
    discriminators: str = _setting(
        "both", "Which discriminators train the generator (paper: both; one alone for an ablation).",
        choices=("both", "spatial", "temporal"), absent="both",
    )  # fmt: skip
    spatial_frames: int = _setting(8, "k, the random frames that the spatial discriminator sees (paper).", minimum=1)
    phi: str = _setting(
        "2x2", "What the temporal discriminator is given: means over 2x2 pixels (paper) or 4x4, whole frames "
        "(identity), or a random crop of half the side, the same for all frames of a clip.",
        choices=("identity", "2x2", "4x4", "crop"),
    )  # fmt: skip
    time_pooling: bool = _setting(
        True, "Whether each 3-D block of the temporal discriminator halves time too; it does in DGMR, the paper is "
        "silent.", absent=True,
    )  # fmt: skip
    batch_size: int = _setting(
        AUTO,
        "Clips per step over all processes; the paper uses 512 on a TPU pod; auto is 64 on a GPU, which one holds, and "
        "8 on a CPU, where 20 steps of shapes then take about 50 seconds on two cores.",
        minimum=2,
    )
    d_steps: int = _setting(2, "Discriminator steps per generator step (paper).", minimum=1)
    g_lr: float = _setting(1e-4, "Adam learning rate of the generator (paper v2).", minimum=0)
    d_lr: float = _setting(5e-4, "Adam learning rate of the discriminators (paper v2).", minimum=0)
    lr_warmup: int = _setting(
        0,
        "Generator steps over which both learning rates rise linearly from 0; none in the paper. For a training that begins "
        "with a state whose rates had fallen: at full rates its discriminators are thrown far off in the first update.",
        minimum=0,
        absent=0,
    )
    lr_decay_start: int | None = _setting(
        None,
        "Generator step (from 0) after which both learning rates fall linearly to 0; none in the paper; short runs end "
        "with smaller steps, over which the noise of single batches averages out.",
        minimum=0,
        absent=None,
    )
    lr_decay_end: int | None = _setting(
        None,
        "Generator step (from 0) from which both learning rates are 0; none in the paper; give the number of steps of the "
        "run, so that its last update is the smallest.",
        minimum=1,
        absent=None,
    )
    reconstruction: float = _setting(
        0.0,
        "Prediction: weight of the mean absolute difference, in units of [-1, 1], from the real future in the generator's "
        "loss. Not in the paper, hence 0; DGMR has a like term with weight 20, on the mean of several samples.",
        minimum=0,
        absent=0.0,
    )
    augment: str = _setting(
        "none",
        "Random transformations of real and fake clips alike before both discriminators, one for all frames of a clip, "
        "against discriminators that know a small data set by heart (DiffAugment, arXiv 2006.10738); none in the paper.",
        choices=(
            "none", "colour", "translation", "cutout", "colour+translation", "colour+cutout", "translation+cutout",
            "colour+translation+cutout",
        ),
        absent="none",
    )  # fmt: skip
    start: str = _setting(
        "",
        "What this training begins with, none by default: a training state, or a folder with one, whose networks and optimisers "
        "it takes over; or a sampling checkpoint, whose generator it takes over with discriminators anew.",
        absent="",
    )
    g_start: int = _setting(
        0,
        "Generator step (from 0) in which the generator begins to learn; before it the discriminators do alone, which "
        "otherwise would undo what a generator that `start` names has learned.",
        minimum=0,
        absent=0,
    )
    beta1: float = _setting(0.0, "Adam beta 1; not in the paper, 0 in BigGAN and DGMR.", minimum=0)
    beta2: float = _setting(0.999, "Adam beta 2; not in the paper, 0.999 in BigGAN and DGMR.", minimum=0)
    bn_eps: float = _setting(1e-5, "Added to BatchNorm variances (BigGAN).", minimum=0)
    sn_eps: float = _setting(1e-4, "Floor of the norms in spectral normalisation (DGMR).", minimum=0)
    ema_decay: float = _setting(
        0.999,
        "Decay of the averaged generator; the paper's 0.9999 spans 10,000 steps, as long as a whole short run.",
        minimum=0,
    )
    ema_start: int = _setting(
        500, "Step at which averaging starts (paper: 20,000 of 300,000); before it the average is a copy.", minimum=0
    )
    precision: str = _setting(
        "auto",
        "Type of convolutions in training: auto is bfloat16 on a GPU and float32 elsewhere; statistics stay float32.",
        choices=("auto", "float32", "bfloat16"),
    )
    standing_batches: int = _setting(
        32,
        "Batches averaged into the standing BatchNorm statistics (BigGAN's remedy); more leave less to chance: shapes-gen "
        "is shipped with 256.",
        minimum=1,
        free=True,
    )
    log_every: int = _setting(
        20, "Steps between lines of train.jsonl and looks for non-finite losses.", minimum=1, free=True
    )
    checkpoint_every: int = _setting(
        1000, "Steps between training states; the last two are kept.", minimum=1, free=True
    )
    sample_every: int = _setting(1000, "Steps between sample sheets.", minimum=1, free=True)
    autotune: bool = _setting(
        True, "Let cuDNN time its algorithms in the first steps; some seconds at the start of a run.", free=True
    )
    loader_threads: int = _setting(4, "Threads that draw real clips ahead of the training.", minimum=1, free=True)
    max_minutes: float | None = _setting(
        None, "Stop cleanly after this many minutes; writing the checkpoints comes on top.", minimum=0, free=True
    )
    accumulate: int = _setting(
        1,
        "Parts of a batch computed one after the other, gradients averaged, to fit in memory. Not the same as one big "
        "batch: BatchNorm sees the clips of a part. Spectral norm iterates once per update, as for one big batch.",
        minimum=1,
        absent=1,
    )
    compile: str = _setting(
        "auto",
        "How updates are launched: graphs records one as a CUDA graph and replays it, fused also compiles the elementwise "
        "operations between convolutions, none does neither; auto is graphs for one process on a GPU with accumulate=1 and "
        "none elsewhere. If recording or compiling fails, the log says so and training continues without it.",
        choices=("auto", "none", "graphs", "fused"),
        free=True,
    )
    tensorboard: bool = _setting(
        False, "Write losses and metrics for TensorBoard too; needs vidbench[tensorboard].", free=True
    )
    divergence_bound: float = _setting(
        1000.0,
        "Mean loss whose size counts as diverged; losses of runs that learn stay below 100.",
        minimum=0,
        free=True,
    )
    divergence_looks: int = _setting(
        3, "Looks in a row with a diverged loss that stop the training; one alone may recover.", minimum=1, free=True
    )

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value, choices, minimum = getattr(self, item.name), item.metadata["choices"], item.metadata["minimum"]
            if choices and value not in choices:
                raise InputError(f"Setting '{item.name}' is '{value}'; choose one of {', '.join(choices)}.")
            values = value if isinstance(value, tuple) else (value,)
            if item.name == "batch_size" and value == AUTO:
                continue
            if minimum is not None and any(v is not None and not minimum <= v < float("inf") for v in values):
                raise InputError(f"Setting '{item.name}' is {value}; give a number of at least {minimum:g}.")
        for name in ("g_multipliers", "d_multipliers"):
            if not getattr(self, name):
                raise InputError(f"Setting '{name}' is empty; give whole numbers separated by commas.")
        for name in ("beta1", "beta2", "ema_decay"):
            if getattr(self, name) >= 1:
                raise InputError(f"Setting '{name}' is {getattr(self, name)}; give a number below 1.")
        start, end = self.lr_decay_start, self.lr_decay_end
        if (start is None) != (end is None):
            given, missing = ("start", "end") if end is None else ("end", "start")
            raise InputError(f"Setting 'lr_decay_{given}' needs 'lr_decay_{missing}'; give both, or neither.")
        if start is not None and end is not None and end <= start:
            raise InputError(f"Setting 'lr_decay_end' is {end}; give a step after lr_decay_start={start}.")

    def to_values(self) -> dict[str, Any]:
        """The settings by name, of types that JSON keeps."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}


MODELS: dict[str, Settings] = {
    "dvdgan": Settings(),
    # v1 notes: the T x 4 x 4 states feed the blocks themselves, and the discriminators learn at 2e-4.
    "dvdgan-v1": Settings(architecture="v1", d_lr=2e-4, state_fraction=1.0),
    "dvdgan-fp": Settings(),
}
"""The settings that each registered model starts from."""


def resolve(settings: Settings, device_type: str) -> Settings:
    """The settings with `batch_size=auto` replaced by the number for a kind of device, so that a state records it."""
    if settings.batch_size != AUTO:
        return settings
    return dataclasses.replace(settings, batch_size=_AUTO_BATCH.get(device_type, _AUTO_BATCH["cuda"]))
