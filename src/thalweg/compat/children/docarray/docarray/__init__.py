"""What processes find that a program under `python -m thalweg.compat` starts: it makes way for what stands for DocArray."""

import sys
from importlib import import_module

from thalweg.compat import install

del sys.modules["docarray"]
install("docarray")
import_module("docarray")
