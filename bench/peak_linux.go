package main

import (
	"os"
	"syscall"
)

// peakMegabytes returns the most memory that a program had resident.
func peakMegabytes(p *os.ProcessState) float64 {
	if usage, ok := p.SysUsage().(*syscall.Rusage); ok {
		return float64(usage.Maxrss) / 1024
	}
	return 0
}
