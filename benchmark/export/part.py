"""What of a system goes into an exported file: the image to its labels, or one patch to its logits."""

from __future__ import annotations

from torch import Tensor, nn

from benchmark import inference
from benchmark.card import Card, CustomInference, SlidingWindow
from benchmark.errors import UserError
from benchmark.system import System


class ExportError(UserError):
    """A system that cannot be exported, or a file that does not go with it."""


class WholeCall(nn.Module):
    """An image float32 ``[1, 3, H, W]`` in [0, 1] to its labels uint8 ``[1, H, W]``."""

    output = "labels: uint8 [1, height, width], the index of each pixel's class"

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system

    def forward(self, image: Tensor) -> Tensor:
        """The labels, as ``predict`` gives them."""
        return self.system.predict(image)


class PatchPass(nn.Module):
    """A patch float32 ``[1, 3, h, w]`` in [0, 1] to its logits float32 ``[1, C, h, w]``: one term of the mean."""

    output = "logits: float32 [1, classes, height, width] of one patch; patches and their mean are the caller's work"

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system

    def forward(self, patch: Tensor) -> Tensor:
        """The logits at the patch's size, as the sliding window adds them up."""
        logits = inference.padded(self.system, patch, self.system.card.size_multiple)
        return inference.resize(logits, (patch.shape[-2], patch.shape[-1]))


def require_exportable(card: Card) -> None:
    """Refuse a system whose procedure is more than passes of one net.

    Raises:
        ExportError: the system has a procedure of its own.
    """
    if isinstance(card.inference, CustomInference):
        raise ExportError(
            f"system '{card.name}': not one pass of a net that a file can hold, but a procedure of its own "
            f"({card.inference.description}); use 'isdbench predict'"
        )


def require_one_call(card: Card) -> None:
    """Refuse a system of which no file holds the entire call.

    Raises:
        ExportError: the system has a procedure of its own, or works on patches.
    """
    require_exportable(card)
    if isinstance(card.inference, SlidingWindow):
        raise ExportError(
            f"a file of system '{card.name}' holds one patch pass, not the call that is timed and scored; "
            "name a system that takes the entire or the reduced image"
        )


def exported_part(system: System) -> WholeCall | PatchPass:
    """The module that is exported: the entire call, of a sliding window one pass.

    Raises:
        ExportError: the system has a procedure of its own.
    """
    require_exportable(system.card)
    kind = PatchPass if isinstance(system.card.inference, SlidingWindow) else WholeCall
    return kind(system)
