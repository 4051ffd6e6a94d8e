"""How a start is shown: a panel on a terminal, plain lines elsewhere."""
