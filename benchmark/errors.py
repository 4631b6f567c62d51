"""Errors that the user can fix (one line that names the file or option and says what to do), and two outcomes."""

from __future__ import annotations

from results.errors import UnknownNameError, UserError

__all__ = ["DataError", "MissingBaseError", "NonFiniteError", "ProbeUnavailableError", "UnknownNameError", "UserError"]


class DataError(UserError):
    """A dataset folder or file is not what it must be; the message names the file."""


class NonFiniteError(RuntimeError):
    """A loss or a gradient is infinite or not a number: the training cannot go on. An outcome, not bad input."""


class ProbeUnavailableError(Exception):
    """A memory or GPU value cannot be measured here; the message becomes the reason in the record."""


class MissingBaseError(RuntimeError):
    """A refiner has no trained base to start from, because its training failed. An outcome, not bad input."""


class WeightsError(UserError):
    """A weights file that cannot be used. The message names the file, says what is wrong and what to do."""
