//go:build !linux

package main

import (
	"math"
	"os"
)

func peakMegabytes(*os.ProcessState) float64 { return 0 }

// limitMemory does nothing: elsewhere, a peer gets what the system has.
func limitMemory(int64) error { return nil }

func cpuSeconds() float64 { return math.NaN() }
