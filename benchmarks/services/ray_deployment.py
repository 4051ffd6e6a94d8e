"""Ray Serve: its proxy and one replica for each deployment, without access log."""

import signal
from uuid import uuid4

import ray
from arguments import arguments
from pydantic import BaseModel, Field
from ray import serve
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig
from starlette.requests import Request
from starlette.responses import Response

quiet = LoggingConfig(enable_access_log=False, log_level="WARNING")


class Text(BaseModel):
    id: str = Field(default_factory=lambda: uuid4().hex)
    text: str


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 0.1})
class Capitals:
    async def __call__(self, request: Request) -> Response:
        document = await self.encode(Text.model_validate_json(await request.body()))
        return Response(document.model_dump_json(), media_type="application/json")

    async def encode(self, document: Text) -> Text:
        return Text(id=document.id, text=document.text.upper())


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 0.1})
class Exclamation:
    def __init__(self, capitals: DeploymentHandle) -> None:
        self.capitals = capitals

    async def __call__(self, request: Request) -> Response:
        document = Text.model_validate_json(await request.body())
        capitals = await self.capitals.encode.remote(document)
        return Response(Text(id=capitals.id, text=capitals.text + "!").model_dump_json(), media_type="application/json")


if __name__ == "__main__":
    given = arguments()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="WARNING")
    serve.start(http_options={"host": "127.0.0.1", "port": given.port}, logging_config=quiet)
    application = Exclamation.bind(Capitals.bind()) if given.topology == "two" else Capitals.bind()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve.run(application, route_prefix="/encode", blocking=True, logging_config=quiet)
    finally:
        serve.shutdown()
        ray.shutdown()
