"""Documents as columns: a msgpack header and raw buffers, so that a hundred tensors are one."""

from thalweg.docs.codecs.columns.decoder import decode, decode_vec
from thalweg.docs.codecs.columns.encoder import encode

__all__ = ["decode", "decode_vec", "encode"]
