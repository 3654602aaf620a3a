package lambda

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/store"
)

func FuzzName(f *testing.F) {
	for _, seed := range []string{"classify", "classify:$LATEST", "111122223333:classify", "111122223333:function:classify:7",
		"arn:aws:lambda:us-east-1:111122223333:function:classify", "arn:aws:lambda:eu-west-1:111122223333:function:classify:alias", "arn:aws:s3:::b", "function:a", ":", "a:b:c", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		named, err := parseName(s)
		if err != nil {
			return
		}
		name, err := named.in("arn:aws:lambda:us-east-1:111122223333:function:")
		if err != nil {
			return
		}
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || !strings.Contains(s, name) {
			t.Errorf("%q names %q", s, name)
		}
		if again, err := parseName(name); err != nil || again.name != name || again.qualifier != "" {
			t.Errorf("%q of %q names %+v (%v)", name, s, again, err)
		}
	})
}

// everybody may do everything.
type everybody struct{}

func (everybody) Authorize(context.Context, string, string) error { return nil }

// FuzzRequest sends requests to the handler. Whatever they are, the answer is no
// fault of the server, and the policy can be read afterwards.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/2015-03-31/functions/classify/policy", `{"StatementId": "a", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b"}`)
	f.Add("POST", "/2015-03-31/functions/classify/policy", `{"StatementId": "a", "Action": "*", "Principal": "111122223333", "SourceAccount": "111122223333", "RevisionId": "x"}`)
	f.Add("POST", "/2015-03-31/functions/classify/policy", `{"StatementId": "b", "Action": "lambda:*", "Principal": "*", "SourceArn": "arn:aws:s3:::${aws:username}*?\u003c"}`)
	f.Add("DELETE", "/2015-03-31/functions/classify/policy/a", "")
	f.Add("GET", "/2015-03-31/functions/classify/policy", "")
	f.Add("GET", "/2015-03-31/functions/", "")
	f.Add("POST", "/2015-03-31/functions/classify/invocations", `{"requestContext": {}, "body": null}`)
	db, err := store.Open(f.Context(), filepath.Join(f.TempDir(), "db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	load := func(ctx context.Context) (*function.Policies, error) {
		return function.NewPolicies(ctx, db, "us-east-1", "111122223333")
	}
	policies, err := load(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	service, err := function.NewService(f.Context(), function.Options{Registry: function.NewRegistry(nothing{}, nil), Policies: policies, Authorizer: everybody{}, Endpoints: nothing{}})
	if err != nil {
		f.Fatal(err)
	}
	h := New(service, wire.Options{})
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/", strings.NewReader(body))
		if err != nil {
			return
		}
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || !utf8.ValidString(w.Body.String()) {
			t.Errorf("%s %q %q: %d %s", method, path, body, w.Code, w.Body)
		}
		if w.Code != http.StatusCreated {
			return
		}
		in, err := readPermission([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		again, err := load(t.Context())
		if err != nil {
			t.Fatalf("%s %q %q left a policy that can't be read: %v", method, path, body, err)
		}
		found := 0
		for _, name := range service.Names() {
			if attached, err := again.Of(t.Context(), again.ARN(name)); err != nil || attached != nil {
				found++
				if err := service.RemovePermission(t.Context(), name, in.StatementId, ""); err != nil {
					t.Errorf("%s %q %q: %v", method, path, body, err)
				}
			}
		}
		if found != 1 {
			t.Errorf("%s %q %q: %d functions have a policy", method, path, body, found)
		}
	})
}

// nothing is no endpoints.
type nothing struct{}

func (nothing) InService(context.Context, int) ([]string, error) { return nil, nil }
func (nothing) InvokeEndpoint(context.Context, string, string, []byte) ([]byte, error) {
	return nil, nil
}
