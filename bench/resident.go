package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"
)

const memoryFlat = 1.1 // times what the server had after a tenth of the requests

// memory measures the server's memory over many InvokeEndpoint requests.
func memory(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ours, err := startServe(ctx, b, filepath.Join(b.dir, "memory"))
	if err != nil {
		return err
	}
	if err := deployGenerated(ctx, b, ours.address); err != nil {
		return err
	}
	t := newTable(os.Stdout, figuresIn("requests", "resident MB", "most so far")...)
	pid, first, most := ours.cmd.Process.Pid, math.NaN(), 0.0
	for done, shown := 0, 0; done < b.requests; {
		// Signatures hold for a quarter of an hour.
		requests, err := signedRequests(ctx, ours.address)
		if err != nil {
			return err
		}
		l, err := hammer(ctx, ours.address, 64, time.Second, requests)
		if err != nil {
			return err
		}
		done += len(l.took)
		now := residentOf(pid)
		if math.IsNaN(now) {
			return fmt.Errorf("the memory of process %d can't be read: this section needs /proc", pid)
		}
		tenth := done * 10 / b.requests
		if tenth > 0 && math.IsNaN(first) {
			first = now
		}
		most = max(most, now)
		if tenth > shown {
			shown = tenth
			t.row(fmt.Sprint(done), figure(now), figure(most))
		}
	}
	ratio := most / first
	fmt.Println("\n" + b.board.add(verdict{row: fmt.Sprintf("memory over %d InvokeEndpoint requests", b.requests),
		goal: fmt.Sprintf("at most %g times that after a tenth", memoryFlat), figure: figure(ratio), met: ratio <= memoryFlat}))
	return ours.stop()
}

// residentOf returns the megabytes that a process has resident, where /proc tells; NaN elsewhere.
func residentOf(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return math.NaN()
	}
	var all, resident int
	if _, err := fmt.Sscan(string(text), &all, &resident); err != nil {
		return math.NaN()
	}
	return float64(resident) * float64(os.Getpagesize()) / (1 << 20)
}
