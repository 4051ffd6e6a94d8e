"""HTTP: JSON for everybody, columns between Thalwegs, server-sent events for streams, and pages for people.

What stands where in a request and its answer:

=====================  ==============================================================================================
path                   the endpoint, percent-encoded; `POST`, and `GET` too where it streams
`content-type`         one of `negotiation.PAYLOADS`, JSON where it is absent; lines of JSON, a form, or a file
`accept`               the content type wanted back; `text/event-stream` beside it says that a stream is welcome
`thalweg-timeout`      seconds that the request may take; `x-request-timeout` is the same
`x-request-id`         up to 128 visible ASCII characters, given back; made up where there is none and one is needed
`traceparent`          W3C trace context
`thalweg-target`       `Request.target`, percent-encoded
`thalweg-parameters`   `parameters` of the header, as JSON in ASCII, up to 16 KiB, beside a JSON body
=====================  ==============================================================================================

Header parameters that are longer than that go into the JSON body, where those that are there already win. A body of
columns is framed by `thalweg.message.framing`; its first buffer is the JSON of the parameters, empty where there are
none, and the payload's own buffers follow. Every other header of the request is its metadata.

An error has one shape, whatever went wrong (see `thalweg.transport.http.failures`). A stream is described in
`thalweg.transport.http.events`.
"""

from __future__ import annotations

from thalweg.config import ChannelOptions, ClientTlsOptions, Limits
from thalweg.transport.contract import Channel, Server, Serving


def server(address: str, serving: Serving) -> Server:
    """A server at `http://host:port`; port 0 lets the system choose."""
    from thalweg.transport.http.listener import HttpServer

    return HttpServer(address, serving)


def channel(
    address: str, limits: Limits, tls: ClientTlsOptions | None = None, options: ChannelOptions | None = None
) -> Channel:
    """A channel to `http://host:port` or `https://host:port`, and the path below which the endpoints are, if any."""
    from thalweg.transport.http.client import HttpChannel

    return HttpChannel(address, limits, tls, options or ChannelOptions())
