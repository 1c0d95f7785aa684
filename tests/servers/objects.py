"""An object store (S3) on loopback: moto's server, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

KEYS = ("mmaq-access-key", "mmaq-secret-key")


@contextmanager
def objects(folder: Path, bucket: str = "eodata") -> Iterator[str]:
    """A store whose ``bucket`` holds the folder's files by their paths in it; gives its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        store = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=KEYS[0],
            aws_secret_access_key=KEYS[1],
            config=Config(s3={"addressing_style": "path"}),
        )
        store.create_bucket(Bucket=bucket)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                key = os.fspath(path.relative_to(folder))
                store.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
        yield url
    finally:
        server.stop()
