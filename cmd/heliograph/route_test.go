package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/function"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/rest"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/store"
)

type routeFunctions struct{ *function.Registry }

func (f routeFunctions) Check(name string, c route.Config) error {
	return f.Registry.Check(name, function.Config(c))
}

// routeServer is the REST API over real services, with the root key that it
// takes in a data directory.
func routeServer(t *testing.T) (url, data string) {
	t.Helper()
	data = t.TempDir()
	key, _, err := iam.LoadOrCreateRootKey(data, "", "")
	if err != nil {
		t.Fatal(err)
	}
	auth, err := iam.New(iam.Config{RootKey: key, AccountID: "000000000000", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), filepath.Join(data, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	permissions, err := function.NewPolicies(t.Context(), db, "us-east-1", "000000000000")
	if err != nil {
		t.Fatal(err)
	}
	routes, err := route.New(t.Context(), route.Options{DB: db, Permissions: permissions, Authorizer: auth, Functions: routeFunctions{function.NewRegistry(nil, nil)},
		Roles: auth.ForService("lambda.amazonaws.com", "function"), Role: auth.RoleARN(iam.FunctionRole), Region: "us-east-1", Account: "000000000000"})
	if err != nil {
		t.Fatal(err)
	}
	api := rest.New(rest.Options{Routes: routes, Authorizer: auth, Info: func() rest.Info { return rest.Info{} }, Logger: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := auth.Verify(r)
		if err != nil {
			rest.WriteError(w, r, err)
			return
		}
		api.ServeHTTP(w, r.WithContext(iam.WithPrincipal(r.Context(), result.Principal)))
	}))
	t.Cleanup(server.Close)
	return server.URL, data
}

// Not parallel: the command takes its key from the environment first.
func TestRouteCommand(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HELIOGRAPH_REGION"} {
		t.Setenv(name, "")
	}
	url, data := routeServer(t)
	for _, step := range []struct {
		args string
		out  string // a part of the output, or of the error after "error: "
	}{
		{"list", "There are no routes."},
		{"put /blazingtext --function classify --endpoint dbpedia --method put --k 2", "PUT /blazingtext runs classify(dbpedia, k=2).\n"},
		{"put /v1/labels --function classify-json --endpoint dbpedia", "POST|PUT /v1/labels runs classify-json(dbpedia).\n"},
		{"list", "/blazingtext   PUT        classify(dbpedia, k=2)   passthrough\n/v1/labels     POST|PUT   classify-json(dbpedia)   proxy\n"},
		{"put /x --function sing", `error: There is no function named "sing".`},
		{"put /_site/x --function classify --endpoint e", "error: The path /_site/x is reserved"},
		{"put /x", `error: required flag(s) "function" not set`},
		{"delete /v1/labels", "/v1/labels is removed.\n"},
		{"delete /v1/labels", "error: There is no route /v1/labels."},
		{"list --region eu-west-1", "error: "},
		{"list --data /nonexistent", "error: there is no key to sign with"},
		{"list --control http://127.0.0.1:1", "error: The server at http://127.0.0.1:1 can't be reached."},
	} {
		c := newRouteCommand()
		var out bytes.Buffer
		c.SetOut(&out)
		c.SetErr(&out)
		c.SilenceUsage, c.SilenceErrors = true, true
		args := strings.Fields(step.args)
		c.SetArgs(append([]string{args[0], "--control", url, "--data", data}, args[1:]...))
		err := c.ExecuteContext(t.Context())
		got := out.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.Contains(got, step.out) {
			t.Errorf("route %s: got %q, want %q", step.args, got, step.out)
		}
	}
	// A key in the environment goes before the file, and others can't read the file.
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
	c := newRouteCommand()
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs([]string{"list", "--control", url, "--data", data})
	if err := c.ExecuteContext(t.Context()); err == nil {
		t.Error("an unknown key is taken")
	}
	if err := os.Chmod(filepath.Join(data, iam.RootKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a readable key file: %v", err)
	}
}
