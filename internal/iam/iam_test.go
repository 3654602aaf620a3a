package iam_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// mustAct is a role that a service acts as.
func mustAct(t testing.TB, s *iam.Service, service, role string) iam.Principal {
	t.Helper()
	ctx, err := s.ForService(service, "test").Assume(t.Context(), s.RoleARN(role), "")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := iam.PrincipalOf(ctx)
	return p
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const endpoint = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"
	for name, c := range map[string]struct {
		who              iam.Principal
		action, resource string
		want             bool
	}{
		"root may do anything":                  {s.RootPrincipal(), "sagemaker:CreateTrainingJob", "arn:aws:sagemaker:us-east-1:000000000000:training-job/x", true},
		"function invokes":                      {mustAct(t, s, "lambda.amazonaws.com", iam.FunctionRole), "sagemaker:InvokeEndpoint", endpoint, true},
		"function invokes, other case":          {mustAct(t, s, "lambda.amazonaws.com", iam.FunctionRole), "SageMaker:invokeendpoint", endpoint, true},
		"function does not delete":              {mustAct(t, s, "lambda.amazonaws.com", iam.FunctionRole), "sagemaker:DeleteEndpoint", endpoint, false},
		"function stays in its account":         {mustAct(t, s, "lambda.amazonaws.com", iam.FunctionRole), "sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:111111111111:endpoint/e", false},
		"function invokes endpoints only":       {mustAct(t, s, "lambda.amazonaws.com", iam.FunctionRole), "sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:000000000000:model/e", false},
		"training reads buckets":                {mustAct(t, s, "sagemaker.amazonaws.com", iam.ExecutionRole), "s3:GetObject", "arn:aws:s3:::b/k", true},
		"training writes logs":                  {mustAct(t, s, "sagemaker.amazonaws.com", iam.ExecutionRole), "logs:PutLogEvents", "arn:aws:logs:us-east-1:000000000000:log-group:x", true},
		"training does not create jobs":         {mustAct(t, s, "sagemaker.amazonaws.com", iam.ExecutionRole), "sagemaker:CreateTrainingJob", "*", false},
		"training has no s3x":                   {mustAct(t, s, "sagemaker.amazonaws.com", iam.ExecutionRole), "s3x:GetObject", "*", false},
		"anonymous invokes routes":              {s.AnonymousPrincipal(), "execute-api:Invoke", "arn:aws:execute-api:us-east-1:000000000000:default/x", true},
		"anonymous reads sites":                 {s.AnonymousPrincipal(), "s3:GetObject", "arn:aws:s3:::site/index.html", true},
		"anonymous does not write":              {s.AnonymousPrincipal(), "s3:PutObject", "arn:aws:s3:::site/index.html", false},
		"anonymous does not list":               {s.AnonymousPrincipal(), "s3:ListBucket", "arn:aws:s3:::site", false},
		"a principal made elsewhere has none":   {iam.Principal{ARN: s.RootPrincipal().ARN, AccountID: "000000000000"}, "s3:GetObject", "*", false},
		"the zero principal may not do a thing": {iam.Principal{}, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := s.Authorize(iam.WithPrincipal(t.Context(), c.who), c.action, c.resource)
			if (err == nil) != c.want {
				t.Fatalf("got %v, want allowed: %v", err, c.want)
			}
			if err != nil {
				for _, part := range []string{c.who.ARN, c.action, c.resource} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not name %q", err, part)
					}
				}
				if !errs.Is(err, errs.Denied) || errs.CodeOf(err) != iam.CodeAccessDenied {
					t.Errorf("got kind %v, code %q", errs.KindOf(err), errs.CodeOf(err))
				}
			}
		})
	}
	if err := s.Authorize(context.Background(), "s3:GetObject", "*"); !errs.Is(err, errs.Unauthenticated) || errs.CodeOf(err) != iam.CodeMissingToken {
		t.Errorf("without a principal: got %v", err)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := iam.WithPrincipal(t.Context(), s.RootPrincipal())
	p, err := s.CallerIdentity(ctx)
	if err != nil || p.ARN != "arn:aws:sts::000000000000:assumed-role/SageMakerRole/local" || p.AccessKeyID != testKey.ID ||
		!strings.HasPrefix(p.UserID, "AROA") || !strings.HasSuffix(p.UserID, ":local") || len(p.UserID) != 21+len(":local") {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, name := range []string{iam.ExecutionRole, iam.FunctionRole} {
		r, err := s.GetRole(ctx, name)
		if err != nil || r.ARN != "arn:aws:iam::000000000000:role/"+name || !strings.HasPrefix(p.UserID+s.RoleID(name), p.UserID) {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"unknown role":         {second(s.GetRole(ctx, "Nobody")), "NoSuchEntity"},
		"empty role":           {second(s.GetRole(ctx, "")), "ValidationError"},
		"role with a slash":    {second(s.GetRole(ctx, "a/b")), "ValidationError"},
		"long role":            {second(s.GetRole(ctx, strings.Repeat("a", 65))), "ValidationError"},
		"role without right":   {second(s.GetRole(iam.WithPrincipal(ctx, mustAct(t, s, "lambda.amazonaws.com", iam.FunctionRole)), iam.ExecutionRole)), iam.CodeAccessDenied},
		"role without caller":  {second(s.GetRole(context.Background(), iam.ExecutionRole)), iam.CodeMissingToken},
		"user of a session":    {second(s.GetUser(ctx, "")), "ValidationError"},
		"unknown user":         {second(s.GetUser(ctx, "Bob")), "NoSuchEntity"},
		"user without right":   {second(s.GetUser(iam.WithPrincipal(ctx, mustAct(t, s, "lambda.amazonaws.com", iam.FunctionRole)), "Bob")), iam.CodeAccessDenied},
		"identity of nobody":   {second(s.CallerIdentity(context.Background())), iam.CodeMissingToken},
		"user without caller":  {second(s.GetUser(context.Background(), "")), iam.CodeMissingToken},
		"user with a bad name": {second(s.GetUser(ctx, "a b")), "ValidationError"},
	} {
		if errs.CodeOf(c.err) != c.code {
			t.Errorf("%s: got %v, want code %s", name, c.err, c.code)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := iam.Config{RootKey: testKey, AccountID: "000000000000", Region: "us-east-1"}
	for name, change := range map[string]func(*iam.Config){
		"no key":         func(c *iam.Config) { c.RootKey = iam.Key{} },
		"slash in id":    func(c *iam.Config) { c.RootKey.ID = "a/b/c" },
		"short secret":   func(c *iam.Config) { c.RootKey.Secret = "short" },
		"short account":  func(c *iam.Config) { c.AccountID = "1" },
		"letter account": func(c *iam.Config) { c.AccountID = "00000000000a" },
		"no region":      func(c *iam.Config) { c.Region = "" },
	} {
		c := good
		change(&c)
		if _, err := iam.New(c); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: got %v", name, err)
		} else if strings.Contains(err.Error(), "short") && name == "short secret" && strings.Contains(err.Error(), `"short"`) {
			t.Errorf("%s: the message shows the secret: %v", name, err)
		}
	}
}

func TestRootKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	key, created, err := iam.LoadOrCreateRootKey(dir, "", "")
	if err != nil || !created || len(key.ID) != 20 || !strings.HasPrefix(key.ID, "AKIA") || len(key.Secret) != 40 {
		t.Fatalf("first: %v (created %v), %v", key, created, err)
	}
	again, created, err := iam.LoadOrCreateRootKey(dir, "", "")
	if err != nil || created || again != key {
		t.Errorf("second: %v (created %v), %v", again, created, err)
	}
	if read, err := iam.ReadRootKey(dir); err != nil || read != key {
		t.Errorf("read: %v, %v", read, err)
	}
	env, created, err := iam.LoadOrCreateRootKey(dir, "test", "test-secret")
	if err != nil || created || env != (iam.Key{ID: "test", Secret: "test-secret"}) {
		t.Errorf("environment: %v (created %v), %v", env, created, err)
	}
	path := filepath.Join(dir, iam.RootKeyFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("files: %v", left)
	}
	other, _, err := iam.LoadOrCreateRootKey(t.TempDir(), "", "")
	if err != nil || other.ID == key.ID || other.Secret == key.Secret {
		t.Errorf("another directory has the same key")
	}
}

func TestRootKeyRefusals(t *testing.T) {
	t.Parallel()
	const good = "[default]\naws_access_key_id = AKIAAAAAAAAAAAAAAAAA\naws_secret_access_key = topsecrettopsecret\n"
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		id   string
		sec  string
		want string
	}{
		"group may read":   {text: good, mode: 0o640, want: "chmod 600"},
		"others may read":  {text: good, mode: 0o604, want: "chmod 600"},
		"others may write": {text: good, mode: 0o602, want: "chmod 600"},
		"empty":            {mode: 0o600, want: "restore the file"},
		"no secret":        {text: "aws_access_key_id = AKIAAAAAAAAAAAAAAAAA\n", mode: 0o600, want: "restore the file"},
		"not settings":     {text: "hello topsecrettopsecret\n", mode: 0o600, want: "line 1"},
		"secret twice":     {text: good + "aws_secret_access_key = topsecrettopsecret2\n", mode: 0o600, want: "line 4"},
		"too long":         {text: strings.Repeat("#", 5000), mode: 0o600, want: "too long"},
		"only an id":       {id: "test", want: "both"},
		"only a secret":    {sec: "topsecrettopsecret", want: "both"},
		"bad id":           {id: "a b", sec: "topsecrettopsecret", want: "letters"},
		"short secret":     {id: "test", sec: "topsec", want: "8 to 256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if c.mode != 0 {
				path := filepath.Join(dir, iam.RootKeyFile)
				if err := errors.Join(os.WriteFile(path, []byte(c.text), 0o600), os.Chmod(path, c.mode)); err != nil {
					t.Fatal(err)
				}
			}
			_, created, err := iam.LoadOrCreateRootKey(dir, c.id, c.sec)
			if err == nil || created || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "topsec") {
				t.Errorf("got %v (created %v), want something about %q and no secret", err, created, c.want)
			}
		})
	}
	if _, err := iam.ReadRootKey(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}

func TestKeysDoNotPrintTheirSecret(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, testKey) + fmt.Sprintf(verb, struct{ K iam.Key }{testKey}); strings.Contains(text, testKey.Secret) {
			t.Errorf("%s shows the secret: %s", verb, text)
		}
	}
}
