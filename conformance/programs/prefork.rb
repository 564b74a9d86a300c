# prefork.rb SOCKET LOG WORKERS: the same server as prefork.pl, each worker with a thread for each connection.
require 'socket'

path, log, workers = ARGV[0], ARGV[1], ARGV[2].to_i
listener = UNIXServer.new(path)
listener.listen(64)
stop = false
kids = {}

serve = lambda do
  trap('TERM', 'DEFAULT')
  out = File.open(log, 'a')
  out.sync = true
  served = 0
  threads = []
  while served < 200
    begin
      c = listener.accept_nonblock
    rescue IO::WaitReadable
      listener.wait_readable(0.05)
      next
    end
    threads.reject! { |t| !t.alive? }
    threads << Thread.new(c) do |s|
      while (line = s.gets)
        out.syswrite(line)
        s.write("done #{line}")
        served += 1
      end
      s.close
    end
  end
  threads.each(&:join)
  exit!(0)
end

trap('TERM') { stop = true }
until stop
  while kids.size < workers
    pid = fork { serve.call }
    kids[pid] = true
  end
  begin
    pid, st = Process.wait2(-1, Process::WNOHANG)
    if pid.nil?
      sleep 0.01
      next
    end
    kids.delete(pid) or puts "server: child #{pid} is not mine"
    puts "server: child #{pid}: #{st}" unless st.success? || stop
  rescue Errno::ECHILD
  end
end
kids.each_key { |k| Process.kill('TERM', k) }
Process.waitall
