# SPDX-License-Identifier: MIT
"""helper_outside.py STASIS PROGRAM DIR SHELL|PARTS: a program whose input, output, terminal and file are half outside
the tree, through two restores with others in their place; or the job of a shell, on the shell's terminal."""
import fcntl, os, pty, select, signal, subprocess, sys, termios, time, tty

stasis, program, work, what = sys.argv[1:5]


def die(text):
    print(text)
    sys.exit(1)


def run(want, texts, *args, fds=(), **kw):
    p = subprocess.run([stasis, *args], stdin=kw.get("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, pass_fds=fds, timeout=30, text=True)
    if p.returncode != want:
        die(f"{args}: status {p.returncode}, not {want}: {p.stdout}")
    for t in texts:
        if t not in p.stdout:
            die(f"{args}: does not say \"{t}\": {p.stdout}")


def line(fd, want):
    got = b""
    while not got.endswith(b"\n"):
        if not select.select([fd], [], [], 10)[0]:
            die(f"no answer but {got}, not {want}")
        got += os.read(fd, 1)
    if got.replace(b"\r\n", b"\n") != want:
        die(f"answer {got}, not {want}")


def wait_for(name):
    for _ in range(1000):
        if os.path.exists(f"{work}/{name}"):
            return
        time.sleep(0.01)
    die(f"{name} does not come")


def gone(pid):
    for _ in range(500):
        try:
            if open(f"/proc/{pid}/stat").read().split(") ")[1][0] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    die(f"{pid} still lives")


class Ends:
    """New ends: the other sides are ours."""

    def __init__(self):
        self.stdin, self.to = os.pipe()
        self.out, self.stdout = os.pipe()
        self.master, self.tty = pty.openpty()
        tty.setraw(self.tty)
        self.name = f"{work}/shared.{self.tty}"
        self.file = os.open(self.name, os.O_RDWR | os.O_CREAT)
        os.write(self.file, b"head\n")

    def inner(self):
        return self.stdin, self.stdout, self.tty, self.file

    def close_inner(self):
        for fd in self.inner():
            os.close(fd)

    def ask(self, text, count):
        os.write(self.to, text + b"\n")
        for fd in (self.out, self.master):
            line(fd, b"%d %s\n" % (count, text))

    def keys(self):
        s, f = os.fstat(self.tty), os.fstat(self.file)
        mnt = [l.split()[1] for l in open(f"/proc/self/fdinfo/{self.file}") if l.startswith("mnt_id")][0]
        return [f"pipe:[{os.fstat(self.stdin).st_ino}]", f"pipe:[{os.fstat(self.stdout).st_ino}]",
                f"tty[{s.st_rdev:x}:{s.st_dev:x}]", f"file[{int(mnt):x}:{f.st_ino:x}]"]


def parts():
    e = Ends()
    keys = e.keys()

    def child():
        os.setsid()
        for n, fd in enumerate((e.stdin, e.stdout)):
            os.dup2(fd, n)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        os.dup2(e.tty, 50)
        os.dup2(e.file, 51)
        os.closerange(3, 50)
        os.closerange(52, 100)

    p = subprocess.Popen([program, work, "50", "51"], preexec_fn=child, close_fds=False)
    wait_for("ready")
    e.ask(b"one", 1)
    img = f"{work}/img1"
    os.mkdir(img)
    run(4, ["--shell-job", f"--external {keys[2]}"], "dump", "--no-sync", "-t", str(p.pid), "-D", img)
    e.ask(b"two", 2)
    pid = p.pid
    for generation in (1, 2):
        img = f"{work}/img{generation}"
        os.makedirs(img, exist_ok=True)
        run(0, [keys[0], keys[1]], "dump", "--no-sync", "-t", str(pid), "-D", img, "--external", keys[2],
            "--external", keys[3])
        if generation == 1:
            p.wait()
        else:
            gone(pid)
        # What had been written but not read stays with its reader; what was to be read comes along.
        new = Ends()
        inherit = [a for k, fd in zip(keys, new.inner()) for a in ("--inherit-fd", f"fd[{fd}]:{k}")]
        for leave in range(4):
            run(2, [keys[leave], "--inherit-fd"], "restore", "-d", "-D", img, *inherit[:2 * leave],
                *inherit[2 * leave + 2:], fds=new.inner())
        run(0, [], "restore", "-d", "-D", img, "--pidfile", f"{work}/pid", *inherit, fds=new.inner())
        pid = int(open(f"{work}/pid").read())
        keys = new.keys()
        new.close_inner()
        for k in ("to", "out", "master"):
            os.close(getattr(e, k))
        new.ask(b"again", 2 * generation + 1)
        new.ask(b"and again", 2 * generation + 2)
        want = b"head\n%d again\n%d and again\n" % (2 * generation + 1, 2 * generation + 2)
        # The file is written last.
        for _ in range(500):
            if open(new.name, "rb").read() == want:
                break
            time.sleep(0.01)
        else:
            die(f"the file: {open(new.name, 'rb').read()}, not {want}")
        e = new
    os.close(e.to)
    gone(pid)


def shell(slave):
    """The session's leader, in the terminal: its job is dumped and comes back as a job."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    fg = lambda: (os.setpgid(0, 0), os.tcsetpgrp(0, os.getpgid(0)), signal.signal(signal.SIGTTOU, signal.SIG_DFL))
    p = subprocess.Popen([program, work], preexec_fn=fg)
    wait_for("asked")
    os.tcsetpgrp(0, os.getpgid(0))
    img = f"{work}/img"
    os.mkdir(img)
    run(4, ["--shell-job"], "dump", "--no-sync", "-t", str(p.pid), "-D", img)
    os.tcsetpgrp(0, p.pid)
    run(0, [], "dump", "--no-sync", "--shell-job", "-t", str(p.pid), "-D", img)
    p.wait()
    os.tcsetpgrp(0, os.getpgid(0))
    run(2, ["--shell-job"], "restore", "-d", "-D", img)
    open(f"{work}/dumped", "w")
    p = subprocess.Popen([stasis, "restore", "--shell-job", "-D", img], preexec_fn=fg)
    if p.wait() != 0:
        die(f"restore --shell-job: status {p.returncode}")
    os.tcsetpgrp(0, os.getpgid(0))


def job():
    pid, master = pty.fork()
    if pid == 0:
        try:
            a = termios.tcgetattr(0)
            a[3] &= ~termios.ECHO
            termios.tcsetattr(0, termios.TCSANOW, a)
            shell(0)
            open(f"{work}/shell-ok", "w")
        finally:
            os._exit(0)
    wait_for("ready")
    os.write(master, b"one\n")
    line(master, b"1 one\n")
    open(f"{work}/asked", "w")
    while not os.path.exists(f"{work}/dumped"):
        if select.select([master], [], [], 0.1)[0]:
            die(f"the shell says {os.read(master, 4096)}")
    os.write(master, b"two\n")
    line(master, b"2 two\n")
    os.write(master, b"\004")
    wait_for("shell-ok")


parts() if what == "parts" else job()
