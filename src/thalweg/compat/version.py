"""The release of DocArray whose public names stand here."""

VERSION = "0.41.0"

JINA_VERSION = "3.34.0"
JINA_PROTO_VERSION = "0.1.27"
