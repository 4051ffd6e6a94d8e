"""Mosec: its Rust server in front of one worker process that takes batches."""

import sys

import msgspec
from arguments import arguments
from batched_model import BATCH, WAIT_SECONDS, capitals, new_id
from mosec import Server, Worker
from mosec.errors import ValidationError


class Text(msgspec.Struct):
    text: str
    id: str = msgspec.field(default_factory=new_id)


class Capitals(Worker):
    def __init__(self) -> None:
        super().__init__()
        self._decoder = msgspec.json.Decoder(Text)
        self._encoder = msgspec.json.Encoder()

    def deserialize(self, data: bytes) -> Text:
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError as error:
            raise ValidationError(str(error)) from error

    def serialize(self, data: Text) -> bytes:
        return self._encoder.encode(data)

    def forward(self, data: list[Text]) -> list[Text]:
        made = capitals([one.text for one in data])
        return [Text(id=one.id, text=text) for one, text in zip(data, made, strict=True)]


if __name__ == "__main__":
    # Mosec reads its own options from the command line.
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(arguments().port), "--log-level", "warning"]
    server = Server()
    server.append_worker(
        Capitals, num=1, max_batch_size=BATCH, max_wait_time=round(WAIT_SECONDS * 1000), route="/encode"
    )
    server.run()
