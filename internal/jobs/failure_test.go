package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

func TestFailureReason(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial /var/lib/secret: refused")
	for _, c := range []struct {
		err  error
		want string
	}{
		{jobs.ClientFailure(secret, "Line %d is empty.", 3), "ClientError: Line 3 is empty."},
		{fmt.Errorf("channel: %w", jobs.ClientFailure(nil, "No text.")), "ClientError: No text."},
		{errs.New(errs.Denied, "AccessDenied", "Not yours."), "ClientError: Not yours."},
		{errs.New(errs.Unavailable, "", "Busy."), "InternalServerError: Busy."},
		{context.DeadlineExceeded, "InternalServerError: A part of the server did not answer in time. Please create the job again."},
		{secret, "InternalServerError: We encountered an internal error. Please create the job again; the server's log has the cause under the job's name."},
	} {
		if got := jobs.FailureReason(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
	long := jobs.FailureReason(jobs.ClientFailure(nil, "%s", strings.Repeat("ä", 1000)))
	if len(long) > 1024 || len(long) < 1020 || !utf8.ValidString(long) || !strings.HasSuffix(long, "…") {
		t.Errorf("a long reason became %d bytes, …%q", len(long), long[len(long)-8:])
	}
	if got := jobs.FullChain(jobs.ClientFailure(secret, "No text.")); got != "ClientError: No text.: "+secret.Error() {
		t.Errorf("for the log: %q", got)
	}
}
