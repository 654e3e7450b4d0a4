"""Features of a VideoMAE by the code of the content-debiased FVD and by transformers, on seeded weights.

    pip install --no-deps cd-fvd==0.1.1 transformers==5.24.0 && pip install numpy torch torchvision einops tqdm requests huggingface_hub ...
    python tests/oracles/videomae_authors.py --output tests/golden/videomae_seeded.json

Of cd-fvd the network (VisionTransformer) and its preprocessing are run. With ``--full`` the network has the published size (4 GB), and the
frames too; then nothing is written into the repository without ``--output``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
from functools import partial
from pathlib import Path

import numpy as np
import torch
from cdfvd.third_party.VideoMAEv2 import utils
from cdfvd.third_party.VideoMAEv2.videomaev2_finetune import VisionTransformer
from torch import nn
from transformers import VideoMAEConfig, VideoMAEModel
from videomae_cases import SMALL, WEIGHTS_SEED, clips_of, seeded_videomae

FULL = {"width": 1408, "depth": 40, "heads": 16, "hidden": 6144, "side": 224, "classes": 174}


def authors_network(sizes: dict[str, int]) -> nn.Module:
    """Return the network as vit_giant_patch14_224 builds it."""
    return VisionTransformer(
        img_size=sizes["side"],
        patch_size=14,
        embed_dim=sizes["width"],
        depth=sizes["depth"],
        num_heads=sizes["heads"],
        mlp_ratio=48 / 11,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        num_classes=sizes["classes"],
        all_frames=16,
        tubelet_size=2,
        drop_path_rate=0.3,
        use_mean_pooling=True,
    ).eval()


def librarys_pool(sizes: dict[str, int], weights: dict[str, np.ndarray], x_NCTHW: torch.Tensor) -> torch.Tensor:
    """Return the pooled features by transformers' VideoMAEModel, and a norm behind its mean."""
    config = VideoMAEConfig(
        image_size=sizes["side"], patch_size=14, num_frames=16, tubelet_size=2, hidden_size=sizes["width"],
        num_hidden_layers=sizes["depth"], num_attention_heads=sizes["heads"], intermediate_size=sizes["hidden"],
        layer_norm_eps=1e-6, qkv_bias=True, use_mean_pooling=True,
    )  # fmt: skip
    model = VideoMAEModel(config).eval()
    own = model.state_dict()
    given = {name: torch.from_numpy(value) for name, value in weights.items()}
    renamed = {"embeddings.patch_embeddings.projection.weight": given["patch_embed.proj.weight"]}
    renamed["embeddings.patch_embeddings.projection.bias"] = given["patch_embed.proj.bias"]
    parts = {
        "layernorm_before.weight": "norm1.weight", "layernorm_before.bias": "norm1.bias",
        "layernorm_after.weight": "norm2.weight", "layernorm_after.bias": "norm2.bias",
        "intermediate.dense.weight": "mlp.fc1.weight", "intermediate.dense.bias": "mlp.fc1.bias",
        "output.dense.weight": "mlp.fc2.weight", "output.dense.bias": "mlp.fc2.bias",
        "attention.output.dense.weight": "attn.proj.weight", "attention.output.dense.bias": "attn.proj.bias",
        "attention.attention.query.bias": "attn.q_bias", "attention.attention.value.bias": "attn.v_bias",
    }  # fmt: skip
    for layer in range(sizes["depth"]):
        theirs, ours = f"encoder.layer.{layer}.", f"blocks.{layer}."
        renamed.update({theirs + name: given[ours + source] for name, source in parts.items()})
        for name, part in zip(("query", "key", "value"), given[f"{ours}attn.qkv.weight"].chunk(3), strict=True):
            renamed[f"{theirs}attention.attention.{name}.weight"] = part
    assert set(renamed) == set(own), sorted(set(renamed) ^ set(own))[:4]
    model.load_state_dict(renamed)
    mean = model(x_NCTHW.transpose(1, 2)).last_hidden_state.mean(1)
    return nn.functional.layer_norm(mean, mean.shape[-1:], given["fc_norm.weight"], given["fc_norm.bias"], 1e-6)


def main() -> None:
    """Write the features."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the .json file to write")
    parser.add_argument("--full", action="store_true", help="the published size")
    args = parser.parse_args()
    sizes = FULL if args.full else SMALL
    network = authors_network(sizes)
    own = network.state_dict()
    weights = seeded_videomae({name: tuple(value.shape) for name, value in own.items()})
    side = sizes["side"]
    utils.Resize = lambda size, made=utils.Resize: made((side, side))
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(torch.from_numpy(weights[name]))
        x_NCTHW = utils.preprocess_videomae(clips_of(count=1 if args.full else 2))
        pool = network.forward_features(x_NCTHW)
        logits = network(x_NCTHW)
        del network, own
        library = librarys_pool(sizes, weights, x_NCTHW)
    print("transformers differs by", float((library - pool).norm() / pool.norm()))
    record = {
        "command": "python tests/oracles/videomae_authors.py --output tests/golden/videomae_seeded.json",
        "versions": {
            "cd-fvd": importlib.metadata.version("cd-fvd"),
            "transformers": importlib.metadata.version("transformers"),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        "weights_seed": WEIGHTS_SEED,
        "shapes": {name: list(value.shape) for name, value in sorted(weights.items())},
        "pool": pool.tolist(),
        "logits": logits.tolist(),
        "pool of transformers": library.tolist(),
    }
    args.output.write_text(json.dumps(record, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
