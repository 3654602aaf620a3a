package route_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/store"
)

// functions knows classify, which needs an endpoint, and triage, which is proxied.
type functions struct{}

func (functions) Check(function string, config route.Config) error {
	if function != "classify" && function != "triage" {
		return errs.Invalidf("There is no function named %q.", function)
	}
	if function == "classify" && config.Endpoint == "" {
		return errs.Invalidf("The function classify needs the name of an endpoint to ask.")
	}
	return nil
}

func (functions) Proxied(function string) bool { return function == "triage" }

// auth notes what it is asked, and denies the action named deny.
type auth struct {
	mu    sync.Mutex
	deny  string
	asked []string
}

func (a *auth) Authorize(_ context.Context, action, resource string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, action+" "+resource)
	if action == a.deny {
		return errs.New(errs.Denied, "AccessDeniedException", "No.")
	}
	return nil
}

func (a *auth) Pass(ctx context.Context, role, source string) error {
	return a.Authorize(ctx, "iam:PassRole", role+" for "+source)
}

// permissions keeps grants as the functions do, in the same database.
type permissions struct {
	grants  *store.Collection[[]string]
	inForce map[string][]string // as of the last Reload
	fail    error               // of every change
}

func newPermissions(db *store.DB) *permissions {
	return &permissions{grants: store.NewCollection[[]string](db, "grant")}
}

func (p *permissions) Grant(ctx context.Context, function, sid string, arns []string) error {
	if err := p.Revoke(ctx, function, sid); err != nil {
		return err
	}
	_, err := p.grants.Create(ctx, store.Record[[]string]{Name: function + " " + sid, Doc: arns})
	return err
}

func (p *permissions) Revoke(ctx context.Context, function, sid string) error {
	if p.fail != nil {
		return p.fail
	}
	if _, err := p.grants.Delete(ctx, function+" "+sid, nil); !errs.Is(err, errs.NotFound) {
		return err
	}
	return nil
}

func (p *permissions) Reload(ctx context.Context) error {
	all, _, err := p.grants.List(ctx, store.Query{Order: store.ByName})
	p.inForce = map[string][]string{}
	for _, r := range all {
		p.inForce[r.Name] = r.Doc
	}
	return err
}

func open(t *testing.T, path string, a *auth) *route.Service {
	t.Helper()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := route.New(t.Context(), route.Options{DB: db, Authorizer: a, Functions: functions{}, Permissions: newPermissions(db), Roles: a, Role: "arn:aws:iam::000000000000:role/F", Region: "us-east-1", Account: "000000000000"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPut(t *testing.T, s *route.Service, r route.Route) route.Route {
	t.Helper()
	put, err := s.Put(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return put
}

func classify(path string) route.Route {
	return route.Route{Path: path, Function: "classify", Config: route.Config{Endpoint: "e", K: 2}}
}

func TestRoutesAreKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "db")
	s := open(t, file, &auth{})
	put := mustPut(t, s, classify("/blazingtext"))
	if !slices.Equal(put.Methods, []string{"POST", "PUT"}) || put.API != "default" || put.Integration != route.Passthrough || put.Created.IsZero() {
		t.Errorf("put %+v", put)
	}
	mustPut(t, s, route.Route{Path: "/v1/triage", Function: "triage", Methods: []string{"post", "GET", "POST"}})
	got, err := s.Get(t.Context(), "/v1/triage")
	if err != nil || got.Integration != route.Proxy || !slices.Equal(got.Methods, []string{"GET", "POST"}) {
		t.Errorf("got %+v, %v", got, err)
	}

	again := open(t, file, &auth{}) // another process over the same file
	list, err := again.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Path != "/blazingtext" || list[0].Config.K != 2 {
		t.Errorf("after a restart: %+v, %v", list, err)
	}
	if again.Table().Lookup("default", "/v1/triage") == nil {
		t.Error("after a restart the table is empty")
	}
}

func TestTheTableFollowsEveryChange(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "db"), &auth{})
	before := s.Table()
	mustPut(t, s, classify("/a"))
	r := s.Table().Lookup("default", "/a")
	if r == nil || !r.Allows("PUT") || r.Allows("GET") {
		t.Fatalf("the route is %+v", r)
	}
	if before.Lookup("default", "/a") != nil {
		t.Error("a table has changed")
	}
	if s.Table().Lookup("other", "/a") != nil || s.Table().Lookup("default", "/A") != nil || s.Table().Lookup("default", "/a/") != nil {
		t.Error("another path matches")
	}
	if arn := s.ARN(r, "PUT"); arn != "arn:aws:execute-api:us-east-1:000000000000:default/prod/PUT/a" {
		t.Errorf("the ARN is %s", arn)
	}
	replaced := mustPut(t, s, route.Route{Path: "/a", Function: "triage", Methods: []string{"ANY"}})
	if r := s.Table().Lookup("default", "/a"); r.Function != "triage" || len(r.Methods) != 5 || r.Config != (route.Config{}) || replaced.Updated.Before(replaced.Created) {
		t.Errorf("the route is %+v", r)
	}
	if _, err := s.Delete(t.Context(), "/a"); err != nil {
		t.Fatal(err)
	}
	if s.Table().Lookup("default", "/a") != nil {
		t.Error("a deleted route is in the table")
	}
}

