# SPDX-License-Identifier: MIT
"""Dump, restore and wait over a worker of our own; PID is a tree of the suite in our cgroups, DIR for images."""
import os
import sys

from rpc import Client, check, opts

pid, work = int(sys.argv[1]), sys.argv[2]
images, logs = work + "/images", work + "/logs"
os.mkdir(images)
os.mkdir(logs)
logs_fd = os.open(logs, os.O_RDONLY)


def ours(**more):
    """As runtimes do: levels, logs in another directory, a config file that does not exist, what is always sent."""
    return opts(images, work_dir_fd=logs_fd, log_level=4, notify_scripts=True, orphan_pts_master=True,
                empty_ns=0x40000000, tcp_established=False, config_file="/nonexistent/runc.conf", **more)


c = Client()
for req in dict(type="VERSION"), dict(type="VERSION", opts=dict(images_dir_fd=-1)):
    r = c.ask(**req, keep_open=True)
    check("VERSION", r["success"] and r["version"] == dict(major_number=4, minor_number=2), r)
r = c.ask(type="FEATURE_CHECK", features=dict(mem_track=True, lazy_pages=True), keep_open=True)
check("FEATURE_CHECK", r["success"] and set(r["features"]) == {"mem_track", "lazy_pages"}, r)
r = c.ask(type="CHECK", keep_open=True)
check("CHECK", r["success"], r)
for kind in "PRE_DUMP", "PAGE_SERVER", "CPUINFO_CHECK":
    r = c.ask(type=kind, opts=opts(images), keep_open=True)
    check(kind, not r["success"] and r["cr_errno"] == 95 and "not built" in r["cr_errmsg"], r)
r = c.ask(type="VERSION")
check("exit status", r["success"] and c.end() == 0, r)

pids = {}


def agree(script, resp):
    pids[script] = resp["notify"].get("pid")
    return True


c = Client()
r = c.ask(agree, type="DUMP", opts=ours(pid=pid, log_file="dump.log", leave_running=True, root="/nonexistent"))
check("DUMP that leaves running", r["success"] and not r["dump"]["restored"] and c.end() == 0, r)
check("its notifications", c.seen == ["pre-dump", "network-lock", "query-ext-files", "post-dump", "network-unlock"], c.seen)
check("images and logs", os.path.exists(images + "/inventory.img") and not os.path.exists(images + "/dump.log") and
      {"dump.log", "stats-dump"} <= set(os.listdir(logs)), os.listdir(images), os.listdir(logs))
images += "2"
os.mkdir(images)
c = Client()
r = c.ask(agree, type="DUMP", opts=ours(pid=pid, log_file="dump.log"))
check("DUMP", r["success"] and c.end() == 0, r)
check("its notifications", c.seen == ["pre-dump", "network-lock", "query-ext-files", "post-dump"], c.seen)
check("pids", set(pids.values()) == {pid}, pids)

pids.clear()
c = Client()
r = c.ask(agree, type="RESTORE", opts=ours(rst_sibling=True, evasive_devices=True, log_file="restore.log"))
check("RESTORE", r["success"] and r["restore"]["pid"] == pid and c.end() == 0, r)
check("its notifications", c.seen[0] == "pre-restore" and c.seen[-4:] == ["post-restore", "network-unlock", "pre-resume",
      "post-resume"], c.seen)
check("pids", pids["post-restore"] == pid and pids["pre-restore"] is None, pids)
stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
check("the parent of a sibling", int(stat[1]) == os.getpid(), stat)
own = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
check("nothing of ours is open there", not any("socket:" in o or work + "/images" in o for o in own), own)

# It was our child: a second dump, and a restore as the worker's child, whom it waits for.
images += "3"
os.mkdir(images)
r = Client().ask(type="DUMP", opts=opts(images, pid=pid))
check("second DUMP", r["success"], r)
os.waitpid(pid, 0)
c = Client()
r = c.ask(type="RESTORE", opts=opts(images), keep_open=True)
check("second RESTORE", r["success"] and r["restore"]["pid"] == pid, r)
r = c.ask(type="WAIT_PID", pid=1, keep_open=True)
check("WAIT_PID of a stranger", not r["success"] and r["cr_errno"] == 10, r)
open(sys.argv[3] + "/go", "w").close()
r = c.ask(type="WAIT_PID", pid=pid)
check("WAIT_PID", r["success"] and r["status"] == 0 and c.end() == 0, r)
