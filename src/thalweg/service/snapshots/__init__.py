"""Snapshots of Executors: taken, kept in a folder, and put back."""
