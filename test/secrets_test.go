//go:build e2e

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// TestRolesWithBoto3 works with execution roles that may do just so much.
func TestRolesWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	if out := command(t, s.clientEnv(), "/usr/bin/python3", "roles.py"); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}

// mustUser makes a user who may do everything, and returns their key.
func (s *server) mustUser(name string) (id, secret string) {
	s.t.Helper()
	users := iam.NewFromConfig(s.sdk())
	must(users.CreateUser(s.t.Context(), &iam.CreateUserInput{UserName: &name}))
	must(users.PutUserPolicy(s.t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(policyText("Allow", "*", "*"))}))
	key := must(users.CreateAccessKey(s.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})).AccessKey
	return *key.AccessKeyId, *key.SecretAccessKey
}

func (s *server) as(id, secret, token string) aws.Config {
	cfg := s.sdk()
	cfg.RetryMaxAttempts = 1
	cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
	return cfg
}

// TestNothingSecretIsShown does all kinds of things with secrets, with the log at
// its most talkative, and looks for them in what the server printed, wrote and shows to
// others on the machine.
func TestNothingSecretIsShown(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve", "--log-level", "debug")
	ctx := t.Context()
	id, userSecret := s.mustUser("ann")
	for i := 0; !strings.Contains(userSecret, "/"); i++ { // as half of all secrets have; it is a delimiter in signatures
		id, userSecret = s.mustUser(fmt.Sprint("ann", i))
	}
	role := must(iam.NewFromConfig(s.sdk()).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`)})).Role
	ann := s.as(id, userSecret, "")
	session := must(sts.NewFromConfig(ann).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: aws.String("work")})).Credentials
	secrets := map[string]string{"root key": secret, "user's key": userSecret, "session's key": *session.SecretAccessKey, "session token": *session.SessionToken}
	for _, c := range []aws.Config{ann, s.as(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken),
		s.as(*session.AccessKeyId, *session.SecretAccessKey, ""), s.as(id, userSecret, *session.SessionToken), s.as(id, *session.SecretAccessKey, ""),
		s.as(userSecret, id, ""), s.as(*session.AccessKeyId, userSecret, "x"+*session.SessionToken)} {
		sagemaker.NewFromConfig(c).ListModels(ctx, &sagemaker.ListModelsInput{})
		s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("none"), Key: aws.String("none")})
		signed, err := s3.NewPresignClient(s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("none"), Key: aws.String("none")})
		if err == nil {
			get(t, signed.URL)
			get(t, signed.URL+"&x=1")
		}
	}
	if out, err := s.heliograph("keyring", "rotate", "--end-sessions", "--master"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	secrets["master key"] = strings.TrimSpace(string(must(os.ReadFile(filepath.Join(data, "master.key")))))
	shown := map[string]string{"the process list": string(must(os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.cmd.Process.Pid))))}
	s.stop()
	shown["the log"] = s.out.String()
	files := 0
	err := filepath.WalkDir(data, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && e.Name() != "master.key" {
			files++
			shown[strings.TrimPrefix(path, data)] = string(must(os.ReadFile(path)))
		}
		return err
	})
	if err != nil || files < 4 {
		t.Errorf("%d files, %v", files, err)
	}
	for where, text := range shown {
		for what, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows the %s", where, what)
			}
		}
	}
}

// heliograph runs a verb of the command against the server.
func (s *server) heliograph(args ...string) (string, error) {
	s.t.Helper()
	return try(s.t, append(s.clientEnv(), "HELIOGRAPH_DATA="+s.data), binary, args...)
}

// TestKeyringRotation rotates with and without a server, and with the master key
// in every place; keys go on working, and sessions do until they are ended.
func TestKeyringRotation(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	ctx := t.Context()
	id, userSecret := s.mustUser("ann")
	session := must(sts.NewFromConfig(s.as(id, userSecret, "")).GetSessionToken(ctx, &sts.GetSessionTokenInput{})).Credentials
	check := func(when string, session *types.Credentials, alive bool) {
		t.Helper()
		if _, err := sts.NewFromConfig(s.as(id, userSecret, "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
			t.Errorf("%s: the user's key: %v", when, err)
		}
		_, err := sts.NewFromConfig(s.as(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if (err == nil) != alive {
			t.Errorf("%s: the session: %v", when, err)
		}
	}
	run := func(env []string, args ...string) string {
		t.Helper()
		return command(t, append(append(s.clientEnv(), "HELIOGRAPH_DATA="+data), env...), binary, append([]string{"keyring"}, args...)...)
	}
	check("at first", session, true)
	if out := run(nil, "rotate"); out != "Data key 2 seals now. 1 secret sealed anew.\n" {
		t.Error(out)
	}
	check("rotated", session, true)
	if out, err := s.heliograph("keyring", "rotate", "--offline"); err == nil || !strings.Contains(out, "data directory") {
		t.Errorf("offline beside a server: %v: %s", err, out)
	}
	s.kill()
	run(nil, "rotate", "--offline", "--master")
	s = start(t, data, "serve")
	check("rotated without a server", session, true)
	run(nil, "rotate", "--end-sessions")
	check("sessions ended", session, false)
	s.stop()

	// From the file into the environment, with another key.
	old, next := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(data, "master.key"))))), strings.TrimSpace(run(nil, "generate"))
	if err := os.Remove(filepath.Join(data, "master.key")); err != nil {
		t.Fatal(err)
	}
	out, err := try(t, append(cleanEnv(), "HELIOGRAPH_ACCESS_KEY_ID="+keyID, "HELIOGRAPH_SECRET_ACCESS_KEY="+secret), binary, "serve", "--data", data, "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "master key") {
		t.Errorf("without its master key the server started: %s", out)
	}
	out, err = try(t, append(cleanEnv(), "HELIOGRAPH_MASTER_KEY="+next), binary, "serve", "--data", data, "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "not the master key") || strings.Contains(out, next) {
		t.Errorf("with another master key: %v: %s", err, out)
	}
	run([]string{"HELIOGRAPH_MASTER_KEY=" + old, "HELIOGRAPH_NEXT_MASTER_KEY=" + next}, "rotate", "--offline", "--master")
	var status struct{ Source, Next string }
	if err := json.Unmarshal([]byte(run([]string{"HELIOGRAPH_MASTER_KEY=" + old}, "status", "--offline", "--json")), &status); err != nil || status.Source != "environment" || status.Next == "" {
		t.Errorf("status %+v, %v", status, err)
	}
	s = startWith(t, []string{"HELIOGRAPH_MASTER_KEY=" + next}, data, "serve")
	check("with the next master key", session, false)
	if out := run(nil, "status"); !strings.Contains(out, "from environment") || strings.Contains(out, next) {
		t.Error(out)
	}
	s.stop()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
	s = startWith(t, []string{"HELIOGRAPH_MASTER_KEY_COMMAND=cat " + file}, data, "serve")
	check("with the master key from a command", session, false)
}

// TestKeyringSurvivesKills kills servers that rotate data keys and master key, at
// any point of that. Every key must sign afterwards.
func TestKeyringSurvivesKills(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "serve")
	var users [][2]string
	for i := range 5 {
		id, secret := s.mustUser(fmt.Sprint("user", i))
		users = append(users, [2]string{id, secret})
	}
	for round := range 8 {
		if out, err := s.heliograph("keyring", "rotate", "--master"); err != nil {
			t.Fatalf("round %d: %v: %s", round, err, out)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				if _, err := s.heliograph("keyring", "rotate", "--master"); err != nil {
					return // it was killed
				}
			}
		}()
		time.Sleep(time.Duration(40+37*round) * time.Millisecond)
		s.kill()
		<-done
		s = start(t, data, "serve")
		for _, u := range users {
			if _, err := sts.NewFromConfig(s.as(u[0], u[1], "")).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
				t.Fatalf("round %d: key %s: %v", round, u[0], err)
			}
		}
	}
	var status struct{ Current int }
	if out, err := s.heliograph("keyring", "status", "--json"); err != nil || json.Unmarshal([]byte(out), &status) != nil || status.Current < 9 {
		t.Errorf("after all the rotations: %v: %s", err, out)
	}
}