func TestConcurrentChangesAllArrive(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "db"), &auth{})
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			path := fmt.Sprintf("/r%d", i)
			if _, err := s.Put(t.Context(), classify(path)); err != nil {
				t.Error(err)
			}
			if s.Table().Lookup("default", path) == nil {
				t.Errorf("%s is not in the table when Put has returned", path)
			}
		})
	}
	wait.Wait()
	for i := range 16 {
		if s.Table().Lookup("default", fmt.Sprintf("/r%d", i)) == nil {
			t.Errorf("/r%d was lost", i)
		}
	}
}

func TestRoutesThatCannotBe(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "db"), &auth{})
	mustPut(t, s, classify("/taken"))
	for name, c := range map[string]struct {
		route route.Route
		kind  errs.Kind
		want  string
	}{
		"no slash":     {classify("blazingtext"), errs.Invalid, "slash"},
		"empty":        {classify(""), errs.Invalid, "slash"},
		"root":         {classify("/"), errs.Invalid, "root"},
		"trailing":     {classify("/a/"), errs.Invalid, "empty segment"},
		"double":       {classify("/a//b"), errs.Invalid, "empty segment"},
		"dots":         {classify("/a/../b"), errs.Invalid, `".."`},
		"parameter":    {classify("/a/{id}"), errs.Invalid, "parameter"},
		"escape":       {classify("/a%2Fb"), errs.Invalid, `"%"`},
		"space":        {classify("/a b"), errs.Invalid, `" "`},
		"umlaut":       {classify("/größe"), errs.Invalid, "letters, digits"},
		"query":        {classify("/a?b"), errs.Invalid, `"?"`},
		"long":         {classify("/" + strings.Repeat("a", 255)), errs.Invalid, "255"},
		"deep":         {classify(strings.Repeat("/a", 17)), errs.Invalid, "17 segments"},
		"api prefix":   {classify("/_api/x"), errs.Invalid, "reserved"},
		"site prefix":  {classify("/_site"), errs.Invalid, "reserved"},
		"health":       {classify("/healthz"), errs.Invalid, "reserved"},
		"Health":       {classify("/Healthz/x"), errs.Invalid, "reserved"},
		"case":         {classify("/TAKEN"), errs.Conflict, "upper and lower case"},
		"no function":  {route.Route{Path: "/a"}, errs.Invalid, "no function"},
		"function":     {route.Route{Path: "/a", Function: "sing"}, errs.Invalid, `"sing"`},
		"no endpoint":  {route.Route{Path: "/a", Function: "classify"}, errs.Invalid, "endpoint"},
		"api":          {route.Route{API: "other", Path: "/a", Function: "triage"}, errs.NotFound, `"other"`},
		"method":       {route.Route{Path: "/a", Function: "triage", Methods: []string{"BREW"}}, errs.Invalid, `"BREW"`},
		"options":      {route.Route{Path: "/a", Function: "triage", Methods: []string{"OPTIONS"}}, errs.Invalid, "gateway"},
		"integration":  {route.Route{Path: "/a", Function: "triage", Integration: "mock"}, errs.Invalid, `"mock"`},
		"empty method": {route.Route{Path: "/a", Function: "triage", Methods: []string{""}}, errs.Invalid, "method"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Put(t.Context(), c.route)
			if errs.KindOf(err) != c.kind || !strings.Contains(errs.MessageOf(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestMissingRoutes(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "db"), &auth{})
	mustPut(t, s, classify("/here"))
	for _, path := range []string{"/nope", "/HERE", "", "here", "/\xff"} {
		if _, err := s.Get(t.Context(), path); !errs.Is(err, errs.NotFound) {
			t.Errorf("Get(%q) = %v", path, err)
		}
		if _, err := s.Delete(t.Context(), path); !errs.Is(err, errs.NotFound) {
			t.Errorf("Delete(%q) = %v", path, err)
		}
	}
	if s.Table().Lookup("default", "/here") == nil {
		t.Error("/here is gone")
	}
}

func TestEveryMethodAsksFirst(t *testing.T) {
	t.Parallel()
	for action, call := range map[string]func(s *route.Service) error{
		"apigateway:PUT":    func(s *route.Service) error { _, err := s.Put(t.Context(), classify("/a")); return err },
		"apigateway:DELETE": func(s *route.Service) error { _, err := s.Delete(t.Context(), "/a"); return err },
		"apigateway:GET": func(s *route.Service) error {
			if _, err := s.List(t.Context()); !errs.Is(err, errs.Denied) {
				return err
			}
			_, err := s.Get(t.Context(), "/a")
			return err
		},
	} {
		a := &auth{deny: action}
		s := open(t, filepath.Join(t.TempDir(), "db"), a)
		if err := call(s); !errs.Is(err, errs.Denied) {
			t.Errorf("%s: %v", action, err)
		}
		if want := action + " arn:aws:apigateway:us-east-1::/restapis/default/resources/a"; !slices.Contains(a.asked, want) {
			t.Errorf("asked %q, want %s", a.asked, want)
		}
		if s.Table().Lookup("default", "/a") != nil {
			t.Errorf("%s: something changed", action)
		}
	}
}

// A path that passes is one that clients send as it is, and never the listener's own.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/blazingtext", "/v1/a.b", "/", "", "//", "/a/", "/..", "/_api/default/prod/x", "/a%2f", "/\xff", "/{id}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if route.CheckPath(path) != nil {
			return
		}
		if len(path) < 2 || len(path) > route.MaxPath || path[0] != '/' || path[1] == '_' || filepath.Clean(path) != path {
			t.Fatalf("%q passes", path)
		}
		if strings.ContainsAny(path, "?#%\\ \x00{}") {
			t.Fatalf("%q passes", path)
		}
	})
}

