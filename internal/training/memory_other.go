//go:build !linux

package training

func machineMemory() int64 { return unknownMemory }
