package s3_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/heliograph/heliograph/internal/awsapi/s3"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/iam"
)

// guarded is an S3 server behind the real signature check and the real decisions.
type guarded struct {
	*sdk.Client
	url  string
	auth *iam.Service
}

func newGuarded(t *testing.T, store *blob.Dir) *guarded {
	t.Helper()
	key := iam.Key{ID: "AKIDEXAMPLEEXAMPLE", Secret: "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"}
	auth, err := iam.New(iam.Config{RootKey: key, AccountID: "111122223333", Region: "us-east-1", ResourcePolicy: s3.NewPolicies(store).Of})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.NewRouter(wire.RouterOptions{
		Verifier: auth, Unsigned: auth.UnsignedPrincipal, S3: s3.New(store, s3.Options{Authorize: auth.Authorize, AccountID: "111122223333"}),
	}))
	t.Cleanup(server.Close)
	return &guarded{url: server.URL, auth: auth, Client: sdk.New(sdk.Options{
		BaseEndpoint: aws.String(server.URL), UsePathStyle: true, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
	})}
}

// unsigned sends a request without a signature.
func (g *guarded) unsigned(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	content, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(content)
}

func openStore(t *testing.T) *blob.Dir {
	t.Helper()
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

const publicRead = `{"Version": "2012-10-17", "Statement": [
  {"Sid": "Public", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/open/*"},
  {"Sid": "Listing", "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::data", "Condition": {"StringLike": {"s3:prefix": "open/*"}}},
  {"Sid": "Drop", "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::data/inbox/*"}]}`

// TestBucketPolicy puts, reads and removes policies with the SDK, and tries what
// they allow to callers without a signature.
func TestBucketPolicy(t *testing.T) {
	t.Parallel()
	g, ctx := newGuarded(t, openStore(t)), t.Context()
	bucket := aws.String("data")
	must(g.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucket}))(t)
	for _, key := range []string{"open/a", "closed/a"} {
		must(g.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("content of " + key)}))(t)
	}
	try := func(allowed bool, method, path, body string) {
		t.Helper()
		want := http.StatusForbidden
		if allowed {
			want = http.StatusOK
		}
		if status, answer := g.unsigned(t, method, path, body); status != want || !allowed && !strings.Contains(answer, "<Code>AccessDenied</Code>") {
			t.Errorf("unsigned %s %s: %d %s", method, path, status, answer)
		}
	}
	everything := func(allowed bool) {
		t.Helper()
		try(allowed, "GET", "/data/open/a", "")
		try(allowed, "GET", "/data?list-type=2&prefix=open/", "")
		try(allowed, "PUT", "/data/inbox/x", "dropped")
		try(false, "GET", "/data/closed/a", "")
		try(false, "GET", "/data/inbox/x", "")
		try(false, "GET", "/data/absent", "")
		try(false, "GET", "/absent/a", "")
		try(false, "GET", "/data", "")
		try(false, "GET", "/data?prefix=closed/", "")
		try(false, "PUT", "/data/open/b", "x")
		try(false, "DELETE", "/data/open/a", "")
		try(false, "GET", "/data?policy", "")
		try(false, "PUT", "/data?policy", publicRead)
		try(false, "DELETE", "/data?policy", "")
		try(false, "PUT", "/fresh", "")
		try(false, "GET", "/?list", "")
	}
	everything(false)
	_, err := g.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: bucket})
	wantCode(t, err, "NoSuchBucketPolicy")

	must(g.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(publicRead)}))(t)
	if got := must(g.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: bucket}))(t); *got.Policy != publicRead {
		t.Errorf("the policy is %s", *got.Policy)
	}
	if got := must(g.GetBucketPolicyStatus(ctx, &sdk.GetBucketPolicyStatusInput{Bucket: bucket}))(t); !*got.PolicyStatus.IsPublic {
		t.Error("a policy for everyone is not public")
	}
	everything(true)
	if status, body := g.unsigned(t, "GET", "/data/open/a", ""); status != 200 || body != "content of open/a" {
		t.Errorf("got %d %s", status, body)
	}

	_, err = g.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(`{"Statement": []}`)})
	wantCode(t, err, "MalformedPolicy")
	everything(true)
	must(g.DeleteBucketPolicy(ctx, &sdk.DeleteBucketPolicyInput{Bucket: bucket}))(t)
	must(g.DeleteBucketPolicy(ctx, &sdk.DeleteBucketPolicyInput{Bucket: bucket}))(t)
	everything(false)
}

