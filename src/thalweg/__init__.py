"""Thalweg: turn models into services."""

__version__ = "0.1.0"
