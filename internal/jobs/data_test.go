package jobs_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

func TestParseURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string][2]string{"s3://b/k/l": {"b", "k/l"}, "s3://b": {"b", ""}, "s3://b/": {"b", ""}} {
		if bucket, key, err := jobs.ParseURI(uri); err != nil || bucket != want[0] || key != want[1] {
			t.Errorf("%s: %q %q %v", uri, bucket, key, err)
		}
	}
	if _, _, err := jobs.ParseURI("https://b/k"); !errs.Is(err, errs.Invalid) {
		t.Errorf("another scheme: %v", err)
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"in/", "in/a/b.txt", "a/b.txt"},
		{"in", "in/a.txt", "a.txt"},
		{"in/tr", "in/train.txt", "train.txt"},
		{"in/train.txt", "in/train.txt", "train.txt"},
		{"", "a/b.txt", "a/b.txt"},
	} {
		if got := jobs.Relative(c[0], c[1]); got != c[2] {
			t.Errorf("%q under %q is %q, want %q", c[1], c[0], got, c[2])
		}
	}
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.CreateBucket(t.Context(), "data", "us-east-1"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"in/b.txt", "in/", "in/a.txt", "other.txt"} {
		text := key
		if strings.HasSuffix(key, "/") {
			text = "" // a folder that a console made
		}
		if _, err := store.Put(t.Context(), "data", key, strings.NewReader(text), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	allow := func(context.Context, string, string) error { return nil }
	deny := func(_ context.Context, action, resource string) error {
		return errors.New(action + " on " + resource + " is not allowed")
	}
	for _, c := range []struct {
		bucket, prefix string
		authorize      func(context.Context, string, string) error
		most           int
		want           string // keys, or a part of the error
		ok             bool
	}{
		{"data", "in/", allow, 0, "in/a.txt in/b.txt", true},
		{"data", "in/", allow, 1, "in/a.txt", true},
		{"data", "absent", allow, 0, "No S3 objects found", false},
		{"nowhere", "in/", allow, 0, "No S3 objects found", false},
		{"data", "in/", deny, 0, "No S3 objects found", false},
	} {
		p := jobs.Prefix{URI: "s3://" + c.bucket + "/" + c.prefix, Bucket: c.bucket, Prefix: c.prefix, Region: "us-east-1", Role: "role", Authorize: c.authorize, List: store.List}
		objects, err := p.Objects(t.Context(), c.most)
		var keys []string
		for _, o := range objects {
			keys = append(keys, o.Key)
		}
		switch got := strings.Join(keys, " "); {
		case c.ok && (err != nil || got != c.want):
			t.Errorf("%s: %q, %v", p.URI, got, err)
		case !c.ok && (!errs.Is(err, errs.Invalid) || !strings.Contains(errs.MessageOf(err), c.want)):
			t.Errorf("%s: %v", p.URI, err)
		}
	}
}
