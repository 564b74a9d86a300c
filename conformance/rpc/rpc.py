# SPDX-License-Identifier: MIT
"""Speaks the service's protocol. Messages are dicts; their fields are read from the schema, so nothing is written twice."""
import array
import os
import re
import socket
import struct
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STASIS = os.environ.get("STASIS", TOP + "/build/stasis")


def _schema():
    messages, enums, name = {}, {}, None
    for line in open(TOP + "/src/image/schema/rpc.proto"):
        if m := re.match(r"(message|enum) (\w+)", line):
            kind, name = m.groups()
            (messages if kind == "message" else enums)[name] = {}
        elif m := re.match(r"\s*(optional|required|repeated) (\w+) (\w+) = (\d+)", line):
            messages[name][m[3]] = (int(m[4]), m[2], m[1] == "repeated")
        elif m := re.match(r"\s*(\w+) = (\d+);", line):
            enums[name][m[1]] = int(m[2])
    return messages, enums


MESSAGES, ENUMS = _schema()
TYPES = ENUMS["criu_req_type"]


def _varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def encode(kind, d):
    out = b""
    for key, value in d.items():
        number, t, repeated = MESSAGES[kind][key]
        for v in value if repeated else [value]:
            if t in MESSAGES or t in ("string", "bytes"):
                b = encode(t, v) if t in MESSAGES else v if isinstance(v, bytes) else v.encode()
                out += _varint(number << 3 | 2) + _varint(len(b)) + b
            else:
                out += _varint(number << 3) + _varint(ENUMS[t][v] if isinstance(v, str) else int(v))
    return out


def _read_varint(b, i):
    n = shift = 0
    while True:
        n |= (b[i] & 127) << shift
        shift += 7
        i += 1
        if not b[i - 1] & 128:
            return n, i


def decode(kind, b):
    numbers = {v[0]: (k, v[1], v[2]) for k, v in MESSAGES[kind].items()}
    d, i = {}, 0
    while i < len(b):
        tag, i = _read_varint(b, i)
        key, t, repeated = numbers[tag >> 3]
        v, i = _read_varint(b, i)
        if tag & 7 == 2:
            v, i = b[i:i + v], i + v
            v = decode(t, v) if t in MESSAGES else v.decode()
        elif t in ENUMS:
            v = {n: k for k, n in ENUMS[t].items()}[v]
        elif t == "bool":
            v = bool(v)
        elif t == "int32" and v >= 1 << 31:
            v -= 1 << 64
        if repeated:
            d.setdefault(key, []).append(v)
        else:
            d[key] = v
    return d


class Gone(Exception):
    """The other side closed."""


class Client:
    """A worker of its own (swrk), or a connection to the service at @address."""

    def __init__(self, address=None, pass_fds=(), **popen):
        self.proc = None
        if address:
            self.sk = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.sk.connect(address)
        else:
            self.sk, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.proc = subprocess.Popen([STASIS, "swrk", str(other.fileno())], pass_fds=(other.fileno(), *pass_fds),
                                         stdin=subprocess.DEVNULL, **popen)
            other.close()
        self.sk.settimeout(60)

    def send(self, **req):
        self.sk.send(encode("criu_req", req))

    def recv(self):
        data, anc, _, _ = self.sk.recvmsg(65536, socket.CMSG_SPACE(4))
        if not data:
            raise Gone
        resp = decode("criu_resp", data)
        for level, kind, fds in anc:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                resp["fd"] = array.array("i", fds[:4])[0]
        return resp

    def ask(self, on_notify=lambda script, resp: True, **req):
        """One request to its answer; every notification goes to on_notify, which consents or not."""
        self.seen = []
        self.send(**req)
        while True:
            resp = self.recv()
            if resp["type"] != "NOTIFY" or req["type"] == "NOTIFY":
                return resp
            script = resp["notify"]["script"]
            self.seen.append(script)
            self.send(type="NOTIFY", notify_success=on_notify(script, resp))

    def end(self):
        """The worker's exit status."""
        self.sk.close()
        return self.proc.wait(60) if self.proc else None


def opts(images, **more):
    """criu_opts with images in the directory @images; the descriptor stays open."""
    return dict(images_dir_fd=os.open(images, os.O_RDONLY | os.O_DIRECTORY), **more)


def check(what, ok, *seen):
    if not ok:
        raise SystemExit(f"{what}: {' '.join(map(str, seen))}")
