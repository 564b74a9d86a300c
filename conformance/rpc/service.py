# SPDX-License-Identifier: MIT
"""PID through the service at ADDRESS: two clients at once, another user's client, a restored tree that outlives its connection."""
import os
import sys

from rpc import Client, check, opts

pid, work, address, victim = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
images = work + "/images"
os.mkdir(images)
one, two = Client(address), Client(address)
one.send(type="VERSION", keep_open=True)
two.send(type="VERSION", keep_open=True)
check("two at once", two.recv()["success"] and one.recv()["success"])
r = two.ask(type="RESTORE", opts=opts(images, rst_sibling=True), keep_open=True)
check("rst_sibling", not r["success"] and r["cr_errno"] == 56 and "service" in r["cr_errmsg"], r)
r = two.ask(type="RESTORE", opts=opts(images, inherit_fd=[dict(key="pipe:[1]", fd=1)]), keep_open=True)
check("inherit_fd", not r["success"] and "service" in r["cr_errmsg"], r)
child = os.fork()
if not child:
    fd = os.open(images, os.O_RDONLY)
    os.setgroups([])
    os.setgid(12345)
    os.setuid(12345)
    c = Client(address)
    r = c.ask(type="DUMP", opts=dict(images_dir_fd=fd, pid=pid), keep_open=True)
    check("another user", not r["success"] and r["cr_errno"] == 1 and "12345" in r["cr_errmsg"], r)
    r = c.ask(type="VERSION")
    check("another user's VERSION", r["success"], r)
    os._exit(0)
check("another user", os.waitpid(child, 0)[1] == 0)
r = one.ask(type="DUMP", opts=opts(images, pid=pid, log_file="dump.log"), keep_open=True)
check("DUMP", r["success"], r)
r = one.ask(type="RESTORE", opts=opts(images, log_file="restore.log"), keep_open=True)
check("RESTORE", r["success"] and r["restore"]["pid"] == pid, r)
one.end()
check("it outlives the connection", os.path.exists(f"/proc/{pid}"))
open(victim + "/go", "w").close()
