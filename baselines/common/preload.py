"""Imported once by the server that cells are forked from: most systems need mmsegmentation, which takes seconds."""

from baselines.common.mmseg_adapter import import_mmseg

import_mmseg()
