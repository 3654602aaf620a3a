//go:build e2e

package test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// kills is how often TestKilledUnderMixedLoad kills the server.
const kills = 50

// TestKilledUnderMixedLoad kills the server again and again, at random moments
// under a load of everything it does. What was acknowledged must be there, and
// every job must come to an end. HELIOGRAPH_SEED repeats the moments and choices
// of a run, as far as the machine's own timing lets it.
func TestKilledUnderMixedLoad(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HELIOGRAPH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("HELIOGRAPH_SEED: %v", err)
		}
	}
	t.Logf("HELIOGRAPH_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := t.TempDir()
	s := start(t, data, "serve", "--training-jobs", "2")
	load := newMixedLoad(t, s)
	for range kills {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { load.run(ctx, s, rand.New(rand.NewPCG(random.Uint64(), 2))) })
		time.Sleep(time.Duration(20+random.IntN(1200)) * time.Millisecond)
		s.kill()
		cancel()
		running.Wait()
		s = start(t, data, "serve", "--training-jobs", "2")
	}
	t.Logf("acknowledged before %d kills: %v", kills, load)
	for kind, n := range map[string]int{"objects": len(load.objects), "training jobs": len(load.training), "transform jobs": len(load.transform), "endpoints": len(load.endpoints)} {
		if n < 5 {
			t.Errorf("only %d %s were acknowledged; the test proves little", n, kind)
		}
	}
	load.verify(s, false)
	s.stop()
	leftovers, err := filepath.Glob(filepath.Join(data, "blob", "tmp", "*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("leftovers in blob/tmp: %q, %v", leftovers, err)
	}
}

// TestBackupUnderLoad backs up a server at work and restores the copy elsewhere:
// what was acknowledged before the backup began must be there.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, filepath.Join(dir, "data"), "serve", "--training-jobs", "2")
	load := newMixedLoad(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { load.run(ctx, s, rand.New(rand.NewPCG(1, 2))) })
	time.Sleep(3 * time.Second)
	before := load.acknowledged()
	out := command(t, cleanEnv(), binary, "backup", "--data", s.data, filepath.Join(dir, "copy.tar.gz"))
	t.Logf("%sof %v", out, before)
	cancel()
	running.Wait()
	s.stop()

	// What was deleted while the backup was made may be gone from it.
	after := load.acknowledged()
	for key := range before.objects {
		if before.objects[key] && !after.objects[key] {
			before.doubtful[key] = true
		}
	}
	for name := range before.endpoints {
		if before.endpoints[name] && (!after.endpoints[name] || after.unsure[name]) {
			before.unsure[name] = true
		}
	}
	copied := filepath.Join(dir, "copied")
	command(t, cleanEnv(), binary, "restore", "--data", copied, filepath.Join(dir, "copy.tar.gz"))
	before.verify(start(t, copied, "serve", "--training-jobs", "2"), true)
}
