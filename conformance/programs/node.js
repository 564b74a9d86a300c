// node.js DIR GO: timers, a server with clients on a unix socket, worker threads, files, child processes and the garbage
// collector, in one program. DIR/steps grows by a line for each step.
const fs = require('fs'), net = require('net'), crypto = require('crypto'), path = require('path');
const { execFile } = require('child_process');
const { Worker, isMainThread, parentPort } = require('worker_threads');

if (!isMainThread) {
  parentPort.on('message', (x) => {
    if (x === null) process.exit(0);
    let h = crypto.createHash('sha256');
    for (let i = 0; i < 200; i++) h.update(String(x + i));
    parentPort.postMessage([x, h.digest('hex')]);
  });
} else {
  const [dir, go] = process.argv.slice(2);
  const step = (what) => fs.appendFileSync(path.join(dir, 'steps'), what + '\n');
  const ended = () => fs.existsSync(go);
  const answers = new Map();
  let open = 0;
  const begin = () => open++;
  const end = () => { if (--open === 0) process.exit(0); };

  for (let n = 0; n < 2; n++) {
    const w = new Worker(__filename);
    let x = 0;
    begin();
    w.on('message', ([y, hash]) => {
      if (y !== x) console.log(`worker: answer ${y} to ${x}`);
      if (answers.has(x) && answers.get(x) !== hash) console.log(`worker: another hash of ${x}`);
      answers.set(x, hash);
      if (++x % 200 === 0) { step('worker'); x = 0; }
      if (ended()) { w.postMessage(null); end(); } else w.postMessage(x);
    });
    w.on('error', (e) => console.log('worker: ' + e));
    w.postMessage(x);
  }

  let ticks = 0, before = performance.now();
  begin();
  const timer = setInterval(() => {
    const now = performance.now();
    if (now < before) console.log('timer: the clock went back');
    before = now;
    if (++ticks % 10 === 0) step('tick');
    let garbage = [];
    for (let i = 0; i < 5000; i++) garbage.push({ i, s: 'x' + i });
    if (ended()) { clearInterval(timer); end(); }
  }, 5);

  const server = net.createServer((c) => {
    c.on('data', (d) => setTimeout(() => c.write(d), 1));
    c.on('error', (e) => console.log('server: ' + e));
  }).listen(path.join(dir, 'sock'), () => {
    for (let n = 0; n < 4; n++) {
      const c = net.connect(path.join(dir, 'sock'));
      let i = 0;
      begin();
      c.write(`${n} ${i}\n`);
      c.on('data', (d) => {
        if (String(d) !== `${n} ${i}\n`) console.log(`client ${n}: ${d} came back for ${i}`);
        if (++i % 50 === 0) step('talk');
        if (ended()) { c.end(); end(); } else c.write(`${n} ${i}\n`);
      });
      c.on('error', (e) => console.log('client: ' + e));
    }
    fs.writeFileSync(path.join(dir, 'begun'), '');
  });

  begin();
  (function child(n) {
    execFile('echo', [String(n)], (err, out) => {
      if (err || out !== `${n}\n`) console.log(`child: ${err} ${out}`);
      step('child');
      if (ended()) end(); else setTimeout(child, 20, n + 1);
    });
  })(0);

  begin();
  (function file(n) {
    const f = path.join(dir, 'file');
    fs.writeFile(f, 'y'.repeat(n), (err) => {
      if (err) console.log('file: ' + err);
      fs.readFile(f, (err, text) => {
        if (err || text.length !== n) console.log(`file: ${err}`);
        if (ended()) end(); else setImmediate(file, (n + 7) % 10000);
      });
    });
  })(0);
}
