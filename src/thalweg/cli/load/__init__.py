"""`thalweg bench`: load on an endpoint, and what it says of the service."""
