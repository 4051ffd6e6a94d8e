"""Programs that run inside a contestant's environment and print one line of JSON."""
