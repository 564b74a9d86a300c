# SPDX-License-Identifier: MIT
"""Waits at SOCKET for a terminal's master, as runtimes hand it over, and notes in FILE that it works and what it echoes."""
import array
import os
import socket
import sys
import time

sk = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sk.bind(sys.argv[1])
sk.listen(1)
conn, _ = sk.accept()
_, anc, _, _ = conn.recvmsg(4096, socket.CMSG_SPACE(4))
master = array.array("i", anc[0][2][:4])[0]
conn.close()
os.write(master, b"hello\n")
said = b""
while b"hello" not in said:
    said += os.read(master, 4096)
open(sys.argv[2], "w").write("echoed\n")
time.sleep(50)
