//go:build e2e

package test

import (
	"strings"
	"testing"
)

// TestSessionTagsWithBoto3 lets sessions of one role reach what their tags name.
func TestSessionTagsWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	if out := command(t, s.clientEnv(), "/usr/bin/python3", "sessiontags.py"); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}
