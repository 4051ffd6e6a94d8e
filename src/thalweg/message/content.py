"""Content types of payloads. A transport compares them as text and never looks inside a payload."""

from thalweg.docs.codecs.content import ARROW, COLUMNS, DOCARRAY, JSON, OBJECTS

__all__ = ["ARROW", "COLUMNS", "DOCARRAY", "JSON", "OBJECTS"]
