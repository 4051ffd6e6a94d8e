"""An Executor at work: its endpoints as a handler, its health, and its sources while they change."""
