"""Imported once by the server process that cells fork from: importing mmsegmentation takes seconds."""

from baselines.common.mmseg_adapter import import_mmseg

import_mmseg()
