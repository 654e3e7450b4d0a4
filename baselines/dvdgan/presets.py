"""Named groups of settings: the paper's own scale for each of its datasets, lengths and resolutions.

The paper gives no channel widths. In units of `ch` they follow BigGAN's pattern for each resolution, in generator and
discriminators; ch = 48 is DGMR's, of the same lineage and with the same pattern; v1 states a recurrent width of 512, which
is 16 ch at 4x4, so ch = 32. Batch and average are the paper's, as declared in `dvdgan.config`; so are the learning rates,
which are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dvdgan.config import paper_scale
from vidbench.models import InputError

_CH = {"v2": 48, "v1": 32}

_WIDTHS = {
    64: ((2, 4, 8, 16, 16), (1, 2, 4, 8, 16)),
    128: ((1, 2, 4, 8, 16, 16), (1, 2, 4, 8, 16, 16)),
    256: ((1, 2, 4, 8, 8, 16, 16), (1, 2, 4, 8, 8, 16, 16)),
}
"""BigGAN's widths of generator and discriminator per resolution, from the image down to 4x4, in units of ch."""


@dataclass(frozen=True)
class Preset:
    """Clips that a preset is for; `preset_values` returns its settings.

    Attributes:
        data: dataset of the paper.
        num_frames: clip length, context frames included.
        context_frames: context frames.
        side: height and width in pixels.
        num_classes: classes of the dataset, 0 if labels are not used.
    """

    data: str
    num_frames: int
    context_frames: int
    side: int
    num_classes: int


PRESETS: dict[str, Preset] = {
    "k600-12x64": Preset("Kinetics-600", 12, 0, 64, 600),
    "k600-12x128": Preset("Kinetics-600", 12, 0, 128, 600),
    "k600-12x256": Preset("Kinetics-600", 12, 0, 256, 600),
    "k600-48x64": Preset("Kinetics-600", 48, 0, 64, 600),
    "k600-48x128": Preset("Kinetics-600", 48, 0, 128, 600),
    "ucf101-16x128": Preset("UCF-101", 16, 0, 128, 101),
    "k600-pred-16x64": Preset("Kinetics-600", 16, 5, 64, 0),
}


def preset_values(name: str, architecture: str) -> dict[str, Any]:
    """Settings of a preset for one architecture.

    Raises:
        InputError: no preset of that name.
    """
    if name not in PRESETS:
        raise InputError(f"There is no preset '{name[:100]}'; choose one of {', '.join(PRESETS)}.")
    ch = _CH[architecture]
    g_multipliers, d_multipliers = _WIDTHS[PRESETS[name].side]
    widths = {"g_multipliers": g_multipliers, "d_multipliers": d_multipliers}
    return {"ch": ch, "d_ch": ch, "tower_ch": ch, **widths, **paper_scale()}
