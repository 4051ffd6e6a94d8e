"""What processes find that a program under `python -m thalweg.compat` starts: it makes way for what stands for Jina."""

import sys
import warnings
from importlib import import_module

from thalweg.compat import install

del sys.modules["jina"]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of variables without effect the program itself has told
    install("jina")
import_module("jina")
