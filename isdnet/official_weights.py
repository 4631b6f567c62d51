"""Published weights in our names: the official ISDNet checkpoint and the ImageNet files of both branches.

``benchmark.weights.convert`` reads the checkpoint and writes ours; this file maps the names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from benchmark.published import load_all
from isdnet.shallow import ShallowNet

Rules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]

_ALIASES = re.compile(r"refine_head\.stdc_net\.x\d+\.")  # the same tensors as `features` once more
_RESNET: Rules = (
    (r"^stem\.(\d)\.", lambda m: f"stem.{int(m[1]) // 3}.{'bn' if int(m[1]) % 3 else 'conv'}."),
    (r"^layer(\d)\.", r"stage\1."),
    (r"\.(conv|bn)(\d)\.", lambda m: f".convs.{int(m[2]) - 1}.{m[1]}."),
    (r"\.downsample\.0\.", ".shortcut.conv."),
    (r"\.downsample\.1\.", ".shortcut.bn."),
)
_STDC: Rules = (
    (r"^features\.0\.", "stage1."),
    (r"^features\.1\.", "stage2."),
    (r"^features\.(2|3)\.", lambda m: f"stage3.{int(m[1]) - 2}."),
    (r"^features\.(4|5)\.", lambda m: f"stage4.{int(m[1]) - 4}."),
    (r"\.conv_list\.0\.", ".first."),
    (r"\.conv_list\.(\d)\.", lambda m: f".rest.{int(m[1]) - 1}."),
    (r"\.avd_layer\.0\.", ".reduce.conv."),
    (r"\.avd_layer\.1\.", ".reduce.bn."),
)
_STDC_MMSEG: Rules = (  # the same net in the names of mmsegmentation's file
    (r"^stages\.(0|1)\.", r"features.\1."),
    (r"^stages\.(2|3)\.(\d)\.", lambda m: f"features.{2 * int(m[1]) - 2 + int(m[2])}."),
    (r"\.layers\.", ".conv_list."),
    (r"\.downsample\.conv\.", ".avd_layer.0."),
    (r"\.downsample\.bn\.", ".avd_layer.1."),
)
_HEADS: Rules = (
    (r"^decode_head\.image_pool\.1\.", "deep.head.pool."),
    (r"^decode_head\.aspp_modules\.", "deep.head.rates."),
    (r"^decode_head\.bottleneck\.", "deep.head.bottleneck."),
    (r"^decode_head\.conv_seg\.", "training_heads.auxiliary.deep.1."),
    (r"^auxiliary_head\.convs\.0\.", "training_heads.auxiliary.stage3.0."),
    (r"^auxiliary_head\.conv_seg\.", "training_heads.auxiliary.stage3.2."),
    (r"^refine_head\.", ""),
    (r"^reduce\.(conv|bn)1\.", r"reduce.\1."),
    (r"^conv_seg_aux_16\.", "training_heads.auxiliary.fuse8."),  # the names are swapped there (isdhead.py)
    (r"^conv_seg_aux_8\.", "training_heads.auxiliary.fuse16."),
    (r"^conv_seg\.", "classifier."),
    (r"^sr_decoder\.conv_sr\.", "training_heads.super_resolution.image."),
    (r"^sr_decoder\.conv(\d)\.", lambda m: f"training_heads.super_resolution.convs.{int(m[1]) - 1}."),
    (r"\.spatial_att\.conv_bn_relu\.", ".project_shallow."),
    (r"\.context_att\.conv_bn_relu\.", ".project_deep."),
    (r"\.spatial_att\.conv_1x1\.", ".modulate_shallow.attend."),
    (r"\.context_att\.conv_1x1\.", ".modulate_deep.attend."),
    (r"\.spatial_mlp\.", ".modulate_shallow.relate."),
    (r"\.context_mlp\.", ".modulate_deep.relate."),
    (r"\.g1$", ".modulate_shallow.alpha"),
    (r"\.g2$", ".modulate_deep.alpha"),
    (r"\.context_head\.", ".after_upsample."),
    (r"\.smooth\.", ".after_sum."),
    (r"\.conv_bn_relu\.", ".hidden."),
    (r"\.conv_out\.", ".out."),
)


def official_key(key: str) -> str | None:
    """Our name of a key in the official checkpoint; None for the second names of the shallow branch's tensors."""
    if _ALIASES.match(key):
        return None
    if key.startswith("backbone."):
        return "deep.backbone." + _renamed(key[len("backbone.") :], _RESNET)
    shallow = "refine_head.stdc_net."
    if key.startswith(shallow):
        return "shallow." + _renamed(key[len(shallow) :], _STDC)
    return _renamed(key, _HEADS)


def _renamed(key: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def is_stdc(state: Mapping[str, Tensor]) -> bool:
    """Whether an ImageNet file is of STDC, in its authors' names or in mmsegmentation's."""
    return "features.0.conv.weight" in state or "stages.0.conv.weight" in state


def load_shallow(shallow: ShallowNet, state: Mapping[str, Tensor]) -> None:
    """Fill the shallow branch from STDCNet813M's ImageNet file.

    The first convolution takes the file's kernel twice, unscaled (section 4.2, stdc_head.py).

    Raises:
        ValueError: the file is of another net; the message names the first missing key.
    """
    renamed = {_renamed(_renamed(key, _STDC_MMSEG), _STDC): value for key, value in state.items()}
    first = "stage1.conv.weight"
    if first in renamed:
        renamed[first] = torch.cat([renamed[first]] * (shallow.stage1.conv.in_channels // 3), dim=1)
    load_all(shallow, renamed)


def load_deep(backbone: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Fill a deep branch's backbone from the ImageNet file of its ResNet-V1c or MiT-b0, as open-mmlab publishes them.

    The head after the backbone has no ImageNet weights and stays as it is.

    Raises:
        ValueError: the file is of another net; the message names the first missing key.
    """
    load_all(backbone, {_renamed(key, _RESNET): value for key, value in state.items()})
