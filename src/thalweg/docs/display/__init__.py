"""Documents and arrays of them on a terminal and in a notebook. What is shown is bounded, whatever the data."""

from thalweg.docs.display.console import print_array, print_document, print_schema
from thalweg.docs.display.notebook import array_bundle, document_bundle

__all__ = ["array_bundle", "document_bundle", "print_array", "print_document", "print_schema"]
