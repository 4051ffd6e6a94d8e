"""Commands that send requests to a service, wherever it runs."""
