"""Many requests on one connection: the session that transports with a byte or message stream beneath have in common.

`frames` is the format, `server` and `client` are the two ends, `wire` is what a transport brings.
"""
