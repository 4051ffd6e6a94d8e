"""Executors whose documents are divided among shards: which of them are asked, and what becomes of their answers."""
