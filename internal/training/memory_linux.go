package training

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// machineMemory is what this process may use, in bytes: the physical memory, or
// what its control group leaves it.
func machineMemory() int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return unknownMemory
	}
	total := int64(info.Totalram) * int64(info.Unit)
	if group, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(group)), 10, 64); err == nil && limit > 0 {
			total = min(total, limit)
		}
	}
	return total
}
