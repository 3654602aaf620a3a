package app

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/route"
	"github.com/heliograph/heliograph/internal/store"
)

// lambda sends a signed request to Lambda's API.
func (h *house) lambda(t *testing.T, key iam.Key, method, path, body string) (int, string) {
	t.Helper()
	r := mustRequest(t, method, h.ControlURL()+"/2015-03-31/functions"+path, body)
	sign(t, r, body, key, "lambda", time.Now())
	response, text := send(t, http.DefaultClient, r)
	return response.StatusCode, text
}

// routed asks a route for triage, whose endpoints are missing: 503 says that the
// function ran.
func (h *house) routed(t *testing.T, path string) int {
	t.Helper()
	response, body := send(t, http.DefaultClient, mustRequest(t, "POST", h.PublicURL()+path, `{"body": "hello"}`))
	if response.StatusCode == 500 && body != `{"message": "Internal server error"}` {
		t.Errorf("the caller is told %s", body)
	}
	return response.StatusCode
}

func (h *house) mustPut(t *testing.T, r route.Route) {
	t.Helper()
	if _, err := h.routes.Put(iam.WithPrincipal(t.Context(), h.iam.RootPrincipal()), r); err != nil {
		t.Fatal(err)
	}
}

// TestRoutesNeedPermission follows what a route may do through the function's
// policy, over a restart.
func TestRoutesNeedPermission(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	h := mustServe(t, func(c *Config) { c.Data = data })
	triage := route.Route{Path: "/triage", Function: "triage", Methods: []string{"POST", "GET"}}
	h.mustPut(t, triage)
	h.mustPut(t, route.Route{Path: "/other/triage", Function: "triage", Methods: []string{"ANY"}})
	policy := func() string {
		t.Helper()
		_, text := h.lambda(t, rootKey, "GET", "/triage/policy", "")
		var out struct{ Policy string }
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return out.Policy
	}
	const arn = "arn:aws:execute-api:us-east-1:000000000000:default/*/"
	first := policy()
	for _, want := range []string{`"Sid":"route-triage-`, `["` + arn + `GET/triage","` + arn + `POST/triage"]`, `"Sid":"route-other-triage-`, `"AWS:SourceArn":"` + arn + `*/other/triage"`,
		`"Principal":{"Service":"apigateway.amazonaws.com"}`} {
		if !strings.Contains(first, want) {
			t.Errorf("the policy %s has no %s", first, want)
		}
	}
	if status := h.routed(t, "/triage"); status != 503 {
		t.Errorf("the route answers %d", status)
	}
	var doc struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(first), &doc); err != nil {
		t.Fatal(err)
	}
	sid := doc.Statement[0].Sid
	if status, text := h.lambda(t, rootKey, "DELETE", "/triage/policy/"+sid, ""); status != 204 {
		t.Fatalf("remove: %d %s", status, text)
	}
	if status := h.routed(t, "/triage"); status != 500 {
		t.Errorf("without its permission the route answers %d", status)
	}
	if status := h.routed(t, "/other/triage"); status != 503 {
		t.Errorf("the other route answers %d", status)
	}
	if log := h.logs.String(); !strings.Contains(log, "is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:triage because no resource-based policy allows") {
		t.Errorf("the log has no cause: %s", log)
	}
	found, err := h.audit.Find(t.Context(), audit.Query{Principal: route.GatewayService, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	trail := ""
	for _, line := range found.Entries {
		trail += string(line) + "\n"
	}
	for _, want := range []string{`"lambda:InvokeFunction"`, `"function:triage"`, sid, `"denied"`} {
		if !strings.Contains(trail, want) {
			t.Errorf("the trail of the gateway has no %s: %s", want, trail)
		}
	}

	h.stop()
	h = mustServe(t, func(c *Config) { c.Data = data })
	if status := h.routed(t, "/triage"); status != 500 {
		t.Errorf("after a restart the permission that was removed is back: %d", status)
	}
	status, text := h.lambda(t, rootKey, "POST", "/triage/policy",
		`{"StatementId": "mine", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": "`+arn+`GET/*"}`)
	if status != 201 || h.routed(t, "/triage") != 500 {
		t.Errorf("a permission for another method lets POST in: %d %s", status, text)
	}
	h.mustPut(t, triage)
	if status := h.routed(t, "/triage"); status != 503 {
		t.Errorf("put again, the route answers %d", status)
	}
	if _, err := h.routes.Delete(iam.WithPrincipal(t.Context(), h.iam.RootPrincipal()), "/triage"); err != nil {
		t.Fatal(err)
	}
	if now := policy(); strings.Contains(now, sid) || !strings.Contains(now, `"mine"`) {
		t.Errorf("after the route is deleted: %s", now)
	}
}

// TestOldRoutesGetTheirPermission starts on a route that was stored before routes
// needed one, twice, and in another region.
func TestOldRoutesGetTheirPermission(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	cfg := DefaultConfig()
	cfg.Data = data
	db, err := store.Open(t.Context(), cfg.databaseFile())
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.NewCollection[route.Route](db, "route").Create(t.Context(), store.Record[route.Route]{Name: "default/old",
		Doc: route.Route{API: "default", Path: "/old", Methods: []string{"POST"}, Function: "triage", Integration: route.Proxy}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, region := range []string{"us-east-1", "us-east-1", "eu-west-1"} {
		h := mustServe(t, func(c *Config) { c.Data, c.Region = data, region })
		if status := h.routed(t, "/old"); status != 503 {
			t.Errorf("the old route answers %d", status)
		}
		h.stop()
	}
}

// TestWhoMayCallFunctions tries users with rights of their own, by the function's
// policy, and without any.
func TestWhoMayCallFunctions(t *testing.T) {
	t.Parallel()
	h := mustServe(t, nil)
	const function = "arn:aws:lambda:us-east-1:000000000000:function:triage"
	allow := func(effect, action, resource string) string {
		return `{"Effect": "` + effect + `", "Action": "` + action + `", "Resource": "` + resource + `"}`
	}
	policy := func(statements ...string) string {
		return `{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`
	}
	keys := map[string]iam.Key{
		"caller":  h.mustUser(t, "caller", policy(allow("Allow", "lambda:InvokeFunction", function))),
		"named":   h.mustUser(t, "named", ""),
		"denied":  h.mustUser(t, "denied", policy(allow("Deny", "lambda:*", "*"))),
		"else":    h.mustUser(t, "else", policy(allow("Allow", "lambda:InvokeFunction", function+"2"))),
		"opener":  h.mustUser(t, "opener", policy(allow("Allow", "lambda:AddPermission", function))),
		"gateway": h.mustUser(t, "gateway", policy(allow("Allow", "apigateway:*", "*"), allow("Allow", "iam:PassRole", "*"))),
	}
	try := func(name string, want int) {
		t.Helper()
		status, text := h.lambda(t, keys[name], "POST", "/triage/invocations", `{"body": "hello"}`)
		if status != want || want == 403 && !strings.Contains(text, "is not authorized to perform: lambda:InvokeFunction on resource: "+function) {
			t.Errorf("%s: %d %s, want %d", name, status, text, want)
		}
	}
	for name, want := range map[string]int{"caller": 200, "named": 403, "denied": 403, "else": 403, "opener": 403} {
		try(name, want)
	}
	for id, principal := range map[string]string{
		"one": "arn:aws:iam::000000000000:user/named", "two": "arn:aws:iam::000000000000:user/denied", "three": "000000000000",
	} {
		body := `{"StatementId": "` + id + `", "Action": "lambda:InvokeFunction", "Principal": "` + principal + `"}`
		if status, text := h.lambda(t, keys["caller"], "POST", "/triage/policy", body); status != 403 {
			t.Errorf("the caller opens the function: %d %s", status, text)
		}
		if status, text := h.lambda(t, keys["opener"], "POST", "/triage/policy", body); status != 201 {
			t.Errorf("%s: %d %s", id, status, text)
		}
	}
	// Naming the account allows nothing by itself, and a deny wins.
	for name, want := range map[string]int{"caller": 200, "named": 200, "denied": 403, "else": 403, "opener": 403} {
		try(name, want)
	}
	if status, _ := h.lambda(t, keys["opener"], "DELETE", "/triage/policy/one", ""); status != 403 {
		t.Errorf("AddPermission is good for RemovePermission: %d", status)
	}
	if status, text := h.lambda(t, rootKey, "DELETE", "/triage/policy/one", ""); status != 204 {
		t.Errorf("%d %s", status, text)
	}
	try("named", 403)

	put := func(name string) (int, string) {
		body := `{"function": "triage"}`
		r := mustRequest(t, "PUT", h.ControlURL()+"/api/v1/routes/x", body)
		r.Header.Set("Content-Type", "application/json")
		sign(t, r, body, keys[name], "heliograph", time.Now())
		response, text := send(t, http.DefaultClient, r)
		return response.StatusCode, text
	}
	if status, text := put("gateway"); status != 403 || !strings.Contains(text, "lambda:AddPermission") {
		t.Errorf("a route opens a function to the public without the right to: %d %s", status, text)
	}
	keys["gateway2"] = h.mustUser(t, "gateway2", policy(allow("Allow", "apigateway:*", "*"), allow("Allow", "iam:PassRole", "*"),
		`{"Effect": "Allow", "Action": "lambda:AddPermission", "Resource": "*", "Condition": {"StringEquals": {"lambda:Principal": "apigateway.amazonaws.com"}}}`))
	if status, text := put("gateway2"); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	body := `{"StatementId": "y", "Action": "lambda:InvokeFunction", "Principal": "*"}`
	if status, text := h.lambda(t, keys["gateway2"], "POST", "/triage/policy", body); status != 403 {
		t.Errorf("who may open functions to the gateway opens one to all: %d %s", status, text)
	}
}
