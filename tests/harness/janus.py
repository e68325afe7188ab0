"""janus.py - a stranger at a Janus: its JSON API over a WebSocket or its Unix socket, and tokens signed by hand.

The signatures are computed here from the text of wire/janus-token.h, not by the code that is tested.
"""
import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import time

VIDEOROOM = "janus.plugin.videoroom"
ECHOTEST = "janus.plugin.echotest"


def secret_of(app_id, app_key):
    """With what the Janus of an application checks tokens."""
    return hmac.new(app_key.encode(), b"rtcroomd janus 1 " + app_id.encode(), hashlib.sha256).hexdigest()


def sign(secret, realm, *descriptors, seconds=60):
    claims = ",".join([str(int(time.time()) + seconds), realm, *descriptors])
    return claims + ":" + base64.b64encode(hmac.new(secret.encode(), claims.encode(), hashlib.sha1).digest()).decode()


class UnixSocket:
    """One packet, one message."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(path)

    def send(self, text):
        self.socket.send(text.encode())

    def receive(self):
        return self.socket.recv(1 << 20).decode()

    def close(self):
        self.socket.close()


class WebSocket:
    """RFC 6455 as far as a test needs it: unfragmented text, no extensions."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(("GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: janus-protocol\r\n\r\n" % (address, key)).encode())
        self.file = self.socket.makefile("rb")
        status = self.file.readline()
        if b" 101 " not in status:
            raise ConnectionError(status.decode())
        while self.file.readline().strip():
            pass

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = struct.pack("!B", 0x80 | len(data)) if len(data) < 126 else struct.pack("!BH", 0xfe, len(data))
        self.socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        while True:
            first, size = self.file.read(2)
            if size >= 126:
                size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
            data = self.file.read(size)
            if first & 15 == 1:
                return data.decode()
            if first & 15 == 8:
                raise ConnectionError("closed by the server")

    def close(self):
        self.file.close()
        self.socket.close()


class Janus:
    """Requests and their answers; news in between are dropped."""

    def __init__(self, transport):
        self.transport, self.count = transport, 0

    def ask(self, janus, token=None, **members):
        self.count += 1
        request = dict(members, janus=janus, transaction="t%d" % self.count)
        if token is not None:
            request["token"] = token
        self.transport.send(json.dumps(request))
        while True:
            answer = json.loads(self.transport.receive())
            if answer.get("transaction") == request["transaction"] and answer["janus"] != "ack":
                return answer

    def code(self, janus, token=None, **members):
        """0, or the error's number: of the core, or of the plugin."""
        answer = self.ask(janus, token, **members)
        data = answer.get("plugindata", {}).get("data", {})
        return answer.get("error", {}).get("code", 0) or data.get("error_code", 0)

    def enter(self, token, plugin=VIDEOROOM):
        """A session and a handle, as members of further requests."""
        session = self.ask("create", token)["data"]["id"]
        return {"session_id": session, "handle_id": self.ask("attach", token, session_id=session, plugin=plugin)["data"]["id"]}

    def close(self):
        self.transport.close()
