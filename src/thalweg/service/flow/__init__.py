"""The handler of a Flow: which way a request goes through the graph, and which version of the graph it goes through."""
