"""The release of DocArray whose public names stand here."""

VERSION = "0.41.0"
