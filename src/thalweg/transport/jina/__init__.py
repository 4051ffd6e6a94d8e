"""Jina's wire: what Jina 3.x sends to its Executors and Gateways, and what it expects of them."""
