"""What processes find that a program under `python -m thalweg.compat` starts: it makes way for what stands for Jina."""

import sys
from importlib import import_module

from thalweg.compat import install

del sys.modules["jina"]
install("jina")
import_module("jina")
