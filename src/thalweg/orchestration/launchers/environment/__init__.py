"""Executors with libraries of their own, in virtual environments."""
