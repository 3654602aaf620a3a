package sts_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/heliograph/heliograph/internal/awsapi/sts"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/store"
)

var key = iam.Key{ID: "AKIATESTTESTTESTTEST", Secret: "secret/secret+secret/secret+secret/12345"}

// house is STS behind the signature check, over a real store and keyring.
type house struct {
	iam *iam.Service
	url string
	ctx context.Context // of the root principal
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "heliograph.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	ring, err := keyring.Open(t.Context(), dir, keyring.Source{})
	if err != nil {
		t.Fatal(err)
	}
	access, err := iam.New(iam.Config{RootKey: key, AccountID: "000000000000", Region: "us-west-2", DB: db, Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.NewRouter(wire.RouterOptions{Verifier: access, S3: http.NotFoundHandler(),
		Query: map[string]http.Handler{"sts/" + sts.Version: sts.New(access, wire.Options{})}}))
	t.Cleanup(server.Close)
	return &house{access, server.URL, iam.WithPrincipal(t.Context(), access.RootPrincipal())}
}

func (h *house) as(id, secret, token string) *client.Client {
	return client.NewFromConfig(aws.Config{Region: "us-west-2", BaseEndpoint: &h.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token)})
}

func (h *house) with(c *types.Credentials) *client.Client {
	return h.as(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

func (h *house) root() *client.Client { return h.as(key.ID, key.Secret, "") }

// mustUser makes a user who may do the actions, and a client of theirs.
func (h *house) mustUser(t *testing.T, name, actions string) *client.Client {
	t.Helper()
	if _, err := h.iam.CreateUser(h.ctx, iam.NewUser{Name: name}); err != nil {
		t.Fatal(err)
	}
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + actions + `","Resource":"*"}}`
	if err := h.iam.PutInlinePolicy(h.ctx, iam.Entity{Kind: iam.UserEntity, Name: name}, "p", document); err != nil {
		t.Fatal(err)
	}
	_, key, err := h.iam.CreateAccessKey(h.ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return h.as(key.ID, key.Secret, "")
}

func (h *house) mustRole(t *testing.T, name string) string {
	t.Helper()
	r, err := h.iam.CreateRole(h.ctx, iam.NewRole{Name: name, Path: "/team/", MaxSession: time.Hour, TrustPolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow",
		"Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`})
	if err != nil {
		t.Fatal(err)
	}
	return r.ARN
}

// is checks who a client is.
func is(t *testing.T, c *client.Client, arn, userID string) {
	t.Helper()
	who, err := c.GetCallerIdentity(t.Context(), &client.GetCallerIdentityInput{})
	if err != nil {
		t.Error(err)
	} else if *who.Arn != arn || !strings.HasPrefix(*who.UserId, strings.TrimSuffix(userID, "*")) || *who.Account != "000000000000" {
		t.Errorf("got %s, %s, %s", *who.Arn, *who.UserId, *who.Account)
	}
}

// fails checks the error's code and that it says a text.
func fails(t *testing.T, err error, code, text string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		t.Errorf("got %v, want %s with %q", err, code, text)
	}
}

func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	is(t, h.root(), "arn:aws:sts::000000000000:assumed-role/SageMakerRole/local", h.iam.RootPrincipal().UserID)
	is(t, h.mustUser(t, "ada", "s3:*"), "arn:aws:iam::000000000000:user/ada", "AIDA*")
}

func TestPresignedGetCallerIdentity(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	session, err := h.root().AssumeRole(t.Context(), &client.AssumeRoleInput{RoleArn: new(h.mustRole(t, "r")), RoleSessionName: new("work")})
	if err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]*client.Client{"assumed-role/SageMakerRole/local": h.root(), "assumed-role/r/work": h.with(session.Credentials)} {
		signed, err := client.NewPresignClient(c).PresignGetCallerIdentity(t.Context(), &client.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(signed.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("got %s %s, %v", resp.Status, body, err)
		}
	}
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	role := h.mustRole(t, "reader")
	ada := h.mustUser(t, "ada", "sts:AssumeRole")
	out, err := ada.AssumeRole(t.Context(), &client.AssumeRoleInput{RoleArn: &role, RoleSessionName: new("work"), DurationSeconds: new(int32(900)),
		Policy:         new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`),
		PolicyArns:     []types.PolicyDescriptorType{{Arn: new("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")}},
		SourceIdentity: new("ada")})
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:sts::000000000000:assumed-role/reader/work"
	c := out.Credentials
	if *out.AssumedRoleUser.Arn != arn || !strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":work") || *out.SourceIdentity != "ada" ||
		!strings.HasPrefix(*c.AccessKeyId, "ASIA") || time.Until(*c.Expiration) > 15*time.Minute || time.Until(*c.Expiration) < 14*time.Minute || *out.PackedPolicySize < 1 {
		t.Errorf("got %s, %s, %s, %s", *out.AssumedRoleUser.Arn, *out.AssumedRoleUser.AssumedRoleId, *c.AccessKeyId, c.Expiration)
	}
	is(t, h.with(c), arn, *out.AssumedRoleUser.AssumedRoleId)

	for name, c := range map[string]struct {
		in         client.AssumeRoleInput
		code, text string
	}{
		"no role":         {client.AssumeRoleInput{RoleArn: new(role + "x")}, "AccessDenied", "arn:aws:iam::000000000000:user/ada is not authorized to perform: sts:AssumeRole on resource: " + role + "x"},
		"0 seconds":       {client.AssumeRoleInput{RoleArn: &role, DurationSeconds: new(int32(0))}, "ValidationError", "greater than or equal to 900"},
		"2 hours":         {client.AssumeRoleInput{RoleArn: &role, DurationSeconds: new(int32(7200))}, "ValidationError", "exceeds the MaxSessionDuration set for this role"},
		"a bad policy":    {client.AssumeRoleInput{RoleArn: &role, Policy: new(`{"Statement":1}`)}, "MalformedPolicyDocument", ""},
		"tags":            {client.AssumeRoleInput{RoleArn: &role, Tags: []types.Tag{{Key: new("a"), Value: new("b")}}}, "AccessDenied", "is not authorized to perform: sts:TagSession on resource: " + role},
		"a one-time code": {client.AssumeRoleInput{RoleArn: &role, SerialNumber: new("arn:aws:iam::000000000000:mfa/ada"), TokenCode: new("123456")}, "AccessDenied", "MultiFactor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.in.RoleSessionName = new("work")
			_, err := ada.AssumeRole(t.Context(), &c.in)
			fails(t, err, c.code, c.text)
		})
	}
}

func TestTokensOfUsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.mustUser(t, "ada", "sts:*")
	session, err := ada.GetSessionToken(t.Context(), &client.GetSessionTokenInput{DurationSeconds: new(int32(3600))})
	if err != nil {
		t.Fatal(err)
	}
	is(t, h.with(session.Credentials), "arn:aws:iam::000000000000:user/ada", "AIDA*")
	_, err = h.with(session.Credentials).GetSessionToken(t.Context(), &client.GetSessionTokenInput{})
	fails(t, err, "AccessDenied", "session credentials")
	_, err = ada.GetSessionToken(t.Context(), &client.GetSessionTokenInput{SerialNumber: new("arn:aws:iam::000000000000:mfa/ada"), TokenCode: new("123456")})
	fails(t, err, "AccessDenied", "MultiFactor")
	federated, err := ada.GetFederationToken(t.Context(), &client.GetFederationTokenInput{Name: new("guest"),
		Policy: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	is(t, h.with(federated.Credentials), "arn:aws:sts::000000000000:federated-user/guest", "000000000000:guest")
	if *federated.FederatedUser.Arn != "arn:aws:sts::000000000000:federated-user/guest" || *federated.FederatedUser.FederatedUserId != "000000000000:guest" {
		t.Errorf("got %+v", federated.FederatedUser)
	}
	for _, id := range []string{key.ID, *session.Credentials.AccessKeyId} {
		if info, err := ada.GetAccessKeyInfo(t.Context(), &client.GetAccessKeyInfoInput{AccessKeyId: &id}); err != nil || *info.Account != "000000000000" {
			t.Errorf("account of %s: %v, %v", id, info, err)
		}
	}
	_, err = ada.GetAccessKeyInfo(t.Context(), &client.GetAccessKeyInfoInput{AccessKeyId: new("AKIANOBODYNOBODY0000")})
	fails(t, err, "ValidationError", "AKIANOBODYNOBODY0000")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	session, err := h.root().GetSessionToken(t.Context(), &client.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	c := session.Credentials
	for name, try := range map[string]struct {
		client *client.Client
		code   string
	}{
		"unknown key":         {h.as("AKIANOBODYNOBODY0000", key.Secret, ""), "InvalidClientTokenId"},
		"another secret":      {h.as(key.ID, "another secret", ""), "SignatureDoesNotMatch"},
		"no token":            {h.as(*c.AccessKeyId, *c.SecretAccessKey, ""), "InvalidClientTokenId"},
		"another token":       {h.as(*c.AccessKeyId, *c.SecretAccessKey, "BBBB"+(*c.SessionToken)[4:]), "InvalidClientTokenId"},
		"root key with token": {h.as(key.ID, key.Secret, *c.SessionToken), "InvalidClientTokenId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := try.client.GetCallerIdentity(t.Context(), &client.GetCallerIdentityInput{})
			fails(t, err, try.code, "")
		})
	}
	_, err = h.root().DecodeAuthorizationMessage(t.Context(), &client.DecodeAuthorizationMessageInput{EncodedMessage: new("message")})
	fails(t, err, "InvalidAction", "DecodeAuthorizationMessage")
}
