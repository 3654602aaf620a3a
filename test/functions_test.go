//go:build e2e

package test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFunctionsWithBoto3 calls functions, and lets others call them.
func TestFunctionsWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	if out := command(t, s.clientEnv(), "/usr/bin/python3", "functions.py"); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}

// TestFunctionsWithAWS takes a route's permission away and gives it back, with
// the aws command and over a kill.
func TestFunctionsWithAWS(t *testing.T) {
	t.Parallel()
	data, files := t.TempDir(), t.TempDir()
	event, answer := filepath.Join(files, "event"), filepath.Join(files, "answer")
	if err := os.WriteFile(event, []byte(`{"body": "hello"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, data, "serve")
	post := func(want int) {
		t.Helper()
		response, err := http.Post(s.public+"/triage", "application/json", strings.NewReader(`{"body": "hello"}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("the route answers %d, want %d", response.StatusCode, want)
		}
	}
	if out, err := s.heliograph("route", "put", "/triage", "--function", "triage"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	post(503) // the function says that it has no endpoints
	var policy struct{ Policy string }
	if err := json.Unmarshal([]byte(s.mustAWS("lambda", "get-policy", "--function-name", "triage")), &policy); err != nil {
		t.Fatal(err)
	}
	var document struct {
		Statement []struct {
			Sid       string
			Principal map[string]string
		}
	}
	if err := json.Unmarshal([]byte(policy.Policy), &document); err != nil || len(document.Statement) != 1 || document.Statement[0].Principal["Service"] != "apigateway.amazonaws.com" {
		t.Fatalf("the policy is %s (%v)", policy.Policy, err)
	}
	s.mustAWS("lambda", "remove-permission", "--function-name", "triage", "--statement-id", document.Statement[0].Sid)
	post(500)
	s.kill()
	s = start(t, data, "serve")
	post(500)
	s.mustAWS("lambda", "add-permission", "--function-name", "triage", "--statement-id", "mine", "--action", "lambda:InvokeFunction",
		"--principal", "apigateway.amazonaws.com", "--source-arn", "arn:aws:execute-api:us-east-1:000000000000:default/*/POST/triage")
	post(503)
	s.kill()
	s = start(t, data, "serve")
	post(503)

	if out := s.mustAWS("lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "text"); out != "classify\tclassify-json\ttriage\n" {
		t.Errorf("the functions are %q", out)
	}
	if out := s.mustAWS("lambda", "invoke", "--function-name", "triage", "--payload", "fileb://"+event, answer); !strings.Contains(out, `"StatusCode": 200`) {
		t.Errorf("invoke says %s", out)
	}
	if text, err := os.ReadFile(answer); err != nil || !strings.HasPrefix(string(text), `{"statusCode": 503, `) {
		t.Errorf("the answer is %s (%v)", text, err)
	}
	if out := s.mustAWS("lambda", "invoke", "--function-name", "triage", "--invocation-type", "Event", "--payload", "fileb://"+event, answer); !strings.Contains(out, `"StatusCode": 202`) {
		t.Errorf("invoke later says %s", out)
	}
	if out, err := s.aws("lambda", "update-function-configuration", "--function-name", "triage", "--timeout", "5"); err == nil || !strings.Contains(out, "built in and can't be created, changed or deleted") {
		t.Errorf("update says %s (%v)", out, err)
	}
	out, err := s.heliograph("audit", "list", "--principal", "apigateway.amazonaws.com", "--decision", "denied")
	if err != nil || !strings.Contains(out, "lambda:InvokeFunction") {
		t.Errorf("the trail says %s (%v)", out, err)
	}
}
