"""Asks for requests and answers each with what it knows of it; needs nothing but Python.

The settings of the task say what goes wrong: `broken` (before it is ready), `fails_at` (the number of a request, from 1
on, at which it dies), `told` (it prints its whole config, as the SDK of 2019 does), `ends` (it ends well when the
server closes the stream).
"""

import json
import os
import struct
import sys
from urllib.request import Request, urlopen

TASK = os.environ.get("SLY_TASK_DATA", "/sly_task_data")


def say(message, **fields):
    print(json.dumps({"level": "info", "message": message, **fields}), flush=True)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7


def fields_of(message):
    """The fields of a message, all of which are texts or bytes."""
    found, at = {}, 0
    while at < len(message):
        key, at = varint(message, at)
        if key & 7:
            size, at = varint(message, at)
            found[key >> 3], at = message[at : at + size], at + size
        else:
            found[key >> 3], at = varint(message, at)
    return found


def frames_of(response):
    """The messages of a stream; keep-alives are left out."""
    while len(head := response.read(4)) == 4:
        size = struct.unpack(">I", head)[0]
        if size:
            yield response.read(size)


def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def chunk(content):
    message = b"\x0a" + number(len(content)) + content + b"\x10" + number(len(content))
    return struct.pack(">I", len(message)) + message


class Server:
    def __init__(self, connection):
        self.address = connection["server_address"].rstrip("/")  # the original agent ends it with a slash
        self.headers = {"x-token": connection["token"], "x-task-id": connection["task_id"]}

    def call(self, method, body=b"", timeout=60, **headers):
        headers = {**self.headers, "Content-type": "application/octet-stream", **headers}
        return urlopen(Request(f"{self.address}/agent/{method}", body, headers), timeout=timeout)


def answer(server, request_id, data, config):
    asked = json.loads(data or b"{}")
    if asked.get("request_type") == "get_out_meta":
        return {"out_meta": {"classes": [], "tags": []}, "success": True}
    if asked.get("image_hash"):
        image = b""
    else:
        with server.call("GetGeneralEventData", **{"x-request-id": request_id}) as response:
            image = b"".join(fields_of(part).get(1, b"") for part in frames_of(response))
    found = {"description": f"{len(image)} bytes", "size": {"height": 1, "width": 1}, "tags": [], "objects": []}
    files = sorted(os.listdir(TASK + "/model"))
    return {**found, "success": True, "settings": config["model_settings"], "model": files}


def main():
    with open(TASK + "/task_config.json") as file:
        config = json.load(file)
    settings = config["model_settings"]
    if settings.get("told"):
        say("Input config", config=config)
    if settings.get("broken"):
        sys.exit("the weights do not fit")
    server = Server(config["connection"])
    with server.call("GetGeneralEventsStream", timeout=60) as stream:
        say("Ready to get events", event_type="EventType.TASK_DEPLOYED")
        for count, message in enumerate(frames_of(stream), 1):
            event = fields_of(message)
            request_id = event[1].decode()
            say("GET_INFERENCE_CALL", request_id=request_id)
            if settings.get("fails_at") == count:
                sys.exit("the model broke")
            content = json.dumps(answer(server, request_id, event.get(2), config)).encode()
            server.call("SendGeneralEventData", chunk(content), **{"x-request-id": request_id}).close()
    sys.exit(None if settings.get("ends") else "the server has closed the stream")


main()
