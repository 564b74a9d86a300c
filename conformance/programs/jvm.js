// jvm.js DIR GO, run by Rhino in a JVM: many Java threads that compute, fill maps, talk over queues and write files.
importPackage(java.util.concurrent, java.util, java.io, java.nio.file, java.lang);
var dir = arguments[0], go = new File(arguments[1]);
var out = new PrintWriter(new FileWriter(dir + "/steps"), true);
var bad = function (s) { java.lang.System.out.println(s); };
function going() { return !go.exists(); }
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

var pool = Executors.newFixedThreadPool(8), timer = Executors.newScheduledThreadPool(2);
var queue = new ArrayBlockingQueue(16), map = new ConcurrentHashMap();
var threads = [];
function start(f) { var t = new Thread(new Runnable({ run: f })); t.start(); threads.push(t); }

var ticks = new java.util.concurrent.atomic.AtomicLong();
timer.scheduleAtFixedRate(new Runnable({ run: function () { ticks.incrementAndGet(); } }), 5, 5, TimeUnit.MILLISECONDS);
start(function () {
  var sent = 0;
  while (going()) { queue.put(new Long(sent++)); }
  queue.put(new Long(-1));
});
start(function () {
  var want = 0, last = 0;
  for (;;) {
    var x = Number(queue.take());
    if (x < 0) return;
    if (x !== want) bad("queue: " + x + ", not " + want);
    want = x + 1;
    if (want % 200 === 0) { out.println("queue"); if (ticks.get() < last) bad("timer: back"); last = ticks.get(); }
  }
});
for (var n = 0; n < 6; n++) (function (n) {
  start(function () {
    for (var i = 0; going(); i++) {
      var f = pool.submit(new Callable({ call: function () { return fib(12 + i % 4); } }));
      if (Number(f.get()) !== [144, 233, 377, 610][i % 4]) bad("fib: " + f.get());
      map.put(n + ":" + i % 1000, String(i));
      if (String(map.get(n + ":" + i % 1000)) !== String(i)) bad("map: lost " + i);
      if (i % 50 === 0) out.println("fib");
      var garbage = java.lang.reflect.Array.newInstance(java.lang.Byte.TYPE, 10000);
      if (i % 100 === 0) Files.write(Paths.get(dir, "file" + n), garbage);
    }
  });
})(n);
Files.write(Paths.get(dir, "begun"), java.lang.reflect.Array.newInstance(java.lang.Byte.TYPE, 1));
for (var i = 0; i < threads.length; i++) threads[i].join();
pool.shutdown(); timer.shutdown();
