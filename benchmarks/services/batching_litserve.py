"""LitServe: its API process and one inference worker that takes batches, with the queue that it names the fast one."""

import litserve
from arguments import arguments
from batched_model import BATCH, WAIT_SECONDS, capitals, new_id
from pydantic import BaseModel, Field


class Text(BaseModel):
    id: str = Field(default_factory=new_id)
    text: str


class Capitals(litserve.LitAPI):
    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: Text) -> Text:
        return request

    def batch(self, inputs: list[Text]) -> list[Text]:
        return list(inputs)

    def predict(self, documents: list[Text]) -> list[Text]:
        made = capitals([one.text for one in documents])
        return [Text(id=one.id, text=text) for one, text in zip(documents, made, strict=True)]

    def unbatch(self, output: list[Text]) -> list[Text]:
        return output

    def encode_response(self, output: Text) -> Text:
        return output


if __name__ == "__main__":
    api = Capitals(api_path="/encode", max_batch_size=BATCH, batch_timeout=WAIT_SECONDS)
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=arguments().port,
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
