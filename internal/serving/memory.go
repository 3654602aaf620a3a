package serving

import (
	"bytes"
	"math"
	"os"
	"strconv"
)

// freeMemory is how many bytes the machine and this process's control group have
// left for a model, as Linux tells; elsewhere there is no telling.
func freeMemory() int64 {
	free := int64(math.MaxInt64)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range bytes.Lines(text) {
			if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
				if kib, ok := number(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))); ok {
					free = kib << 10
				}
			}
		}
	}
	limit, limited := numberIn("/sys/fs/cgroup/memory.max")
	used, known := numberIn("/sys/fs/cgroup/memory.current")
	if limited && known {
		free = min(free, max(limit-used, 0))
	}
	return free
}

func numberIn(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	return number(text)
}

func number(text []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}
