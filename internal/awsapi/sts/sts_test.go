package sts_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/internal/awsapi/sts"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
)

var key = iam.Key{ID: "AKIATESTTESTTESTTEST", Secret: "secret/secret+secret/secret+secret/12345"}

func mustServe(t *testing.T) (*iam.Service, string) {
	t.Helper()
	access, err := iam.New(iam.Config{RootKey: key, AccountID: "000000000000", Region: "us-west-2"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.NewRouter(wire.RouterOptions{Verifier: access, S3: http.NotFoundHandler(),
		Query: map[string]http.Handler{"sts/" + sts.Version: sts.New(access, wire.Options{})}}))
	t.Cleanup(server.Close)
	return access, server.URL
}

func connect(url string, key iam.Key) *client.Client {
	return client.NewFromConfig(aws.Config{Region: "us-west-2", BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")})
}

func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	access, url := mustServe(t)
	who, err := connect(url, key).GetCallerIdentity(t.Context(), &client.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if want := access.RootPrincipal(); *who.Arn != want.ARN || *who.UserId != want.UserID || *who.Account != "000000000000" ||
		*who.Arn != "arn:aws:sts::000000000000:assumed-role/SageMakerRole/local" {
		t.Errorf("got %s, %s, %s", *who.Arn, *who.UserId, *who.Account)
	}
}

func TestPresignedGetCallerIdentity(t *testing.T) {
	t.Parallel()
	_, url := mustServe(t)
	signed, err := client.NewPresignClient(connect(url, key)).PresignGetCallerIdentity(t.Context(), &client.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(signed.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), "assumed-role/SageMakerRole/local") {
		t.Errorf("got %s %s, %v", resp.Status, body, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	_, url := mustServe(t)
	for code, key := range map[string]iam.Key{
		"InvalidClientTokenId":  {ID: "AKIANOBODYNOBODY0000", Secret: key.Secret},
		"SignatureDoesNotMatch": {ID: key.ID, Secret: "another secret"},
	} {
		_, err := connect(url, key).GetCallerIdentity(t.Context(), &client.GetCallerIdentityInput{})
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	_, err := connect(url, key).GetSessionToken(t.Context(), &client.GetSessionTokenInput{})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InvalidAction" {
		t.Errorf("an operation that is not offered: got %v", err)
	}
}
