"""The only file that imports mmsegmentation: its nets and losses behind the System contract.

Configurations are read from the files of the installed mmsegmentation, so that a net is exactly the library's. Two
things are changed: SyncBN becomes BN, which gives the same on one device and also runs on a CPU, and pretrained weights
are removed, so that building a net never downloads anything.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from baselines.common.losses import padded_pair
from benchmark.card import Card
from benchmark.errors import UserError
from benchmark.published import load_all
from benchmark.system import System


class _NoCompiledOps(ModuleType):
    """Stand-in for ``mmcv._ext``: importing mmseg imports ``mmcv.ops``, but none of our nets calls one of its ops."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_: Any, **__: Any) -> None:
            raise RuntimeError(f"'{name}' is a compiled op of mmcv; mmcv-lite has none")

        return missing


def install_mmcv_stub() -> None:
    """Let ``mmseg`` be imported with mmcv-lite. Does nothing where the full mmcv is installed."""
    if "mmcv._ext" not in sys.modules and importlib.util.find_spec("mmcv._ext") is None:
        sys.modules["mmcv._ext"] = _NoCompiledOps("mmcv._ext")


def build_module(cfg: Mapping[str, Any]) -> nn.Module:
    """A module of mmseg's registry (backbone, neck, head or segmentor), initialised as its configuration says.

    SyncBN and pretrained weights in ``cfg`` are replaced and dropped, at any depth.
    """
    import_mmseg()
    from mmengine.config import ConfigDict
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS

    # mmcv finds mmseg's own layers by the default scope
    with _no_warnings(), DefaultScope.overwrite_default_scope("mmseg"):
        module: Any = MODELS.build(ConfigDict(_offline(cfg)))
    module._dump_init_info = lambda: None  # mmengine logs every parameter otherwise
    module.init_weights()
    del module._dump_init_info
    built: nn.Module = module
    return built


def import_mmseg() -> None:
    """Import mmseg and fill its registry. Python's random state is restored: mmengine draws from it."""
    state = random.getstate()
    with _no_warnings():
        install_mmcv_stub()
        import mmseg.models  # noqa: F401
    random.setstate(state)


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence mmseg's warnings about its own deprecated calls and about sizes to which its losses enlarge logits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def library_config(file: str) -> dict[str, Any]:
    """The ``model`` part of a configuration file: of the installed mmsegmentation, or anywhere by an absolute path.

    Raises:
        UserError: there is no such file.
    """
    import_mmseg()
    import mmseg
    from mmengine.config import Config

    path = Path(mmseg.__file__).parent / ".mim" / "configs" / file  # an absolute path stays as it is
    if not path.is_file():
        raise UserError(f"mmsegmentation configuration '{file}': no such file, here or in the installed library")
    model: dict[str, Any] = Config.fromfile(path).model.to_dict()
    return model


def _offline(value: Any) -> Any:
    """A copy of a configuration with BN instead of SyncBN and without pretrained weights."""
    if isinstance(value, Mapping):
        if value.get("type") == "Pretrained":
            return None
        kept = {key: _offline(item) for key, item in value.items() if key not in ("pretrained", "data_preprocessor")}
        return kept | ({"type": "BN"} if value.get("type") == "SyncBN" else {})
    if isinstance(value, list | tuple):
        return type(value)(_offline(item) for item in value)
    return value


_HEADS = ("decode_head", "auxiliary_head")


def _with_classes(head: Any, num_classes: int) -> Any:
    """The configuration of a head, or of a list of heads, for ``num_classes``; STDC's detail head keeps its own two."""
    if isinstance(head, list):
        return [_with_classes(one, num_classes) for one in head]
    classes = head["num_classes"] if head["type"] == "STDCHead" else num_classes
    changed = {"num_classes": classes, "out_channels": classes}  # mmseg warns at 2 classes unless both are given
    if "loss_decode" in head:
        changed["loss_decode"] = _without_other_weights(head["loss_decode"], classes)
    return {**head, **changed}


def _without_other_weights(loss: Any, classes: int) -> Any:
    """The configuration of a loss, or of a list of losses, without class weights for another number of classes."""
    if isinstance(loss, list | tuple):
        return [_without_other_weights(one, classes) for one in loss]
    weights = loss.get("class_weight")
    fits = not isinstance(weights, list | tuple) or len(weights) == classes
    return loss if fits else {key: value for key, value in loss.items() if key != "class_weight"}


class MMSegSystem(System):
    """An mmseg segmentor. ``forward`` gives the head's logits at its stride; losses are those of the configuration.

    Args:
        config: the ``model`` part of an mmseg configuration, for any number of classes.
        imagenet_into: path of the submodule that an ImageNet file fills.
    """

    def __init__(
        self, card: Card, num_classes: int, config: Mapping[str, Any], imagenet_into: str = "backbone"
    ) -> None:
        super().__init__(card, num_classes)
        heads = {part: _with_classes(config[part], num_classes) for part in _HEADS if config.get(part)}
        self.net: Any = build_module({**config, **heads})
        self.align_corners = bool(self.net.align_corners)
        self.imagenet_into = imagenet_into

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, h, w]`` of the main head, at its stride.

        The image ``[B, 3, H, W]`` is in [0, 1] and normalised here. Auxiliary heads do not run, so that the inference
        form gives the same logits.
        """
        logits: Tensor = self.net.decode_head(self.net.extract_feat(self.normalised(image)))
        return logits

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The configuration's losses: main head, auxiliary heads, each term by name.

        Image ``[B, 3, H, W]`` in [0, 1], target int64 ``[B, H, W]`` with 255 for unlabelled pixels; scalars by name.
        """
        image, target = padded_pair(image, target, self.card.size_multiple)
        features = self.net.extract_feat(self.normalised(image))
        with _no_warnings():
            terms = self.terms(features, _samples(target))
        return {name: value for name, value in terms.items() if "loss" in name}  # not `acc_seg`

    def terms(self, features: Any, samples: list[Any]) -> dict[str, Tensor]:
        """The results of each head's ``loss``, by head and term. Nets whose heads are chained override it.

        ``features`` are the backbone's maps, ``samples`` mmsegmentation's data samples with the labels of the batch.
        """
        return {
            f"{prefix}.{name}": value
            for prefix, head in self._heads()
            for name, value in head.loss(features, samples, None).items()
        }

    def _heads(self) -> Iterator[tuple[str, Any]]:
        yield "decode", self.net.decode_head
        auxiliary = getattr(self.net, "auxiliary_head", ())
        if isinstance(auxiliary, nn.ModuleList | tuple):
            yield from ((f"aux{index}", head) for index, head in enumerate(auxiliary))
        else:
            yield "aux", auxiliary

    def inference_form(self) -> System:
        """This system without auxiliary heads; it shares the weights of the rest.

        Only the tree of modules is copied: a change of one form's weights is a change of the other's.
        """
        lean = _shallow(self)
        lean.net = _shallow(self.net)
        lean.net._modules.pop("auxiliary_head", None)
        return lean

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the backbone from an ImageNet file in the layout that the card names.

        Raises:
            ValueError: the file is of another net; the message names the first missing key.
        """
        load_all(self.net.get_submodule(self.imagenet_into), state)


_M = TypeVar("_M", bound=nn.Module)


def _shallow(module: _M) -> _M:
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    return twin


def _samples(target: Tensor) -> list[Any]:
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    samples = [SegDataSample() for _ in target]
    for sample, labels in zip(samples, target, strict=True):
        sample.gt_sem_seg = PixelData(data=labels[None].to(torch.int64))
    return samples
