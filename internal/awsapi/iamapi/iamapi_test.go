package iamapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

func mustConnect(t *testing.T) *client.Client {
	t.Helper()
	key := iam.Key{ID: "AKIATESTTESTTESTTEST", Secret: "secret/secret+secret/secret+secret/12345"}
	access, err := iam.New(iam.Config{RootKey: key, AccountID: "000000000000", Region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.NewRouter(wire.RouterOptions{Verifier: access, S3: http.NotFoundHandler(),
		Query: map[string]http.Handler{"iam/" + iamapi.Version: iamapi.New(access, wire.Options{})}}))
	t.Cleanup(server.Close)
	return client.NewFromConfig(aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL, // signed for us-east-1 or this one
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")})
}

func TestGetRole(t *testing.T) {
	t.Parallel()
	c := mustConnect(t)
	for _, name := range []string{"SageMakerRole", "HeliographFunctionRole"} {
		out, err := c.GetRole(t.Context(), &client.GetRoleInput{RoleName: &name})
		if err != nil {
			t.Fatal(err)
		}
		r := out.Role
		if *r.Arn != "arn:aws:iam::000000000000:role/"+name || *r.RoleName != name || *r.Path != "/" || len(*r.RoleId) != 21 || r.CreateDate == nil || *r.MaxSessionDuration != 3600 {
			t.Errorf("got %+v", r)
		}
		if policy, err := url.PathUnescape(*r.AssumeRolePolicyDocument); err != nil || !strings.HasPrefix(policy, `{"Version":"2012-10-17",`) {
			t.Errorf("trust policy %s, %v", policy, err)
		}
	}
	_, err := c.GetRole(t.Context(), &client.GetRoleInput{RoleName: aws.String("Nobody")})
	if _, ok := errors.AsType[*types.NoSuchEntityException](err); !ok || !strings.Contains(err.Error(), "The role with name Nobody cannot be found.") {
		t.Errorf("unknown role: %v", err)
	}
}

func TestGetUser(t *testing.T) {
	t.Parallel()
	c := mustConnect(t)
	_, err := c.GetUser(t.Context(), &client.GetUserInput{})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "ValidationError" {
		t.Errorf("own user: %v", err)
	}
	_, err = c.GetUser(t.Context(), &client.GetUserInput{UserName: aws.String("Bob")})
	if _, ok := errors.AsType[*types.NoSuchEntityException](err); !ok {
		t.Errorf("unknown user: %v", err)
	}
}
