# SPDX-License-Identifier: MIT
"""A service on a socket that it is given, as systemd does: it serves there, and leaves the socket's name to its owner."""
import os
import signal
import socket
import sys

from rpc import STASIS, Client, check

address = sys.argv[1]
listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listening.bind(address)
listening.listen(4)
pid = os.fork()
if not pid:
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)
    os.execve(STASIS, [STASIS, "service"], dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1"))
listening.close()
r = Client(address).ask(type="VERSION")
check("VERSION", r["success"], r)
os.kill(pid, signal.SIGTERM)
check("its end", os.waitpid(pid, 0)[1] == 0 and os.path.exists(address))
