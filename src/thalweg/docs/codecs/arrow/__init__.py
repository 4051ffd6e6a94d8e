"""Documents as Arrow tables and Parquet files: a column for each field, tensors as tensors, documents as structs."""

from thalweg.docs.codecs.arrow.decoder import arrow_table, decode, decode_vec
from thalweg.docs.codecs.arrow.encoder import encode
from thalweg.docs.codecs.arrow.parquet import iter_parquet, read_parquet, read_parquet_vec, write_parquet
from thalweg.docs.codecs.arrow.stream import decode_stream, decode_stream_vec, encode_stream

__all__ = [
    "arrow_table",
    "decode",
    "decode_stream",
    "decode_stream_vec",
    "decode_vec",
    "encode",
    "encode_stream",
    "iter_parquet",
    "read_parquet",
    "read_parquet_vec",
    "write_parquet",
]
