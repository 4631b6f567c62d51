"""The contract between the benchmark and a system: one module with ``forward``, ``loss`` and ``predict``.

Images are float32 ``[B, 3, H, W]`` in [0, 1], RGB, normalised inside the module. Targets are int64 ``[B, H, W]``, 255 =
ignore. A system reads and writes no files, picks no device and prints nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from benchmark import inference
from benchmark.card import Card, Downsampled, SlidingWindow
from results import cell

IGNORE = cell.IGNORE
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class System(nn.Module, ABC):
    """A net with its inference procedure. Subclasses define ``forward`` and ``loss``, some also ``predict``."""

    align_corners = False  # how the logits are enlarged
    streams = False  # whether `streamed` is there
    stages: tuple[str, ...] = ("main",)  # training stages in order; `enter_stage` prepares each of them

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__()
        self.card = card
        self.num_classes = num_classes
        self.work = {"passes": 1}  # what the last `predict` did for one image: passes, points, padded rows
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def normalised(self, image: Tensor) -> Tensor:
        """The image ``[B, 3, H, W]`` normalised by ImageNet's mean and standard deviation."""
        return (image - self.mean) / self.std

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, h, w]`` of one pass of the net.

        Args:
            image: float32 ``[B, 3, H, W]`` in [0, 1], not yet normalised: an image, a patch or a training crop. Its
                sides are multiples of ``card.size_multiple`` when the base class calls this.

        Returns:
            Logits at the net's own stride; callers enlarge them.
        """

    @abstractmethod
    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Named scalar losses of training crops, each already weighted; training minimises their sum.

        Args:
            image: float32 ``[B, 3, h, w]`` in [0, 1]. Crops have any size: a net that needs multiples of
                ``card.size_multiple`` pads image and target itself, see ``baselines.common.losses.padded_pair``.
            target: int64 ``[B, h, w]``, class indices; 255 = ignore.

        Returns:
            Losses by name; the loss log and error messages use the names.
        """

    def logits(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, h, w]`` of an entire image by the procedure on the card, at the net's stride if possible."""
        procedure = self.card.inference
        multiple = self.card.size_multiple
        self.work = {"passes": 0}

        def net(crop: Tensor) -> Tensor:
            self.work["passes"] += crop.shape[0] // image.shape[0]
            padding = {"padded_rows": -crop.shape[-2] % multiple, "padded_columns": -crop.shape[-1] % multiple}
            self.work |= {name: pixels for name, pixels in padding.items() if pixels}
            return self(crop) if multiple == 1 else inference.padded(self, crop, multiple)

        if isinstance(procedure, SlidingWindow):
            return inference.sliding_window(net, image, procedure.patch, procedure.overlap, procedure.batch)
        if isinstance(procedure, Downsampled):
            return inference.downsampled(net, image, procedure.scale)
        return inference.whole(net, image)

    def predict(self, image: Tensor) -> Tensor:
        """Labels of images: the one call that is both scored and timed.

        Args:
            image: float32 ``[B, 3, H, W]`` in [0, 1], on the system's device, of any size.

        Returns:
            Class indices uint8 ``[B, H, W]`` on the image's device.
        """
        labels = self.labels_of(self.logits(image), (image.shape[-2], image.shape[-1]))
        return labels.to(image.device)  # some systems sum their logits on the host

    def labels_of(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Labels uint8 ``[B, *size]`` of logits ``[B, C, h, w]``, which are enlarged. Overridden with ``enlarged``."""
        return inference.labels_from(logits, size, align_corners=self.align_corners)

    def enlarged(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Logits ``[B, C, *size]`` of logits ``[B, C, h, w]``, for what refines them at the image's size."""
        return inference.resize(logits, size, align_corners=self.align_corners)

    def streamed(self, read: Callable[[int, int], Tensor], size: tuple[int, int]) -> Iterator[tuple[int, Tensor]]:
        """The logits of an image too large for the memory, from top to bottom; equal to ``logits`` up to rounding.

        Overridden, with ``streams``, by whole-image systems that have such a form.

        Args:
            read: gives rows of the image, float32 ``[1, 3, rows, W]`` in [0, 1], on the system's device.
            size: height and width of the image.

        Yields:
            The first row, and logits ``[1, C, rows, W]`` at the image's size.
        """
        raise NotImplementedError(f"{self.card.name} has no streaming form")

    def enter_stage(self, stage: str) -> None:  # most systems have one stage and nothing to prepare
        """Freeze and unfreeze the parameters for a training stage, one of ``stages``."""

    def learn_label_counts(self, counts: Tensor) -> None:
        """Take the pixels of each class in the training labels, int64 ``[C]``; given to reference systems only."""

    def inference_form(self) -> System:
        """This system without the modules that only training uses. Overridden by systems that have such modules."""
        return self

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the backbone with ImageNet weights, whose keys are those of the file named on the card.

        Raises:
            ValueError: the file is of another net.
        """
        raise ValueError(f"system '{self.card.name}' takes no ImageNet weights; remove them from its card")
