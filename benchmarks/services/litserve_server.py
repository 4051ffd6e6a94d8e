"""LitServe: its API process and one inference worker, with the queue that it names the fast one."""

from uuid import uuid4

import litserve
from arguments import arguments
from pydantic import BaseModel, Field


class Text(BaseModel):
    id: str = Field(default_factory=lambda: uuid4().hex)
    text: str


class Capitals(litserve.LitAPI):
    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: Text) -> Text:
        return request

    def predict(self, document: Text) -> Text:
        return Text(id=document.id, text=document.text.upper())

    def encode_response(self, output: Text) -> Text:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Capitals(api_path="/encode"), accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=arguments().port,
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
