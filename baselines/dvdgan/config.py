"""The settings of a DVD-GAN: every choice the paper states, and every one it leaves open, with its reason.

A setting is declared here and nowhere else: what decides weights, what a resumed run may change, what older files mean
and what a preset sets is read from these declarations (see `dvdgan.setting.Facts`).
"""

# ruff: noqa: RUF009 - `setting` returns a dataclass field

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from dvdgan.setting import (
    AUTO,
    Amount,
    BatchSize,
    Count,
    Decay,
    Decides,
    Flag,
    Share,
    Size,
    Sizes,
    Step,
    Threads,
    check_value,
    facts_of,
    setting,
)
from vidbench.models import InputError

DEFAULT_STEPS = 20_000
"""Generator steps if the request names none; our own choice, the paper trains for about 300,000 at batch 512."""

Augmentation = Literal[
    "none", "colour", "translation", "cutout", "colour+translation", "colour+cutout", "translation+cutout",
    "colour+translation+cutout",
]  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """Settings of the networks and of their training; `describe_settings` prints each with its reason.

    Sources: "paper" is arXiv 1907.06571 v2, "DGMR" the published pseudocode of the radar nowcasting GAN of the same
    lineage, "BigGAN" the image GAN whose blocks DVD-GAN uses. Anything else is our own choice.

    Raises:
        InputError: a value out of its range, or not among its choices.
    """

    architecture: Literal["v2", "v1"] = setting(
        "v2", "Version of the paper that the generator follows; set by the model: dvdgan-v1 has v1, the others v2.",
        decides="generator", absent="v2",
    )  # fmt: skip
    ch: Size = setting(
        32, "Channels at full resolution; not in the paper; chosen so that two CPU cores sample in time.",
        decides="generator",
    )  # fmt: skip
    g_multipliers: Sizes = setting(
        (1, 2, 4, 6),
        "Generator widths in units of ch, from the image back to 4x4, the last repeated; halving as in BigGAN.",
        decides="generator",
    )
    state_fraction: Annotated[Share, Field(ge=0.01)] = setting(
        0.5, "ConvGRU state width over block width; one half in DGMR, not in the paper.", decides="generator"
    )
    gru_steps: Size = setting(
        1, "ConvGRU steps per frame; not in the paper, one in DGMR.", decides="generator", absent=1
    )
    recurrence: Literal["gru", "tsru"] = setting(
        "gru",
        "The recurrence over frames: DVD-GAN's ConvGRU, or TrIVD-GAN's transformation-based unit (arXiv 2003.04035), which "
        "moves the old state along flows that it predicts before it is updated (dvdgan.transform_gru).",
        decides="generator", absent="gru",
    )  # fmt: skip
    warp_flows: Size = setting(
        1, "tsru: flows per recurrence, each moving its share of the state's channels; with several, what moves differently "
        "can be kept apart, such as a shape and its background. Not in the paper.", decides="generator", absent=1,
    )  # fmt: skip
    warp_edges: Literal["border", "ring"] = setting(
        "border",
        "tsru: what flows find beyond the frame: its border, or, in a ring, what left it on the other side (left and right "
        "alone), as in moving shapes. Not in the paper.",
        decides="generator", absent="border",
    )  # fmt: skip
    full_resolution: Flag = setting(
        False,
        "Whether another recurrence and block follow at the resolution of the frames, and a 1x1 convolution from its state to "
        "the colours. Not in the paper, where the finest recurrence has half the side.",
        decides="generator", absent=False,
    )  # fmt: skip
    attention_keys: Share = setting(
        0.125, "v1: width of attention's queries and keys over that of its input; 1/8 in BigGAN, not in the paper.",
        decides="generator", absent=0.125,
    )  # fmt: skip
    attention_values: Share = setting(
        0.5, "v1: width of attention's values over that of its input; 1/2 in BigGAN, not in the paper.",
        decides="generator", absent=0.5,
    )  # fmt: skip
    tower_ch: Size = setting(
        32, "Prediction: channels after the first block of the tower over context frames, then as in d_multipliers; "
        "not in the paper.", decides="tower", absent=32,
    )  # fmt: skip
    tower_frames: Literal["apart", "stacked"] = setting(
        "apart",
        "Prediction: whether the tower sees each context frame apart (paper), or all of them stacked on channels, so that "
        "each of its convolutions can compare neighbouring frames, which shows motion.",
        decides="tower", absent="apart",
    )  # fmt: skip
    latent_dim: Size = setting(120, "Length of z (paper).", decides="generator")
    embedding_dim: Size = setting(120, "Length of the class embedding (paper).", decides="generator")
    embedding_scale: Amount | None = setting(
        None,
        "Factor on class embeddings, whose rows have length 1 at most; none is sqrt(embedding_dim), the length of a typical "
        "z. Not in the paper. If it is large, the class decides early what z should, such as the background brightness.",
        decides="generator",
        absent=None,
    )
    upsampling: Literal["bilinear", "nearest"] = setting(
        "bilinear", "Kernel of the x2 upsampling; the paper's figure says bilinear, DGMR nearest.", decides="generator"
    )
    d_ch: Size = setting(
        48, "Channels after the first block of each discriminator; not in the paper.", decides="discriminators"
    )
    d_multipliers: Sizes = setting(
        (1, 2, 4, 8),
        "Discriminator widths in units of d_ch, from the image down, the last repeated (BigGAN); prediction: also those of "
        "the tower over context frames.",
        decides=("discriminators", "tower"),
    )
    discriminators: Literal["both", "spatial", "temporal"] = setting(
        "both", "Which discriminators train the generator (paper: both; one alone for an ablation).",
        decides="discriminators", absent="both",
    )  # fmt: skip
    spatial_frames: Size = setting(8, "k, the random frames that the spatial discriminator sees (paper).")
    phi: Literal["identity", "2x2", "4x4", "crop"] = setting(
        "2x2", "Input of the temporal discriminator: means over 2x2 pixels (paper) or 4x4, whole frames (identity), or a "
        "random crop of half the side, the same for all frames of a clip.",
        decides="discriminators", former={1: "identity", 2: "2x2", 4: "4x4"},
    )  # fmt: skip
    time_pooling: Flag = setting(
        True, "Whether each 3-D block of the temporal discriminator also halves time; it does in DGMR, the paper is "
        "silent.", decides="discriminators", absent=True,
    )  # fmt: skip
    batch_size: BatchSize = setting(
        AUTO,
        "Clips per step over all processes; the paper uses 512 on a TPU pod; auto is 64 on a GPU, which one holds, and "
        "8 on a CPU, where 20 steps of shapes then take about 50 seconds on two cores.",
        auto={"cuda": 64, "cpu": 8},
        paper=512,
    )
    d_steps: Size = setting(2, "Discriminator steps per generator step (paper).")
    g_lr: Amount = setting(1e-4, "Adam learning rate of the generator (paper v2).")
    d_lr: Amount = setting(5e-4, "Adam learning rate of the discriminators (paper v2).")
    lr_warmup: Step = setting(
        0,
        "Generator steps over which both learning rates rise linearly from 0; none in the paper. For a run that starts from "
        "a state whose rates had decayed: at full rates the first update throws its discriminators far off.",
        absent=0,
    )
    lr_decay_start: Step | None = setting(
        None,
        "Generator step (from 0) after which both learning rates fall linearly to 0; none in the paper. Short runs end "
        "with smaller steps, which average out the noise of single batches.",
        absent=None,
    )
    lr_decay_end: Count | None = setting(
        None,
        "Generator step (from 0) from which both learning rates are 0; none in the paper. Give the number of steps of the "
        "run, so that its last update is the smallest.",
        absent=None,
    )
    reconstruction: Amount = setting(
        0.0,
        "Prediction: weight in the generator's loss of the mean absolute difference from the real future, in units of "
        "[-1, 1]. Not in the paper, hence 0; DGMR has a similar term with weight 20, on the mean of several samples.",
        absent=0.0,
    )
    reconstruction_end: Count | None = setting(
        None,
        "Generator step (from 0) at which the weight `reconstruction` has fallen to 0, linearly; none: it stays. With less of "
        "it, discriminators sharpen what it leaves blurred; a step beyond the run leaves a share of it at the end.",
        absent=None,
    )
    temporal_noise: Amount = setting(
        0.0,
        "Standard deviation, in units of [-1, 1], of noise on real and fake clips before the temporal discriminator, which "
        "otherwise wins early where fakes begin with real context frames. Not in the paper.",
        absent=0.0,
    )
    temporal_noise_end: Count | None = setting(
        None, "Generator step (from 0) at which `temporal_noise` has faded, linearly; none: it stays.", absent=None
    )
    temporal_context: Step | None = setting(
        None,
        "Prediction: context frames before the generated ones that the temporal discriminator sees, the last ones; none: all "
        "(paper).",
        absent=None,
    )
    augment: Augmentation = setting(
        "none",
        "Random transformations of real and fake clips alike before both discriminators, one for all frames of a clip, so "
        "that discriminators cannot memorise a small dataset (DiffAugment, arXiv 2006.10738); none in the paper.",
        absent="none",
    )
    start: str = setting(
        "",
        "File or folder that this run starts from, none by default: a training state, or a folder with one, for networks "
        "and optimisers; or a sampling checkpoint, for the generator alone, with new discriminators.",
        absent="",
    )
    g_start: Step = setting(
        0,
        "Generator step (from 0) at which the generator starts to learn; before it only the discriminators do, which would "
        "otherwise undo what the generator of a sampling checkpoint (`start`) has learned.",
        absent=0,
    )
    beta1: Decay = setting(0.0, "Adam beta 1; not in the paper, 0 in BigGAN and DGMR.")
    beta2: Decay = setting(0.999, "Adam beta 2; not in the paper, 0.999 in BigGAN and DGMR.")
    bn_eps: Amount = setting(1e-5, "Added to BatchNorm variances (BigGAN).", decides="generator")
    sn_eps: Amount = setting(1e-4, "Floor of the norms in spectral normalisation (DGMR).")
    ema_decay: Decay = setting(
        0.999,
        "Decay of the averaged generator; the paper's 0.9999 spans 10,000 steps, as long as a whole short run.",
        paper=0.9999,
    )
    ema_start: Step = setting(
        500, "Step at which averaging starts (paper: 20,000 of 300,000); before it the average is a copy.", paper=20_000
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto",
        "Type of convolutions in training: auto is bfloat16 on a GPU and float32 elsewhere; statistics stay float32.",
    )
    standing_batches: Size = setting(
        32,
        "Batches averaged into the standing BatchNorm statistics (BigGAN's remedy); more reduce their noise: shapes-gen is "
        "shipped with 256.",
        decides="nothing",
    )
    log_every: Count = setting(
        20, "Steps between lines of train.jsonl, and between checks for non-finite losses.", decides="nothing"
    )
    checkpoint_every: Count = setting(1000, "Steps between training states; the last two are kept.", decides="nothing")
    sample_every: Count = setting(1000, "Steps between sample sheets.", decides="nothing")
    autotune: Flag = setting(
        True, "Let cuDNN time its algorithms in the first steps; some seconds at the start of a run.", decides="nothing"
    )
    loader_threads: Threads = setting(4, "Threads that draw real clips ahead of the updates.", decides="nothing")
    max_minutes: Amount | None = setting(
        None, "Stop cleanly after this many minutes; writing the checkpoints comes on top.", decides="nothing"
    )
    accumulate: Size = setting(
        1,
        "Parts of a batch computed one after the other, gradients averaged, to fit in memory. Not the same as one big "
        "batch: BatchNorm sees the clips of a part. Spectral norm iterates once per update, as for one big batch.",
        absent=1,
    )
    compile: Literal["auto", "none", "graphs", "fused"] = setting(
        "auto",
        "How updates are launched: graphs records one as a CUDA graph and replays it, fused also compiles the elementwise "
        "operations between convolutions, none does neither; auto is graphs on GPUs with accumulate=1 and "
        "none elsewhere. If recording or compiling fails, the log says so and training continues without it.",
        decides="nothing",
        # Modes of earlier versions; no weight depends on them.
        former={"default": "none", "reduce-overhead": "none"},
    )
    tensorboard: Flag = setting(
        False, "Write losses and metrics for TensorBoard too; needs vidbench[tensorboard].", decides="nothing"
    )
    divergence_bound: Amount = setting(
        1000.0, "Absolute mean loss that counts as diverged; losses of runs that learn stay below 100.",
        decides="nothing",
    )  # fmt: skip
    divergence_looks: Count = setting(
        3, "Consecutive log lines with a diverged loss that stop the run; a single one may recover.", decides="nothing"
    )

    def __post_init__(self) -> None:
        for name in facts_of(Settings):
            check_value(Settings, name, getattr(self, name))
        start, end = self.lr_decay_start, self.lr_decay_end
        if (start is None) != (end is None):
            given, missing = ("start", "end") if end is None else ("end", "start")
            raise InputError(f"Setting 'lr_decay_{given}' needs 'lr_decay_{missing}'; give both, or neither.")
        if start is not None and end is not None and end <= start:
            raise InputError(f"Setting 'lr_decay_end' is {end}; give a step after lr_decay_start={start}.")

    def to_values(self) -> dict[str, Any]:
        """All settings by name, as types that JSON keeps."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}


MODELS: dict[str, Settings] = {
    "dvdgan": Settings(),
    # v1 notes: the T x 4 x 4 states feed the blocks themselves, and the discriminators learn at 2e-4.
    "dvdgan-v1": Settings(architecture="v1", d_lr=2e-4, state_fraction=1.0),
    "dvdgan-fp": Settings(),
}
"""The settings that each registered model starts from."""


def settings_that_decide(*what: Decides) -> tuple[str, ...]:
    """Names of the settings that decide any of these, in the order of their declaration."""
    return tuple(name for name, facts in facts_of(Settings).items() if set(facts.decides) & set(what))


def paper_scale() -> dict[str, Any]:
    """Values of the paper's scale, for the settings whose default is smaller."""
    return {name: facts.paper for name, facts in facts_of(Settings).items() if facts.paper is not None}


def resolve_auto(settings: Settings, device_type: str) -> Settings:
    """Settings with every `auto` replaced by its value for a device type, so that training states record the value."""
    chosen = {
        name: facts.auto.get(device_type, facts.auto["cuda"])
        for name, facts in facts_of(Settings).items()
        if facts.auto is not None and getattr(settings, name) == AUTO
    }
    return dataclasses.replace(settings, **chosen)
