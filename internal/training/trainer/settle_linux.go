package trainer

import (
	"os"
	"syscall"
)

// settle makes the process one that gives way: to requests that the server
// answers, in time, and to all others, in memory. Both may be forbidden, and both are
// not needed for anything else.
func settle() {
	_ = syscall.Setpriority(syscall.PRIO_PGRP, 0, 5)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("900"), 0)
}