// TestBucketPolicyDenies shuts a bucket for all; only the root key finds the way back.
func TestBucketPolicyDenies(t *testing.T) {
	t.Parallel()
	store := openStore(t)
	g, ctx := newGuarded(t, store), t.Context()
	bucket, key := aws.String("data"), aws.String("k")
	must(g.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucket}))(t)
	must(g.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("x")}))(t)
	put := func(statement string) {
		t.Helper()
		must(g.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(`{"Version": "2012-10-17", "Statement": ` + statement + `}`)}))(t)
	}
	get := func() error {
		_, err := g.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: key})
		return err
	}
	put(`{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]}`)
	wantCode(t, get(), "AccessDenied")
	if err := get(); !strings.Contains(err.Error(), "with an explicit deny in a resource-based policy") {
		t.Errorf("the message is %v", err)
	}
	_, err := g.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: bucket})
	wantCode(t, err, "AccessDenied")

	// Another handler on the same store, as after a start, finds the policy.
	again := newGuarded(t, store)
	_, err = again.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: key})
	wantCode(t, err, "AccessDenied")
	// What acts without a request, such as a job, is held to it too.
	job, err := g.auth.ForService("sagemaker.amazonaws.com", "SageMaker").Assume(context.Background(), g.auth.RoleARN(iam.ExecutionRole), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.auth.Authorize(job, "s3:GetObject", "arn:aws:s3:::data/k"); err == nil {
		t.Error("a training job may read what the bucket denies")
	}
	if err := g.auth.Authorize(job, "s3:GetObject", "arn:aws:s3:::other/k"); err != nil {
		t.Error(err)
	}

	put(`{"Effect": "Deny", "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/SageMakerRole/local"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::data/*"}`)
	if err := get(); err != nil {
		t.Error(err)
	}
	_, err = g.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("y")})
	wantCode(t, err, "AccessDenied")
	_, err = g.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: bucket, Key: aws.String("to"), CopySource: aws.String("data/k")})
	wantCode(t, err, "AccessDenied")

	must(g.DeleteBucketPolicy(ctx, &sdk.DeleteBucketPolicyInput{Bucket: bucket}))(t)
	must(g.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("y")}))(t)
}

func TestPublicPolicies(t *testing.T) {
	t.Parallel()
	g, ctx := newGuarded(t, openStore(t)), t.Context()
	bucket := aws.String("data")
	must(g.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucket}))(t)
	for parts, public := range map[string]bool{
		`"Effect": "Allow", "Principal": "*"`:                                                                                       true,
		`"Effect": "Allow", "Principal": {"AWS": ["111122223333", "*"]}`:                                                            true,
		`"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}`:                                                                true,
		`"Effect": "Deny", "Principal": "*"`:                                                                                        false,
		`"Effect": "Allow", "Principal": {"AWS": "111122223333"}`:                                                                   false,
		`"Effect": "Allow", "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}`:                         false,
		`"Effect": "Allow", "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"]}}`:          true,
		`"Effect": "Allow", "Principal": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}`:                      true,
		`"Effect": "Allow", "Principal": "*", "Condition": {"IpAddressIfExists": {"aws:SourceIp": "192.0.2.0/24"}}`:                 true,
		`"Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}`:              false,
		`"Effect": "Allow", "Principal": "*", "Condition": {"StringLike": {"aws:PrincipalAccount": "1*"}}`:                          true,
		`"Effect": "Allow", "Principal": "*", "Condition": {"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}`:                         false,
		`"Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"aws:UserAgent": "browser"}}`:                          true,
		`"Effect": "Allow", "Principal": "*", "Condition": {"ForAllValues:StringEquals": {"aws:PrincipalAccount": "111122223333"}}`: true,
	} {
		text := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": {%s, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}}`, parts)
		must(g.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: bucket, Policy: &text}))(t)
		if got := must(g.GetBucketPolicyStatus(ctx, &sdk.GetBucketPolicyStatusInput{Bucket: bucket}))(t); *got.PolicyStatus.IsPublic != public {
			t.Errorf("%s: public is %v", parts, !public)
		}
	}
}
