package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/audit"
)

// all follows a query through its pages.
func all(t *testing.T, trail *audit.Trail, q audit.Query) (found []string) {
	t.Helper()
	for {
		page, err := trail.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range page.Entries {
			var e audit.Entry
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Fatal(err)
			}
			if e.Trail == "" {
				found = append(found, e.Request)
			}
		}
		if q.Token = page.Next; page.End {
			return found
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	now := noon
	trail := mustOpen(t, t.TempDir(), func(o *audit.Options) {
		o.MaxBytes, o.Now = 8192, func() time.Time { return now }
	})
	var want []string
	for i := range 100 {
		e := call(i)
		now = e.Time
		e.Request = fmt.Sprint(i)
		if i%10 == 3 {
			e.Decision, e.Error, e.Principal = audit.Denied, "AccessDenied", "arn:aws:iam::000000000000:user/böb"
		}
		if i%10 == 4 {
			e.Action, e.Key = "s3:PutObject", "AKIAOTHER"
		}
		mustRecord(t, trail, e)
		want = append(want, e.Request)
	}
	numbers := func(from, to, step int) (all []string) {
		for i := from; i < to; i += step {
			all = append(all, fmt.Sprint(i))
		}
		return all
	}
	for name, c := range map[string]struct {
		query audit.Query
		want  []string
	}{
		"all":                {audit.Query{}, want},
		"denied":             {audit.Query{Decision: audit.Denied}, numbers(3, 100, 10)},
		"principal":          {audit.Query{Principal: "arn:aws:iam::000000000000:user/böb"}, numbers(3, 100, 10)},
		"pattern":            {audit.Query{Principal: "*/b?b"}, numbers(3, 100, 10)},
		"part of it":         {audit.Query{Principal: "arn:aws:iam::000000000000:user"}, nil},
		"action":             {audit.Query{Action: "S3:put*"}, numbers(4, 100, 10)},
		"key":                {audit.Query{Key: "AKIAOTHER"}, numbers(4, 100, 10)},
		"resource":           {audit.Query{Resource: "arn:aws:s3:::bucket/5?"}, numbers(50, 60, 1)},
		"error":              {audit.Query{Error: "AccessDenied", Resource: "*3"}, numbers(3, 100, 10)},
		"request and source": {audit.Query{Request: "42", Source: "192.0.2.*"}, []string{"42"}},
		"time":               {audit.Query{From: noon.Add(10 * time.Second), To: noon.Add(20 * time.Second)}, numbers(10, 20, 1)},
		"later":              {audit.Query{From: noon.Add(time.Hour)}, nil},
		"earlier":            {audit.Query{To: noon.Add(-time.Hour)}, nil},
		"two that no one is": {audit.Query{Key: "AKIAOTHER", Decision: audit.Denied}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, limit := range []int{0, 1, 7, 1000} {
				c.query.Limit = limit
				c.query.Oldest = true
				if got := all(t, trail, c.query); !slices.Equal(got, c.want) {
					t.Errorf("oldest first, %d at a time: %v", limit, got)
				}
				c.query.Oldest = false
				got := all(t, trail, c.query)
				slices.Reverse(got)
				if !slices.Equal(got, c.want) {
					t.Errorf("newest first, %d at a time: %v", limit, got)
				}
			}
		})
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trail := mustOpen(t, dir, func(o *audit.Options) { o.MaxBytes = 4096 })
	q := audit.Query{Oldest: true}
	seen := 0
	for round := range 30 {
		mustRecord(t, trail, call(round))
		for {
			page, err := trail.Find(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			q.Token = page.Next
			for _, raw := range page.Entries {
				if !strings.Contains(string(raw), `"trail"`) {
					seen++
				}
			}
			if page.End {
				break
			}
		}
		if seen != round+1 {
			t.Fatalf("after %d entries %d were seen", round+1, seen)
		}
	}
	for _, token := range []string{"x", "-", "1", "1--1", "zzzz-1", "1-zzzzzzzzzzzzzzzzz", strings.Repeat("1", 1000) + "-1"} {
		for _, oldest := range []bool{true, false} {
			if _, err := trail.Find(t.Context(), audit.Query{Token: token, Oldest: oldest}); !errors.Is(err, audit.ErrToken) {
				t.Errorf("token %q: %v", token, err)
			}
		}
	}
	mustClose(t, trail)
	page, err := audit.FindIn(t.Context(), dir, audit.Query{Limit: 2})
	if err != nil || len(page.Entries) != 2 || !strings.Contains(string(page.Entries[0]), audit.Stopped) {
		t.Errorf("%s %v", page.Entries, err)
	}
}
