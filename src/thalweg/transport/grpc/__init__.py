"""gRPC: how processes of different machines talk, and how anybody else calls us. `grpc://host:port`.

Thalweg's own services share one bidirectional stream for all requests to a peer, with the session of
`thalweg.transport.multiplex` on it; others use the plain call. Beside both stand health checking and server reflection.
"""

from thalweg.transport.grpc.client import channel
from thalweg.transport.grpc.listener import server

__all__ = ["channel", "server"]
