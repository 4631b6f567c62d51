"""Published weights: loading them into a module, the keys that checkpoints use, and the ImageNet files by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmark.card import ImageNetWeights

if TYPE_CHECKING:  # so that a card can name its key map without importing torch
    from torch import Tensor, nn

_COUNTER = "num_batches_tracked"  # missing in files older than torch 0.4.1; unused where a momentum is set


def load_all(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Fill every parameter and buffer of ``module`` from ``state``; further entries of the file are ignored.

    Raises:
        ValueError: a key is missing or of another shape; the message names the first one.
    """
    own = module.state_dict()
    for key, value in own.items():
        if key not in state:
            if key.endswith(_COUNTER):
                continue
            raise ValueError(f"the file is of another net: it has no '{key}'")
        if state[key].shape != value.shape:
            found, expected = tuple(state[key].shape), tuple(value.shape)
            raise ValueError(f"the file is of another net: '{key}' is {found}, expected {expected}")
    module.load_state_dict({key: state.get(key, value) for key, value in own.items()})


def mmseg_key(key: str) -> str | None:
    """Our name of a key in a checkpoint of mmsegmentation; None for an entry that is no weight of the net."""
    return f"net.{key}" if key.partition(".")[0] in _MMSEG_PARTS else None


_MMSEG_PARTS = frozenset({"backbone", "neck", "decode_head", "auxiliary_head"})

_TORCHVISION = "https://download.pytorch.org/models/"
_OPENMMLAB = "https://download.openmmlab.com/"


def _published(folder: str, file: str) -> ImageNetWeights:
    """A file whose name ends in the first digits of its sha256, as both publishers name theirs."""
    return ImageNetWeights(file, (folder + file,), file.rpartition("-")[2].partition(".")[0])


RESNET18 = _published(_TORCHVISION, "resnet18-f37072fd.pth")
RESNET34 = _published(_TORCHVISION, "resnet34-b627a593.pth")
RESNET50 = _published(_TORCHVISION, "resnet50-0676ba61.pth")
VGG16 = _published(_TORCHVISION, "vgg16-397923af.pth")
RESNET18_V1C = _published(f"{_OPENMMLAB}pretrain/third_party/", "resnet18_v1c-b5776b93.pth")
RESNET50_V1C = _published(f"{_OPENMMLAB}pretrain/third_party/", "resnet50_v1c-2cccc1ad.pth")
HRNET_W18_SMALL_V2 = _published(f"{_OPENMMLAB}pretrain/third_party/", "hrnetv2_w18_small-b5a04e21.pth")
HRNET_W18 = _published(f"{_OPENMMLAB}pretrain/third_party/", "hrnetv2_w18-00eb2006.pth")
HRNET_W48 = _published(f"{_OPENMMLAB}pretrain/third_party/", "hrnetv2_w48-d2186c55.pth")
STDC1 = _published(f"{_OPENMMLAB}mmsegmentation/v0.5/pretrain/stdc/", "stdc1_20220308-5368626c.pth")
MIT_B0 = _published(f"{_OPENMMLAB}mmsegmentation/v0.5/pretrain/segformer/", "mit_b0_20220624-7e0fe6dd.pth")