// TestPermissionsGoWithRoutes holds what routes may run against what they are.
func TestPermissionsGoWithRoutes(t *testing.T) {
	t.Parallel()
	a := &auth{}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	granted := newPermissions(db)
	s, err := route.New(t.Context(), route.Options{DB: db, Authorizer: a, Functions: functions{}, Permissions: granted, Roles: a, Region: "us-east-1", Account: "000000000000"})
	if err != nil {
		t.Fatal(err)
	}
	want := func(all map[string]string) {
		t.Helper()
		got := map[string]string{}
		for id, arns := range granted.inForce {
			id = id[:strings.LastIndexByte(id, '-')] // a digest
			got[id] = strings.ReplaceAll(strings.Join(arns, " "), "default/*/", "")
		}
		if !maps.Equal(got, all) {
			t.Errorf("granted is %v, want %v", got, all)
		}
	}
	mustPut(t, s, classify("/a"))
	mustPut(t, s, route.Route{Path: "/v1/b.c~d", Function: "triage", Methods: []string{"ANY"}})
	want(map[string]string{"classify route-a": "POST/a PUT/a", "triage route-v1-b-c-d": "*/v1/b.c~d"})
	mustPut(t, s, route.Route{Path: "/a", Function: "triage", Methods: []string{"GET"}})
	want(map[string]string{"triage route-a": "GET/a", "triage route-v1-b-c-d": "*/v1/b.c~d"})
	if _, err := s.Put(t.Context(), classify("/A")); !errs.Is(err, errs.Conflict) {
		t.Errorf("another spelling: %v", err)
	}
	if _, err := s.Delete(t.Context(), "/v1/b.c~d"); err != nil {
		t.Fatal(err)
	}
	want(map[string]string{"triage route-a": "GET/a"})
	a.deny = "lambda:AddPermission"
	if _, err := s.Put(t.Context(), classify("/c")); !errs.Is(err, errs.Denied) || s.Table().Lookup("default", "/c") != nil {
		t.Errorf("without the right to give permissions: %v", err)
	}
	if last := a.asked[len(a.asked)-1]; last != "lambda:AddPermission arn:aws:lambda:us-east-1:000000000000:function:classify" {
		t.Errorf("asked was %s", last)
	}
	a.deny = ""
	granted.fail = errors.New("the disk is on fire")
	if _, err := s.Put(t.Context(), classify("/c")); err == nil {
		t.Error("a route is put without its permission")
	}
	if _, err := s.Delete(t.Context(), "/a"); err == nil {
		t.Error("a route is gone without its permission")
	}
	granted.fail = nil
	if list, err := s.List(t.Context()); err != nil || len(list) != 1 || list[0].Path != "/a" {
		t.Errorf("after two failures there are %+v (%v)", list, err)
	}
}
