"""What runs in a process: a worker, a gateway, and the process itself."""
