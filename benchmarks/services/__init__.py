"""The same work, served by each framework the way its own documentation shows.

Each file is a program: `python FILE --topology one|two|alone --protocol http|grpc --port N`. It serves until it gets
SIGTERM. The work: `POST /encode` takes a document of `id` and `text`; the first stage answers it with its text in
capitals, the second stage, where there is one, puts an exclamation mark behind it. File names differ from the packages
that they import.
"""
