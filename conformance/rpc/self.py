# SPDX-License-Identifier: MIT
"""Asks the service at ADDRESS for its own checkpoint into DIR, and says in OUT which answers it gets."""
import os
import sys

from rpc import Client, Gone, opts

work, address, out = sys.argv[1:4]
more = dict(leave_running=True) if len(sys.argv) > 4 else {}
kept = bytearray(b"kept" * 100000)
os.mkdir(work)
c = Client(address)
r = c.ask(type="DUMP", opts=opts(work, log_file="dump.log", log_level=4, **more))
try:
    then = c.recv()
except Gone:
    then = "closed"
text = f"{r} {then} {os.getpid()} {kept == b'kept' * 100000}\n"
open(out + ".new", "w").write(text)
os.rename(out + ".new", out)
