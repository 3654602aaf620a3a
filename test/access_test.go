//go:build e2e

package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// TestAccessWithBoto3 creates a user, a group, a role, policies and sessions, and
// works within and without their rights.
func TestAccessWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	if out := command(t, s.clientEnv(), "/usr/bin/python3", "access.py"); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}

// policyText is a policy with one statement.
func policyText(effect, action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":%q}]}`, effect, action, resource)
}

// TestAccessWithAWS does it with the aws command, and goes over a restart: rights
// and keys are kept.
func TestAccessWithAWS(t *testing.T) {
	t.Parallel()
	data, files := t.TempDir(), t.TempDir()
	s := start(t, data, "serve")
	file := func(name, text string) string {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(out string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
	}
	s.mustAWS("s3", "mb", "s3://shell-access")
	s.mustAWS("s3", "cp", file("a.txt", "a"), "s3://shell-access/in/a.txt")
	s.mustAWS("iam", "create-user", "--user-name", "sh-ann", "--tags", "Key=team,Value=support")
	var key struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	read(s.mustAWS("iam", "create-access-key", "--user-name", "sh-ann"), &key)
	as := func(id, secret, token string) func(args ...string) (string, error) {
		return func(args ...string) (string, error) {
			env := append(s.clientEnv(), "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret)
			if token != "" {
				env = append(env, "AWS_SESSION_TOKEN="+token)
			}
			return try(t, env, "/usr/bin/aws", append([]string{"--endpoint-url", s.control, "--no-cli-pager", "--output", "json"}, args...)...)
		}
	}
	ann := as(key.AccessKey.AccessKeyId, key.AccessKey.SecretAccessKey, "")
	allowed := func(out string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("refused: %s", out)
		}
	}
	denied := func(text string) func(string, error) {
		return func(out string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(out, text) {
				t.Errorf("got %s, want a refusal with %s", out, text)
			}
		}
	}
	denied("AccessDenied")(ann("s3api", "get-object", "--bucket", "shell-access", "--key", "in/a.txt", filepath.Join(files, "back")))
	denied("is not authorized to perform: sagemaker:ListEndpoints")(ann("sagemaker", "list-endpoints"))

	var policy struct{ Policy struct{ Arn string } }
	read(s.mustAWS("iam", "create-policy", "--policy-name", "sh-reader", "--policy-document", "file://"+file("p.json", policyText("Allow", "s3:Get*", "arn:aws:s3:::shell-access/in/*"))), &policy)
	s.mustAWS("iam", "attach-user-policy", "--user-name", "sh-ann", "--policy-arn", policy.Policy.Arn)
	s.mustAWS("iam", "put-user-policy", "--user-name", "sh-ann", "--policy-name", "assume", "--policy-document", policyText("Allow", "sts:AssumeRole", "*"))
	allowed(ann("s3api", "get-object", "--bucket", "shell-access", "--key", "in/a.txt", filepath.Join(files, "back")))
	denied("AccessDenied")(ann("s3", "cp", filepath.Join(files, "back"), "s3://shell-access/in/b.txt"))

	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}]}`
	s.mustAWS("iam", "create-role", "--role-name", "sh-seer", "--assume-role-policy-document", trust, "--max-session-duration", "3600")
	s.mustAWS("iam", "attach-role-policy", "--role-name", "sh-seer", "--policy-arn", "arn:aws:iam::aws:policy/AmazonSageMakerReadOnly")
	var assumed struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	}
	out, err := ann("sts", "assume-role", "--role-arn", "arn:aws:iam::000000000000:role/sh-seer", "--role-session-name", "look")
	allowed(out, err)
	read(out, &assumed)
	session := as(assumed.Credentials.AccessKeyId, assumed.Credentials.SecretAccessKey, assumed.Credentials.SessionToken)
	allowed(session("sagemaker", "list-endpoints"))
	denied("AccessDenied")(session("s3api", "get-object", "--bucket", "shell-access", "--key", "in/a.txt", filepath.Join(files, "back")))

	s.kill()
	s = start(t, data, "serve")
	allowed(session("sagemaker", "list-endpoints"))
	allowed(ann("s3api", "get-object", "--bucket", "shell-access", "--key", "in/a.txt", filepath.Join(files, "back")))
	denied("AccessDenied")(ann("sagemaker", "list-endpoints"))
	for _, list := range []string{"list-users", "list-roles", "list-policies", "list-groups", "list-instance-profiles", "list-account-aliases", "get-account-summary"} {
		s.mustAWS("iam", list)
	}
	s.mustAWS("iam", "delete-access-key", "--user-name", "sh-ann", "--access-key-id", key.AccessKey.AccessKeyId)
	denied("InvalidClientTokenId")(ann("sts", "get-caller-identity"))
}

// TestAccessWithGo does it with the AWS SDK for Go.
func TestAccessWithGo(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	ctx := t.Context()
	root := s.sdk()
	users := iam.NewFromConfig(root)
	style := func(o *s3.Options) { o.UsePathStyle = true }
	must(s3.NewFromConfig(root, style).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("go-access")}))
	must(s3.NewFromConfig(root, style).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("go-access"), Key: aws.String("in/a"), Body: strings.NewReader("a")}))

	user := must(users.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("go-ann")})).User
	key := must(users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user.UserName})).AccessKey
	as := func(id, secret, token string) aws.Config {
		cfg := s.sdk()
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
		return cfg
	}
	ann := as(*key.AccessKeyId, *key.SecretAccessKey, "")
	denied := func(what string, err error, text string) {
		t.Helper()
		e, ok := errors.AsType[smithy.APIError](err)
		if !ok || !strings.HasPrefix(e.ErrorCode(), "AccessDenied") || !strings.Contains(e.ErrorMessage(), text) {
			t.Errorf("%s: got %v, want a refusal with %s", what, err, text)
		}
	}
	get := func(cfg aws.Config, key string) error {
		out, err := s3.NewFromConfig(cfg, style).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("go-access"), Key: &key})
		if err == nil {
			_, err = io.ReadAll(out.Body)
		}
		return err
	}
	list := func(cfg aws.Config) error {
		_, err := sagemaker.NewFromConfig(cfg).ListModels(ctx, &sagemaker.ListModelsInput{})
		return err
	}
	denied("s3 without policies", get(ann, "in/a"), "s3:GetObject")
	denied("sagemaker without policies", list(ann), "because no identity-based policy allows the sagemaker:ListModels action")

	must(users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: user.UserName, PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::go-access/in/*"},
		{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::000000000000:role/go-*"}]}`)}))
	if err := get(ann, "in/a"); err != nil {
		t.Error(err)
	}
	denied("another object", get(ann, "out/a"), "s3:GetObject")
	denied("sagemaker", list(ann), "")

	role := must(users.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("go-lister"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + *user.Arn + `"},"Action":"sts:AssumeRole"}]}`)})).Role
	must(users.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role.RoleName, PolicyName: aws.String("p"), PolicyDocument: aws.String(policyText("Allow", "sagemaker:List*", "*"))}))
	c := must(sts.NewFromConfig(ann).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: aws.String("look")})).Credentials
	session := as(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	if err := list(session); err != nil {
		t.Error(err)
	}
	denied("s3 in the session", get(session, "in/a"), "assumed-role/go-lister/look is not authorized")
	if who := must(sts.NewFromConfig(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})); *who.Arn != "arn:aws:sts::000000000000:assumed-role/go-lister/look" {
		t.Errorf("the session is %s", *who.Arn)
	}
}
