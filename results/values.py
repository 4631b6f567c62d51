"""The ranges of the numbers and moments in a record: what lies outside is no measurement, and the file no record."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from pydantic import AfterValidator, Field

Count = Annotated[int, Field(ge=0, lt=2**63)]
Natural = Annotated[int, Field(ge=1, lt=2**63)]
Positive = Annotated[float, Field(gt=0, lt=1e18)]
Amount = Annotated[float, Field(ge=0, lt=1e18)]
Percent = Annotated[float, Field(ge=0, le=100)]
Milliseconds = Annotated[float, Field(gt=1e-6, lt=1e9)]  # from a nanosecond to eleven days


def moment(text: str) -> datetime:
    """The moment that ISO 8601 text names; UTC where it names no zone.

    Raises:
        ValueError: it names none.
    """
    read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)


def _as_written(text: str) -> str:
    moment(text)
    return text


Moment = Annotated[str, AfterValidator(_as_written)]
