"""The way into what runs, for other processes of the same user."""
