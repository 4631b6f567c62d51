"""What an inference procedure feeds to the net first: the input of one timed pass."""

from __future__ import annotations

from torch import Tensor, nn

from benchmark.system import System


class _FirstInputError(Exception):
    """Ends an inference procedure at its first call of the net."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = image


def first_input(system: System, batch: Tensor) -> Tensor | None:
    """What the inference procedure feeds to the net first, for a ``batch`` ``[B, 3, H, W]``; None if it never calls it.

    The procedure is stopped there, so that nothing is computed.
    """

    def stop(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        raise _FirstInputError(inputs[0])

    hook = system.register_forward_pre_hook(stop)
    try:
        system.logits(batch)
    except _FirstInputError as found:
        return found.image
    finally:
        hook.remove()
    return None
