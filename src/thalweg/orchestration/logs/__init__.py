"""What the processes of a Flow write, as one stream."""
