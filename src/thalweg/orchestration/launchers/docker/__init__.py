"""Executors in containers of Docker, or of an engine that speaks its language."""
