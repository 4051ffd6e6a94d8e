"""The protobuf messages of Thalweg's own services: `.proto` files to read, and the same described in Python to use."""
