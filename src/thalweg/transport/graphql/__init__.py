"""GraphQL over HTTP: the endpoints of a service as fields of a query and of a mutation.

`app` gives the ASGI application, for `Serving.apps`. It speaks https://graphql.github.io/graphql-over-http, by `GET` and
`POST`, and shows a page to write queries on to whoever comes with a browser.
"""

from __future__ import annotations

from thalweg.config import GraphqlOptions
from thalweg.errors import ConfigurationError
from thalweg.transport.contract import AsgiApp, Serving


def app(serving: Serving, options: GraphqlOptions) -> AsgiApp:
    """The application for what `serving` serves.

    Raises:
        ConfigurationError: the library that it needs is not installed.
    """
    try:
        from thalweg.transport.graphql.application import GraphqlApplication
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "graphql":
            raise
        raise ConfigurationError("graphql needs a library: pip install 'thalweg[graphql]'") from None
    return GraphqlApplication(serving, options)
