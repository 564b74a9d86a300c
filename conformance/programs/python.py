# python.py DIR GO: threads that write into one sqlite database, processes that compute for each other through queues and
# shared memory, and an asyncio server with its clients, all in one program. DIR/steps grows by a line for each step.
import asyncio
import multiprocessing
import os
import queue
import sqlite3
import sys
import threading

dir, go = sys.argv[1:3]
steps = open(dir + "/steps", "a", buffering=1)
lock = threading.Lock()


def step(what):
    with lock:
        steps.write(what + "\n")


def gone_on():
    return not os.path.exists(go)


def writer(n):
    db = sqlite3.connect(dir + "/db", timeout=60, isolation_level=None)
    i = 0
    while gone_on():
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t VALUES (?, ?)", (n, i))
        db.execute("UPDATE sums SET n = n + 1 WHERE id = ?", (n,))
        db.execute("COMMIT")
        i += 1
        step("db")
    rows, top = db.execute("SELECT count(*), max(i) FROM t WHERE n = ?", (n,)).fetchone()
    (sum,) = db.execute("SELECT n FROM sums WHERE id = ?", (n,)).fetchone()
    if not rows == top + 1 == sum == i:
        print(f"database: {rows} rows, last {top}, sum {sum}, {i} written")


def square(q_in, q_out, shared):
    while True:
        x = q_in.get()
        if x is None:
            return
        with shared.get_lock():
            shared.value += x
        q_out.put((x, x * x))


def computing():
    q_in, q_out = multiprocessing.Queue(100), multiprocessing.Queue()
    shared = multiprocessing.Value("q", 0)
    kids = [multiprocessing.Process(target=square, args=(q_in, q_out, shared)) for _ in range(3)]
    for k in kids:
        k.start()
    started.set()
    sent = total = 0
    while gone_on():
        want = set(range(sent, sent + 50))
        for x in want:
            q_in.put(x)
            total += x
        sent += 50
        while want:
            x, y = q_out.get(timeout=60)
            if y != x * x:
                print(f"computing: {x} squared is {y}")
            want.remove(x)
        step("mp")
    for k in kids:
        q_in.put(None)
    for k in kids:
        k.join()
        if k.exitcode:
            print(f"computing: a child ended with {k.exitcode}")
    if shared.value != total:
        print(f"computing: {shared.value} in shared memory, not {total}")


async def serve(r, w):
    while line := await r.readline():
        await asyncio.sleep(0.001)
        w.write(line[::-1])
        await w.drain()
    w.close()


async def ask(n):
    r, w = await asyncio.open_unix_connection(dir + "/sock")
    i = 0
    while gone_on():
        i += 1
        w.write(b"%d %d\n" % (n, i))
        answer = await asyncio.wait_for(r.readexactly(len(b"%d %d\n" % (n, i))), 60)
        if answer[::-1] != b"%d %d\n" % (n, i):
            print(f"asyncio: client {n} was answered {answer}")
        if i % 10 == 0:
            step("aio")
        out = await (await asyncio.create_subprocess_exec("echo", str(i), stdout=-1)).communicate() if i % 50 == 1 else None
        if out and out[0] != b"%d\n" % i:
            print(f"asyncio: echo said {out[0]}")
    w.close()


async def talking():
    server = await asyncio.start_unix_server(serve, dir + "/sock")
    await asyncio.gather(*(ask(n) for n in range(4)))
    server.close()


db = sqlite3.connect(dir + "/db")
db.execute("PRAGMA journal_mode=" + (sys.argv[3] if len(sys.argv) > 3 else "DELETE"))
db.execute("PRAGMA synchronous=OFF")
db.execute("CREATE TABLE t (n INTEGER, i INTEGER)")
db.execute("CREATE TABLE sums (id INTEGER, n INTEGER)")
db.executemany("INSERT INTO sums VALUES (?, 0)", [(n,) for n in range(3)])
db.commit()
db.close()
started = threading.Event()
computer = threading.Thread(target=computing)
computer.start()
started.wait()
threads = [threading.Thread(target=writer, args=(n,)) for n in range(3)]
for t in threads:
    t.start()
open(dir + "/begun", "w").close()
asyncio.run(talking())
for t in threads + [computer]:
    t.join()
