"""Features of a V-JEPA by the authors' own classes, on seeded weights.

    pip install --no-deps vjepa==0.1.2 && pip install numpy torch opencv-python-headless pillow packaging
    python tests/oracles/vjepa_authors.py --output tests/golden/vjepa_seeded.json

The encoder is vjepa's VisionTransformer, the probe its AttentiveClassifier, the normalisation that of its video transforms. With
``--full`` the network has the published size (4 GB); then nothing is written into the repository without ``--output``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jedi_cases import SMALL, WEIGHTS_SEED, network_clips, seeded_vjepa
from torch import nn
from vjepa.models.attentive_pooler import AttentiveClassifier
from vjepa.models.vision_transformer import VisionTransformer

FULL = {"width": 1280, "depth": 32, "heads": 16, "side": 224, "classes": 174}


def authors_networks(sizes: dict[str, int]) -> tuple[nn.Module, nn.Module]:
    """Return encoder and probe as videojedi's get_default_vjepa builds them."""
    encoder = VisionTransformer(
        img_size=sizes["side"],
        patch_size=16,
        num_frames=16,
        tubelet_size=2,
        uniform_power=True,
        embed_dim=sizes["width"],
        depth=sizes["depth"],
        num_heads=sizes["heads"],
        mlp_ratio=4,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
    probe = AttentiveClassifier(
        embed_dim=sizes["width"], num_heads=sizes["heads"], depth=1, num_classes=sizes["classes"]
    )
    return encoder.eval(), probe.eval()


def normalised(clips_NTHWC: np.ndarray) -> torch.Tensor:
    """Return ``[N, 3, T, H, W]`` by the function behind vjepa's video transform Normalize."""
    files = importlib.metadata.files("vjepa") or []
    path = next(f.locate() for f in files if str(f).endswith("datasets/utils/video/functional.py"))
    spec = importlib.util.spec_from_file_location("functional", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clips_NCTHW = torch.from_numpy(clips_NTHWC).permute(0, 4, 1, 2, 3).float() / 255
    return torch.stack([module.normalize(c, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) for c in clips_NCTHW])


def main() -> None:
    """Write the features."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the .json file to write")
    parser.add_argument("--full", action="store_true", help="the published size")
    args = parser.parse_args()
    sizes = FULL if args.full else SMALL
    encoder, probe = authors_networks(sizes)
    own = {f"encoder.{name}": value for name, value in encoder.state_dict().items()} | probe.state_dict()
    positions = encoder.pos_embed.detach().clone()
    weights = seeded_vjepa({name: tuple(value.shape) for name, value in own.items()})
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(torch.from_numpy(weights[name]))
        pool = probe.pooler(encoder(normalised(network_clips(sizes["side"])))).squeeze(1)
        logits = probe.linear(pool)
    print("rms", float(pool.square().mean().sqrt()), float(logits.square().mean().sqrt()), "positions", positions.shape)
    record = {
        "command": "python tests/oracles/vjepa_authors.py --output tests/golden/vjepa_seeded.json",
        "versions": {
            "vjepa": importlib.metadata.version("vjepa"),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        "weights_seed": WEIGHTS_SEED,
        "shapes": {name: list(value.shape) for name, value in sorted(own.items())},
        "pool": pool.tolist(),
        "logits": logits.tolist(),
    }
    args.output.write_text(json.dumps(record, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
