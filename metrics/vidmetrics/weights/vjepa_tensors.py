"""Names and shapes of V-JEPA's weights, and how they are stored in the authors' checkpoints.

facebookresearch/jepa writes a file for the pretraining (``vith16.pth.tar``: ``encoder``, ``predictor``, ``target_encoder``, optimizer …)
and one for the attentive probe (``ssv2-probe.pth.tar``: ``classifier`` …). Of these, the target encoder and the probe are read, under the
names ``encoder.*``, ``pooler.*`` and ``linear.*``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vidmetrics.errors import InputError
from vidmetrics.weights.named_tensors import checked_tensors

PARTS = {"target_encoder": "encoder.", "classifier": ""}
"""Keys of the checkpoints that are read, and what their names begin with here."""
REMEDY = "give vith16.pth.tar and ssv2-probe.pth.tar of facebookresearch/jepa, both"
CHANNELS = 3


class Sizes(NamedTuple):
    """Sizes of a V-JEPA; the defaults are those of ViT-H/16 with the probe for Something-Something v2.

    Attributes:
        width: features per token.
        depth: blocks of the encoder.
        heads: attention heads, of the encoder and of the pooler.
        patch: rows and columns of a token.
        tubelet: frames of a token.
        frames: frames of a clip.
        side: rows and columns of a frame.
        hidden: hidden features of each block, as a multiple of the width.
        classes: classes of the probe.
    """

    width: int = 1280
    depth: int = 32
    heads: int = 16
    patch: int = 16
    tubelet: int = 2
    frames: int = 16
    side: int = 224
    hidden: int = 4
    classes: int = 174

    @property
    def tokens(self) -> int:
        """Tokens of a clip."""
        return (self.frames // self.tubelet) * (self.side // self.patch) ** 2


PUBLISHED = Sizes()


def tensor_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor by name."""
    width, hidden = sizes.width, sizes.width * sizes.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.pos_embed": (1, sizes.tokens, width),
        "encoder.patch_embed.proj.weight": (width, CHANNELS, sizes.tubelet, sizes.patch, sizes.patch),
        "encoder.patch_embed.proj.bias": (width,),
        "pooler.query_tokens": (1, 1, width),
    }

    def linear(name: str, given: int, made: int) -> None:
        shapes.update({f"{name}.weight": (made, given), f"{name}.bias": (made,)})

    def norm(name: str) -> None:
        shapes.update({f"{name}.weight": (width,), f"{name}.bias": (width,)})

    pooler = "pooler.cross_attention_block"
    for name in (*(f"encoder.blocks.{layer}" for layer in range(sizes.depth)), pooler):
        norm(f"{name}.norm1")
        norm(f"{name}.norm2")
        linear(f"{name}.mlp.fc1", width, hidden)
        linear(f"{name}.mlp.fc2", hidden, width)
        if name == pooler:
            linear(f"{name}.xattn.q", width, width)
            linear(f"{name}.xattn.kv", width, 2 * width)
            linear(f"{name}.xattn.proj", width, width)
        else:
            linear(f"{name}.attn.qkv", width, 3 * width)
            linear(f"{name}.attn.proj", width, width)
    norm("encoder.norm")
    linear("linear", width, sizes.classes)
    return shapes


def checkpoint_tensors(checkpoint: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    """Return the tensors of one of the authors' checkpoints under our names; None if it is another kind of file.

    Args:
        checkpoint: what torch read from the file.
        where: the file, for messages.

    Raises:
        InputError: a pretraining without the target encoder, or a part that is not named tensors.
    """
    if "encoder" in checkpoint and "predictor" in checkpoint and "target_encoder" not in checkpoint:
        raise InputError(
            f"{where} contains no 'target_encoder', and the features of JEDi are its: 'encoder' is another network; give vith16.pth.tar."
        )
    found = [part for part in PARTS if isinstance(checkpoint.get(part), Mapping)]
    if not found:
        return None
    tensors = {}
    for part in found:
        for name, value in checkpoint[part].items():
            if not hasattr(value, "numel"):
                raise InputError(f"{where} contains '{part}', but '{name}' in it is no tensor; get it again.")
            plain = str(name).removeprefix("module.").removeprefix("backbone.")
            tensors[f"{PARTS[part]}{plain}"] = value
    return tensors


def refuse_other_tensors(tensors: Mapping[str, Any], where: str) -> None:
    """Refuse a V-JEPA of another size, a part of one, or one with another probe; other networks pass.

    Args:
        tensors: arrays by name.
        where: where they come from, for messages.

    Raises:
        InputError: names the first tensor that is missing, unknown, of another shape or dtype, or not finite.
    """
    has_encoder, has_pooler = "encoder.patch_embed.proj.weight" in tensors, "pooler.query_tokens" in tensors
    if has_encoder != has_pooler:
        missing = (
            "the probe's pooler ('pooler.query_tokens')"
            if has_encoder
            else "the encoder ('encoder.patch_embed.proj.weight')"
        )
        raise InputError(f"{where} contains a part of vjepa-ssv2 without {missing}; {REMEDY}.")
    if has_encoder:
        checked_tensors(tensors, tensor_shapes(PUBLISHED), "vjepa-ssv2", REMEDY)
