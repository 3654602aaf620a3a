//go:build e2e

package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBucketPoliciesWithBoto3 opens and shuts a bucket.
func TestBucketPoliciesWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	if out := command(t, s.clientEnv(), "/usr/bin/python3", "policies.py"); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}

// TestBucketPoliciesWithAWS does so with the aws command, over a kill, and for a
// hosted site.
func TestBucketPoliciesWithAWS(t *testing.T) {
	t.Parallel()
	data, files := t.TempDir(), t.TempDir()
	s := start(t, data, "serve")
	page := filepath.Join(files, "index.html")
	if err := os.WriteFile(page, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.mustAWS("s3", "mb", "s3://shell-policies")
	s.mustAWS("s3", "cp", "--no-progress", page, "s3://shell-policies/index.html")
	s.mustAWS("s3", "cp", "--no-progress", page, "s3://shell-policies/inner/index.html")
	s.mustAWS("s3", "website", "s3://shell-policies", "--index-document", "index.html")
	const policy = `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shell-policies/*"},
		{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shell-policies/inner/*"}]}`
	s.mustAWS("s3api", "put-bucket-policy", "--bucket", "shell-policies", "--policy", policy)
	s.kill()
	s = start(t, data, "serve")
	var got struct{ Policy string }
	if err := json.Unmarshal([]byte(s.mustAWS("s3api", "get-bucket-policy", "--bucket", "shell-policies")), &got); err != nil || got.Policy != policy {
		t.Errorf("the policy is %s (%v)", got.Policy, err)
	}
	if out := s.mustAWS("s3api", "get-bucket-policy-status", "--bucket", "shell-policies"); !strings.Contains(out, `"IsPublic": true`) {
		t.Errorf("the status is %s", out)
	}
	s.mustAWS("--no-sign-request", "s3", "cp", "--no-progress", "s3://shell-policies/index.html", filepath.Join(files, "back"))
	for url, want := range map[string]int{
		s.control + "/shell-policies/index.html":             200,
		s.control + "/shell-policies/inner/index.html":       403,
		s.public + "/_site/shell-policies/":                  200,
		s.public + "/_site/shell-policies/inner/":            403,
		s.control + "/shell-policies":                        403,
		s.control + "/shell-policies/index.html?acl":         403,
		s.control + "/shell-policies/index.html?uploadId=of": 403,
	} {
		if status, body := get(t, url); status != want {
			t.Errorf("%s: %d %s, want %d", url, status, body, want)
		}
	}
	s.mustAWS("s3api", "delete-bucket-policy", "--bucket", "shell-policies")
	if status, _ := get(t, s.control+"/shell-policies/index.html"); status != 403 {
		t.Errorf("without a policy: %d", status)
	}
	if status, _ := get(t, s.public+"/_site/shell-policies/inner/"); status != 200 {
		t.Errorf("the site without a policy: %d", status)
	}
}

// TestPolicyOfWhatWasDone gives a user everything, lets them work, and puts the
// policy that is generated of it in its place.
func TestPolicyOfWhatWasDone(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	files := t.TempDir()
	file := filepath.Join(files, "a")
	if err := os.WriteFile(file, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.mustAWS("s3", "mb", "s3://done")
	s.mustAWS("iam", "create-user", "--user-name", "worker")
	s.mustAWS("iam", "attach-user-policy", "--user-name", "worker", "--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess")
	var key struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	if err := json.Unmarshal([]byte(s.mustAWS("iam", "create-access-key", "--user-name", "worker")), &key); err != nil {
		t.Fatal(err)
	}
	env := append(s.clientEnv(), "AWS_ACCESS_KEY_ID="+key.AccessKey.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+key.AccessKey.SecretAccessKey)
	work := func(args ...string) (string, error) {
		return try(t, env, "/usr/bin/aws", append([]string{"--endpoint-url", s.control, "--no-cli-pager"}, args...)...)
	}
	calls := [][]string{
		{"s3", "cp", "--no-progress", file, "s3://done/in/a*b.txt"}, {"s3", "ls", "s3://done/in/"}, {"sagemaker", "list-models"},
		{"s3", "cp", "--no-progress", "s3://done/in/a*b.txt", filepath.Join(files, "back")},
	}
	for _, call := range calls {
		if out, err := work(call...); err != nil {
			t.Fatalf("%v: %s", call, out)
		}
	}
	text := command(t, s.clientEnv(), binary, "policy", "generate", "--control", s.control, "--principal", "arn:aws:iam::000000000000:user/worker")
	policy := filepath.Join(files, "worker.json")
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(t, cleanEnv(), binary, "policy", "lint", "--strict", policy); !strings.Contains(out, "nothing found") {
		t.Errorf("%s in\n%s", out, text)
	}
	s.mustAWS("iam", "detach-user-policy", "--user-name", "worker", "--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess")
	if out, err := work(calls[2]...); err == nil {
		t.Errorf("without a policy: %s", out)
	}
	s.mustAWS("iam", "put-user-policy", "--user-name", "worker", "--policy-name", "done", "--policy-document", "file://"+policy)
	for _, call := range calls {
		if out, err := work(call...); err != nil {
			t.Errorf("%v with what was generated: %s", call, out)
		}
	}
	for _, call := range [][]string{{"s3", "cp", "--no-progress", file, "s3://done/in/axb.txt"}, {"s3", "rm", "s3://done/in/a*b.txt"}, {"sagemaker", "list-endpoints"}} {
		if out, err := work(call...); err == nil || !strings.Contains(out, "AccessDenied") {
			t.Errorf("%v: %s, want a refusal", call, out)
		}
	}
}
