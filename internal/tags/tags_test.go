package tags_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/tags"
)

type doc struct {
	Size int
	Tags []tags.Tag
}

const arn = "arn:aws:sagemaker:us-east-1:000000000000:thing/"

func newService(t *testing.T) (*tags.Service, *store.Collection[doc], context.Context) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "heliograph.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	things := store.NewCollection[doc](db, "thing")
	access, err := iam.New(iam.Config{RootKey: iam.Key{ID: "AKIAEXAMPLEEXAMPLE00", Secret: strings.Repeat("s", 40)}, AccountID: "000000000000", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := tags.New(tags.Options{Authorizer: access, Region: "us-east-1", AccountID: "000000000000",
		Resources: map[string]tags.Resource{"thing": tags.Of(things, func(d *doc) *[]tags.Tag { return &d.Tags })}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := things.Create(t.Context(), store.Record[doc]{Name: "One", Doc: doc{7, []tags.Tag{{Key: "team", Value: "support"}}}}); err != nil {
		t.Fatal(err)
	}
	return s, things, iam.WithPrincipal(t.Context(), access.RootPrincipal())
}

func TestTags(t *testing.T) {
	t.Parallel()
	s, things, ctx := newService(t)
	want := []tags.Tag{{Key: "team", Value: "triage"}, {Key: "Größe", Value: ""}}
	got, err := s.Add(ctx, arn+"one", []tags.Tag{{Key: "Größe", Value: ""}, {Key: "team", Value: "triage"}})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Add: %v, %v", got, err)
	}
	if got, err := s.List(ctx, arn+"one"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("List: %v, %v", got, err)
	}
	if err := s.Delete(ctx, arn+"one", []string{"team", "none"}); err != nil {
		t.Error(err)
	}
	r, err := things.Get(ctx, "one")
	if err != nil || r.Doc.Size != 7 || !reflect.DeepEqual(r.Doc.Tags, want[1:]) {
		t.Errorf("the record is %+v, %v", r, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s, _, ctx := newService(t)
	many := make([]tags.Tag, 51)
	for i := range many {
		many[i].Key = fmt.Sprint(i)
	}
	add := func(tag ...tags.Tag) func() error {
		return func() error { _, err := s.Add(ctx, arn+"one", tag); return err }
	}
	list := func(ctx context.Context, arn string) func() error {
		return func() error { _, err := s.List(ctx, arn); return err }
	}
	for _, c := range []struct {
		name string
		do   func() error
		code string
		want string
	}{
		{"no key", add(tags.Tag{}), "", "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"a long key", add(tags.Tag{Key: strings.Repeat("k", 129)}), "", "'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"a long value", add(tags.Tag{Key: "k", Value: strings.Repeat("v", 257)}), "", "Member must have length less than or equal to 256"},
		{"a bad value", add(tags.Tag{Key: "k", Value: "a;b"}), "", "'tags.1.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: "},
		{"reserved", add(tags.Tag{Key: "AWS:x"}), "", "aws: prefixed tag key names are not allowed for external use."},
		{"twice", add(tags.Tag{Key: "k"}, tags.Tag{Key: "k"}), "", "Duplicate tag keys found: k."},
		{"51 at once", add(many...), "", "Value '51' at 'tags' failed"},
		{"51 in all", add(many[:50]...), "ResourceLimitExceeded", "The resource would have 51 tags"},
		{"no keys to delete", func() error { return s.Delete(ctx, arn+"one", nil) }, "", "Value '0' at 'tagKeys'"},
		{"no ARN", list(ctx, ""), "", "Value null at 'resourceArn'"},
		{"not an ARN", list(ctx, "one"), "", "Value 'one' at 'resourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws"},
		{"missing", list(ctx, arn+"two"), "ValidationException", "Could not find the resource"},
		{"another kind", list(ctx, strings.Replace(arn, "thing", "thong", 1)+"one"), "ValidationException", "Could not find the resource"},
		{"another account", list(ctx, strings.Replace(arn, "000000000000", "111111111111", 1)+"one"), iam.CodeAccessDenied, "because no resource-based policy allows"},
		{"nobody", list(t.Context(), arn+"one"), "", ""},
	} {
		err := c.do()
		if err == nil || !strings.Contains(err.Error(), c.want) || c.code != "" && errs.CodeOf(err) != c.code {
			t.Errorf("%s: %v (%s)", c.name, err, errs.CodeOf(err))
		}
		if c.name == "nobody" && !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("without a principal: %v", err)
		}
	}
	if got, err := s.List(ctx, arn+"one"); err != nil || len(got) != 1 {
		t.Errorf("refused tags are there: %v, %v", got, err)
	}
}
