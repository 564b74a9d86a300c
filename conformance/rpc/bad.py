# SPDX-License-Identifier: MIT
"""Bad input of every sort, through a worker (no ADDRESS) or the service there; PID goes on as it was."""
import os
import sys
import tempfile
import time

from rpc import Client, Gone, check, encode, opts

pid, work = int(sys.argv[1]), sys.argv[2]
address = sys.argv[3] if len(sys.argv) > 3 else None


def images():
    return tempfile.mkdtemp(dir=work)


def refused(what, errno, text, **req):
    c = Client(address)
    r = c.ask(**req)
    check(what, not r["success"] and r.get("cr_errno") == errno and text in r["cr_errmsg"], r)
    check(what + ": status", c.end() in (None, 1))
    return r


# What is no request.
for what, data in dict(garbage=b"\xff" * 40, empty=b"", text=b"hello", cut=encode("criu_req", dict(type="DUMP", opts=opts(
        images(), pid=pid)))[:-1], huge=b"\x12" + b"x" * 120000).items():
    c = Client(address)
    c.sk.send(data)
    r = c.recv()
    check(what, r["type"] == "EMPTY" and not r["success"] and r["cr_errno"] == 74, r)
    try:
        check(what + ": closed", False, c.recv())
    except Gone:
        pass
    c.end()
for kind in 14, 4000:
    r = refused("unknown type", 56, "type", type=kind)
    check("unknown type", r["type"] == "EMPTY", r)
refused("NOTIFY unasked", 56, "means nothing", type="NOTIFY", notify_success=True)
refused("no opts", 56, "no opts", type="DUMP")
refused("no features", 56, "names none", type="FEATURE_CHECK")
refused("no directory", 56, "images_dir_fd", type="DUMP", opts=dict(images_dir_fd=-1, pid=pid))
refused("closed descriptor", 9, "images_dir_fd", type="DUMP", opts=dict(images_dir_fd=777, pid=pid))
refused("no directory but a file", 20, "images_dir_fd", type="DUMP",
        opts=dict(images_dir_fd=os.open("/dev/null", os.O_RDONLY), pid=pid))
refused("work directory", 9, "work_dir_fd", type="DUMP", opts=opts(images(), pid=pid, work_dir_fd=778))
refused("no such process", 3, "no process has pid", type="DUMP", opts=opts(images(), pid=4000000))
refused("the worker itself, or its parents", 22, "ancestor", type="DUMP", opts=opts(images(), pid=1))
refused("no images", 2, "images", type="RESTORE", opts=opts(images()))
refused("an unbuilt option", 95, "criu_opts.lazy_pages", type="DUMP", opts=opts(images(), pid=pid, lazy_pages=True))
config = work + "/config"
open(config, "w").write("leave-runing\n")
refused("a bad config file", 56, "leave-running", type="DUMP", opts=opts(images(), pid=pid, config_file=config))

# An option that nobody knows yet is told of in the log, and no more.
d = images()
c = Client(address)
unknown = encode("criu_opts", opts(d, pid=pid, leave_running=True, log_file="log")) + b"\xb8\x3e\x01"
head = encode("criu_req", dict(type="DUMP"))
c.sk.send(head + b"\x12" + bytes([len(unknown)]) + unknown)
r = c.recv()
check("unknown field", r["success"], r)
c.end()

# Every notification refused, answered by nonsense, or never answered because the client is gone.
for point in "pre-dump", "network-lock", "query-ext-files", "post-dump":
    for how in "refused", "nonsense", "garbage", "gone":
        d = images()
        c = Client(address)
        c.send(type="DUMP", opts=opts(d, pid=pid, notify_scripts=True, log_file="log"))
        r = c.recv()
        while r["type"] == "NOTIFY":
            ours = r["notify"]["script"] == point
            if ours and how == "gone":
                c.end()
                break
            if ours and how == "nonsense":
                c.send(type="VERSION")
            elif ours and how == "garbage":
                c.sk.send(b"\xff\xff")
            else:
                c.send(type="NOTIFY", notify_success=not ours)
            r = c.recv()
        else:
            check(f"{point} {how}", r["type"] == "DUMP" and not r["success"] and r["cr_errno"] in (74, 125) and
                  point in r["cr_errmsg"], r)
            c.end()
        for _ in range(400):
            if not os.path.exists("/proc/%d/wchan" % pid) or "TracerPid:\t0" in open(f"/proc/{pid}/status").read():
                break
            time.sleep(0.01)
        check(f"{point} {how}: alive", os.path.exists(f"/proc/{pid}"))
        time.sleep(0.05)

# Gone without a word, and before the work was done.
for _ in range(2):
    Client(address).end()
    c = Client(address)
    c.send(type="DUMP", opts=opts(images(), pid=pid))
    c.sk.close()
    if c.proc:
        c.proc.wait(60)
    else:
        time.sleep(0.5)
