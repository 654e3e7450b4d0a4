"""Names and shapes of the weights of VideoMAE v2, and what its authors' checkpoint wraps them in.

``vit_g_hybrid_pt_1200e_ssv2_ft.pth`` (OpenGVLab/VideoMAEv2) holds the fine-tuned network under ``module``. Query and value have biases of
their own, apart from the matrix of all three; the positions are not in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vidmetrics.errors import InputError
from vidmetrics.weights.named_tensors import checked_tensors

CHANNELS = 3
REMEDY = "give vit_g_hybrid_pt_1200e_ssv2_ft.pth of OpenGVLab/VideoMAEv2, as it was published"
_WRAPPERS = ("module", "model")


class VideoMAESizes(NamedTuple):
    """Sizes of a VideoMAE; the defaults are those of ViT-g/14 fine-tuned on Something-Something v2.

    Attributes:
        width: features per token.
        depth: blocks.
        heads: attention heads.
        hidden: hidden features of each block.
        patch: rows and columns of a token.
        tubelet: frames of a token.
        frames: frames of a clip.
        side: rows and columns of a frame.
        classes: classes of the head.
    """

    width: int = 1408
    depth: int = 40
    heads: int = 16
    hidden: int = 6144
    patch: int = 14
    tubelet: int = 2
    frames: int = 16
    side: int = 224
    classes: int = 174

    @property
    def tokens(self) -> int:
        """Tokens of a clip."""
        return (self.frames // self.tubelet) * (self.side // self.patch) ** 2


VIT_G = VideoMAESizes()
"""The published sizes."""


def videomae_shapes(sizes: VideoMAESizes) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor by its published name."""
    width, hidden = sizes.width, sizes.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (width, CHANNELS, sizes.tubelet, sizes.patch, sizes.patch),
        "patch_embed.proj.bias": (width,),
        "fc_norm.weight": (width,),
        "fc_norm.bias": (width,),
        "head.weight": (sizes.classes, width),
        "head.bias": (sizes.classes,),
    }
    of_block = {
        "norm1.weight": (width,),
        "norm1.bias": (width,),
        "attn.q_bias": (width,),
        "attn.v_bias": (width,),
        "attn.qkv.weight": (3 * width, width),
        "attn.proj.weight": (width, width),
        "attn.proj.bias": (width,),
        "norm2.weight": (width,),
        "norm2.bias": (width,),
        "mlp.fc1.weight": (hidden, width),
        "mlp.fc1.bias": (hidden,),
        "mlp.fc2.weight": (width, hidden),
        "mlp.fc2.bias": (width,),
    }
    for layer in range(sizes.depth):
        shapes.update({f"blocks.{layer}.{name}": shape for name, shape in of_block.items()})
    return shapes


def unwrapped(loaded: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the tensors that a fine-tuned VideoMAE is wrapped in, as float32; other files as they are.

    Args:
        loaded: what torch read from the file.
    """
    for wrapper in _WRAPPERS:
        inner = loaded.get(wrapper)
        if (
            isinstance(inner, Mapping)
            and "fc_norm.weight" in inner
            and all(hasattr(v, "float") for v in inner.values())
        ):
            return {
                str(name): value.float() for name, value in inner.items()
            }  # half precision has the same values in float32
    return loaded


def refuse_other_videomae(tensors: Mapping[str, Any], where: str) -> None:
    """Refuse a VideoMAE of another size, of another form or with lost tensors; other networks pass.

    Args:
        tensors: arrays by name.
        where: where they come from, for messages.

    Raises:
        InputError: names the first tensor that is missing, unknown, of another shape or dtype, or not finite.
    """
    converted = next((name for name in tensors if name.startswith(("videomae.", "encoder.layer."))), None)
    if converted is not None:
        raise InputError(
            f"{where} contains a VideoMAE converted for another library ('{converted}'), and some conversions lose the biases of query and "
            f"value: {REMEDY}."
        )
    if "patch_embed.proj.weight" in tensors and {"fc_norm.weight", "head.weight"} & set(tensors):
        checked_tensors(tensors, videomae_shapes(VIT_G), "videomae-ssv2", REMEDY)
