// SPDX-License-Identifier: GPL-2.0-or-later

// Proves that a Go program comes back: its own threads and signal stacks, goroutines
// that compute, sleep and talk over channels, timers, the garbage collector.
// needs: go
// changes: by itself
package main

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func finish(dir, text string, status int) {
	f, err := os.OpenFile(dir+"/result", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0644)
	if err == nil {
		f.WriteString(text)
		f.Close()
	}
	os.Exit(status)
}

func main() {
	dir := os.Args[1]
	syscall.Setsid()
	runtime.GOMAXPROCS(4)
	var sum, ticks int64
	var stop int32
	var wg sync.WaitGroup
	ch := make(chan int, 10)
	for i := 0; i < 8; i++ {
		wg.Add(2)
		go func(i int) {
			defer wg.Done()
			for atomic.LoadInt32(&stop) == 0 {
				ch <- i
				time.Sleep(time.Millisecond)
			}
		}(i)
		go func() {
			defer wg.Done()
			for atomic.LoadInt32(&stop) == 0 {
				garbage := make([]byte, 10000)
				atomic.AddInt64(&sum, int64(len(garbage)))
				runtime.Gosched()
			}
		}()
	}
	go func() {
		for range ch {
			atomic.AddInt64(&ticks, 1)
		}
	}()
	os.WriteFile(dir+"/ready", nil, 0644)
	for {
		if _, err := os.Stat(dir + "/go"); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	t, s := atomic.LoadInt64(&ticks), atomic.LoadInt64(&sum)
	start := time.Now()
	time.Sleep(100 * time.Millisecond)
	if d := time.Since(start); d < 99*time.Millisecond {
		finish(dir, "a sleep of 100 ms took "+d.String(), 1)
	}
	runtime.GC()
	if atomic.LoadInt64(&ticks) == t || atomic.LoadInt64(&sum) == s {
		finish(dir, "goroutines stand still", 1)
	}
	atomic.StoreInt32(&stop, 1)
	wg.Wait()
	finish(dir, "ok", 0)
}
