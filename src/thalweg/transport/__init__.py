"""Ways to carry a message from one handler to another. They decide nothing."""
