"""Content types of payloads. A transport compares them as text and never looks inside a payload."""

JSON = "application/json"
"""One buffer: `{"data": [...], "parameters": {...}}`, where `data` may also be one object."""

COLUMNS = "application/vnd.thalweg.columns"
"""Header buffer, then the raw buffers that it describes (see `thalweg.docs.codecs.columns`)."""
