package iam

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/errs"
)

// signed is a request that AWS's own signer has signed with the credentials.
func signed(t testing.TB, c Credentials, at time.Time) *http.Request {
	t.Helper()
	r := httptest.NewRequest("GET", "http://localhost:9000/bucket/key", nil)
	sum := sha256.Sum256(nil)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: c.Key.ID, SecretAccessKey: c.Key.Secret, SessionToken: c.Token}, r, hash, "s3", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// as is the context of a request signed with the credentials.
func (h *house) as(t testing.TB, c Credentials) context.Context {
	t.Helper()
	res, err := h.Verify(signed(t, c, h.cfg.Now()))
	if err != nil {
		t.Fatalf("%s: %v", c.Key.ID, err)
	}
	return WithPrincipal(t.Context(), res.Principal)
}

// refused checks that a request of these credentials fails with the code.
func (h *house) refused(t testing.TB, what string, c Credentials, code string) {
	t.Helper()
	if res, err := h.Verify(signed(t, c, h.cfg.Now())); errs.CodeOf(err) != code {
		t.Errorf("%s: %+v, %v; want %s", what, res.Principal, err, code)
	}
}

const trustAccount = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}}`

func allowing(actions, resources string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[` + actions + `],"Resource":[` + resources + `]}}`
}

// mustUser makes a user with a policy, "" for none, and a key.
func (h *house) mustUser(t testing.TB, name, document string) Credentials {
	t.Helper()
	ctx := WithPrincipal(t.Context(), h.RootPrincipal())
	if _, err := h.CreateUser(ctx, NewUser{Name: name}); err != nil {
		t.Fatal(err)
	}
	if document != "" {
		h.mustPut(t, Entity{UserEntity, name}, document)
	}
	_, key, err := h.access.create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return Credentials{Key: key}
}

func (h *house) mustPut(t testing.TB, e Entity, document string) {
	t.Helper()
	if err := h.PutInlinePolicy(WithPrincipal(t.Context(), h.RootPrincipal()), e, "p", document); err != nil {
		t.Fatal(err)
	}
}

// mustRole makes a role with a trust policy and a policy.
func (h *house) mustRole(t testing.TB, name, trust, document string) string {
	t.Helper()
	r, err := h.CreateRole(WithPrincipal(t.Context(), h.RootPrincipal()), NewRole{Name: name, TrustPolicy: trust, MaxSession: 4 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if document != "" {
		h.mustPut(t, Entity{RoleEntity, name}, document)
	}
	return r.ARN
}

func (h *house) mustAssume(t testing.TB, ctx context.Context, in AssumeRoleInput) Session {
	t.Helper()
	s, err := h.AssumeRole(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *house) may(t testing.TB, ctx context.Context, action, resource string, want bool) {
	t.Helper()
	if err := h.Authorize(ctx, action, resource); (err == nil) != want || err != nil && !errs.Is(err, errs.Denied) {
		p, _ := PrincipalOf(ctx)
		t.Errorf("%s %s %s: %v", p.ARN, action, resource, err)
	}
}

func TestUserKeysSign(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	ada := h.mustUser(t, "ada", allowing(`"s3:GetObject"`, `"arn:aws:s3:::b/*"`))
	ctx := h.as(t, ada)
	if p, _ := PrincipalOf(ctx); p.ARN != "arn:aws:iam::000000000000:user/ada" || !strings.HasPrefix(p.UserID, "AIDA") || p.AccessKeyID != ada.Key.ID {
		t.Errorf("got %+v", p)
	}
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::b/k", true)
	h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::b/k", false)
	if k, err := h.access.get(t.Context(), ada.Key.ID); err != nil || k.Used.Service != "s3" || k.Used.Region != "us-east-1" {
		t.Errorf("its use: %+v, %v", k.Used, err)
	}
	h.refused(t, "another secret", Credentials{Key: Key{ID: ada.Key.ID, Secret: "not-the-secret"}}, CodeMismatch)
	h.refused(t, "a token", Credentials{Key: ada.Key, Token: "t"}, CodeBadToken)
	if err := h.access.setActive(t.Context(), "ada", ada.Key.ID, false); err != nil {
		t.Fatal(err)
	}
	h.refused(t, "disabled", ada, CodeUnknownKey)
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	role := h.mustRole(t, "reader", trustAccount, allowing(`"s3:GetObject","s3:PutObject"`, `"arn:aws:s3:::b/*"`))
	ada := h.as(t, h.mustUser(t, "ada", allowing(`"sts:AssumeRole"`, `"`+role+`"`)))

	c := h.mustAssume(t, ada, AssumeRoleInput{RoleARN: role, SessionName: "work"})
	if c.ARN != "arn:aws:sts::000000000000:assumed-role/reader/work" || !strings.HasPrefix(c.ID, "AROA") || !strings.HasSuffix(c.ID, ":work") ||
		!strings.HasPrefix(c.Key.ID, "ASIA") || len(c.Key.ID) != 20 || c.Packed != 0 || time.Until(c.Expires) > time.Hour || time.Until(c.Expires) < 59*time.Minute {
		t.Errorf("got %+v, %s, %d %%, until %s", c.Credentials, c.ARN, c.Packed, c.Expires)
	}
	ctx := h.as(t, c.Credentials)
	if p, _ := PrincipalOf(ctx); p.ARN != c.ARN || p.UserID != c.ID || p.AccessKeyID != c.Key.ID {
		t.Errorf("got %+v, want %+v", p, c)
	}
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::b/k", true)
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::other/k", false)
	h.may(t, ctx, "sts:AssumeRole", role, false) // its rights are the role's, not those of who assumed it

	t.Run("session policies", func(t *testing.T) {
		c := h.mustAssume(t, ada, AssumeRoleInput{RoleARN: role, SessionName: "work", Policy: allowing(`"s3:GetObject","iam:*"`, `"*"`)})
		ctx := h.as(t, c.Credentials)
		h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::b/k", true)
		h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::b/k", false)
		h.may(t, ctx, "iam:CreateUser", "*", false)
		if c.Packed < 1 || c.Packed > 100 {
			t.Errorf("packed: %d", c.Packed)
		}
		c = h.mustAssume(t, ada, AssumeRoleInput{RoleARN: role, SessionName: "work", PolicyARNs: []string{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}})
		ctx = h.as(t, c.Credentials)
		h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::b/k", true)
		h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::b/k", false)
	})
	t.Run("its rights change at once", func(t *testing.T) {
		h.mustPut(t, Entity{RoleEntity, "reader"}, allowing(`"s3:DeleteObject"`, `"*"`))
		ctx := h.as(t, c.Credentials)
		h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::b/k", false)
		h.may(t, ctx, "s3:DeleteObject", "arn:aws:s3:::b/k", true)
	})
	t.Run("tokens", func(t *testing.T) {
		other := h.mustAssume(t, ada, AssumeRoleInput{RoleARN: role, SessionName: "work"})
		h.refused(t, "no token", Credentials{Key: c.Key}, CodeUnknownKey)
		h.refused(t, "another's token", Credentials{Key: c.Key, Token: other.Token}, CodeBadToken)
		h.refused(t, "another's token, remembered", Credentials{Key: other.Key, Token: c.Token}, CodeBadToken)
		h.refused(t, "another's secret", Credentials{Key: Key{ID: c.Key.ID, Secret: other.Key.Secret}, Token: c.Token}, CodeMismatch)
		h.refused(t, "a cut token", Credentials{Key: c.Key, Token: c.Token[:40]}, CodeBadToken)
		h.refused(t, "a long token", Credentials{Key: c.Key, Token: strings.Repeat("A", 60_000)}, CodeBadToken)
		h.refused(t, "no base64", Credentials{Key: c.Key, Token: "%" + c.Token}, CodeBadToken)
		raw, _ := base64.StdEncoding.DecodeString(c.Token)
		raw[len(raw)/2] ^= 1
		h.refused(t, "a changed token", Credentials{Key: c.Key, Token: base64.StdEncoding.EncodeToString(raw)}, CodeBadToken)
		unsigned := signed(t, Credentials{Key: c.Key}, time.Now())
		unsigned.Header.Set("X-Amz-Security-Token", c.Token)
		if _, err := h.Verify(unsigned); errs.CodeOf(err) != CodeUnsignedHeaders {
			t.Errorf("a token that is not signed: %v", err)
		}
		twice := signed(t, c.Credentials, time.Now())
		twice.URL.RawQuery = "X-Amz-Security-Token=t"
		if _, err := h.Verify(twice); errs.CodeOf(err) != CodeBadQuery {
			t.Errorf("two tokens: %v", err)
		}
	})
	t.Run("another server", func(t *testing.T) {
		o := newHouse(t, t.TempDir())
		o.mustRole(t, "reader", trustAccount, "")
		o.refused(t, "a token of another server", c.Credentials, CodeBadToken)
	})
	t.Run("after a restart", func(t *testing.T) {
		o := newHouse(t, h.dir)
		o.may(t, o.as(t, c.Credentials), "s3:DeleteObject", "arn:aws:s3:::b/k", true)
	})
	t.Run("expiry", func(t *testing.T) {
		now := time.Now()
		h := newHouse(t, h.dir)
		for later, code := range map[time.Duration]string{58 * time.Minute: "", time.Hour + time.Second: CodeExpiredToken} {
			h.cfg.Now = func() time.Time { return now.Add(later) }
			h.refused(t, fmt.Sprint("after ", later), c.Credentials, code)
		}
	})
	t.Run("rotation", func(t *testing.T) {
		if _, err := h.RotateKeyring(h.root(t), RotateOptions{}); err != nil {
			t.Fatal(err)
		}
		h.sessions.forget()
		h.as(t, c.Credentials)
		if _, err := h.RotateKeyring(h.root(t), RotateOptions{EndSessions: true}); err != nil {
			t.Fatal(err)
		}
		h.refused(t, "after all sessions were ended", c.Credentials, CodeBadToken)
	})
	t.Run("another role of the name", func(t *testing.T) {
		ada := WithPrincipal(t.Context(), h.RootPrincipal())
		c := h.mustAssume(t, ada, AssumeRoleInput{RoleARN: role, SessionName: "work"})
		h.as(t, c.Credentials)
		if err := h.DeleteInlinePolicy(h.root(t), Entity{RoleEntity, "reader"}, "p"); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteRole(h.root(t), "reader"); err != nil {
			t.Fatal(err)
		}
		h.refused(t, "the role was deleted", c.Credentials, CodeBadToken)
		h.mustRole(t, "reader", trustAccount, "")
		h.refused(t, "the role was made anew", c.Credentials, CodeBadToken)
	})
}

func TestWhoMayAssume(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	assume := allowing(`"sts:AssumeRole"`, `"*"`)
	able, unable := h.mustUser(t, "able", assume), h.mustUser(t, "unable", "")
	denied := h.mustUser(t, "denied", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}`)
	trust := func(principal, condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole","Condition":{` + condition + `}}}`
	}
	account := h.mustRole(t, "account", trustAccount, assume)
	named := h.mustRole(t, "named", trust(`{"AWS":["arn:aws:iam::000000000000:user/unable","arn:aws:iam::000000000000:user/denied"]}`, ""), "")
	external := h.mustRole(t, "external", trust(`{"AWS":"000000000000"}`, `"StringEquals":{"sts:ExternalId":"x-17"}`), "")
	session := h.mustRole(t, "session", trust(`{"AWS":"000000000000"}`, `"StringLike":{"sts:RoleSessionName":"a*"}`), "")
	chained := h.mustRole(t, "chained", trust(`{"AWS":"`+account+`"}`, ""), "")
	service := h.mustRole(t, "service", trust(`{"Service":"sagemaker.amazonaws.com"}`, ""), "")
	other := "arn:aws:iam::000000000000:role/nobody"
	inAccount := h.mustAssume(t, h.as(t, able), AssumeRoleInput{RoleARN: account, SessionName: "chain"})

	for name, c := range map[string]struct {
		who  Credentials
		in   AssumeRoleInput
		code string
	}{
		"by the account's trust and a policy":          {who: able, in: AssumeRoleInput{RoleARN: account}},
		"by the account's trust alone":                 {who: unable, in: AssumeRoleInput{RoleARN: account}, code: CodeAccessDenied},
		"named by the trust":                           {who: unable, in: AssumeRoleInput{RoleARN: named}},
		"named by the trust, and denied":               {who: denied, in: AssumeRoleInput{RoleARN: named}, code: CodeAccessDenied},
		"a policy, and no trust":                       {who: able, in: AssumeRoleInput{RoleARN: named}, code: CodeAccessDenied},
		"a role for a service":                         {who: able, in: AssumeRoleInput{RoleARN: service}, code: CodeAccessDenied},
		"no such role":                                 {who: able, in: AssumeRoleInput{RoleARN: other}, code: CodeAccessDenied},
		"another path":                                 {who: able, in: AssumeRoleInput{RoleARN: "arn:aws:iam::000000000000:role/x/account"}, code: CodeAccessDenied},
		"another account":                              {who: able, in: AssumeRoleInput{RoleARN: "arn:aws:iam::111111111111:role/account"}, code: CodeAccessDenied},
		"external id":                                  {who: able, in: AssumeRoleInput{RoleARN: external, ExternalID: "x-17"}},
		"another external id":                          {who: able, in: AssumeRoleInput{RoleARN: external, ExternalID: "x-18"}, code: CodeAccessDenied},
		"no external id":                               {who: able, in: AssumeRoleInput{RoleARN: external}, code: CodeAccessDenied},
		"session name":                                 {who: able, in: AssumeRoleInput{RoleARN: session, SessionName: "ab"}},
		"another session name":                         {who: able, in: AssumeRoleInput{RoleARN: session, SessionName: "ba"}, code: CodeAccessDenied},
		"from role to role":                            {who: inAccount.Credentials, in: AssumeRoleInput{RoleARN: chained}},
		"from role to role, for more than an hour":     {who: inAccount.Credentials, in: AssumeRoleInput{RoleARN: chained, Duration: 2 * time.Hour}, code: "ValidationError"},
		"for long":                                     {who: able, in: AssumeRoleInput{RoleARN: account, Duration: 4 * time.Hour}},
		"for longer than the role allows":              {who: able, in: AssumeRoleInput{RoleARN: account, Duration: 5 * time.Hour}, code: "ValidationError"},
		"for longer than anything":                     {who: able, in: AssumeRoleInput{RoleARN: account, Duration: 13 * time.Hour}, code: "ValidationError"},
		"for a moment":                                 {who: able, in: AssumeRoleInput{RoleARN: account, Duration: 14 * time.Minute}, code: "ValidationError"},
		"bad session name":                             {who: able, in: AssumeRoleInput{RoleARN: account, SessionName: "a b"}, code: "ValidationError"},
		"long session name":                            {who: able, in: AssumeRoleInput{RoleARN: account, SessionName: strings.Repeat("a", 65)}, code: "ValidationError"},
		"bad ARN":                                      {who: able, in: AssumeRoleInput{RoleARN: "arn:aws:iam::000000000000:user/account"}, code: "ValidationError"},
		"bad ARN, by who may assume nothing":           {who: unable, in: AssumeRoleInput{RoleARN: "x"}, code: CodeAccessDenied},
		"bad policy":                                   {who: able, in: AssumeRoleInput{RoleARN: account, Policy: "{"}, code: "MalformedPolicyDocument"},
		"long policy":                                  {who: able, in: AssumeRoleInput{RoleARN: account, Policy: strings.Repeat(" ", 2049)}, code: "ValidationError"},
		"a policy that does not exist":                 {who: able, in: AssumeRoleInput{RoleARN: account, PolicyARNs: []string{"arn:aws:iam::aws:policy/None"}}, code: "MalformedPolicyDocument"},
		"bad source identity":                          {who: able, in: AssumeRoleInput{RoleARN: account, SourceIdentity: "a/b"}, code: "ValidationError"},
		"bad external id":                              {who: able, in: AssumeRoleInput{RoleARN: account, ExternalID: "a b"}, code: "ValidationError"},
		"a bad session name, by who may not assume it": {who: unable, in: AssumeRoleInput{RoleARN: account, SessionName: "a b"}, code: CodeAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.in.SessionName == "" {
				c.in.SessionName = "work"
			}
			got, err := h.AssumeRole(h.as(t, c.who), c.in)
			if errs.CodeOf(err) != c.code {
				t.Fatalf("got %+v, %v; want code %q", got.ARN, err, c.code)
			}
			if c.code == CodeAccessDenied {
				p, _ := PrincipalOf(h.as(t, c.who))
				if text := errs.MessageOf(err); !strings.HasPrefix(text, "User: "+p.ARN+" is not authorized to perform: sts:AssumeRole on resource: ") {
					t.Errorf("message %q", text)
				}
			}
		})
	}
}

func TestSessionToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	ada := h.mustUser(t, "ada", allowing(`"s3:*","iam:*","sts:*"`, `"*"`))
	c, err := h.SessionToken(h.as(t, ada), 0)
	if err != nil || time.Until(c.Expires) < 11*time.Hour {
		t.Fatalf("%v until %s, %v", c, c.Expires, err)
	}
	ctx := h.as(t, c)
	if p, _ := PrincipalOf(ctx); p.ARN != "arn:aws:iam::000000000000:user/ada" || !strings.HasPrefix(p.UserID, "AIDA") || p.AccessKeyID != c.Key.ID {
		t.Errorf("got %+v", p)
	}
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::b/k", true)
	h.may(t, ctx, "sagemaker:CreateModel", "*", false)
	h.may(t, ctx, "iam:CreateAccessKey", "arn:aws:iam::000000000000:user/ada", false)
	h.may(t, ctx, "sts:AssumeRole", "arn:aws:iam::000000000000:role/x", true)
	for what, err := range map[string]error{
		"from a session": second(h.SessionToken(ctx, 0)),
		"for a session":  second(h.FederationToken(ctx, FederationInput{Name: "fed"})),
		"of a service":   second(h.SessionToken(h.acting(t, "lambda.amazonaws.com", h.RoleARN(FunctionRole)), 0)),
	} {
		if !errs.Is(err, errs.Denied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for d, code := range map[time.Duration]string{time.Minute: "ValidationError", 37 * time.Hour: "ValidationError", 36 * time.Hour: ""} {
		if err := second(h.SessionToken(h.as(t, ada), d)); errs.CodeOf(err) != code {
			t.Errorf("for %s: %v", d, err)
		}
	}

	root, err := h.SessionToken(h.root(t), 0)
	if err != nil || time.Until(root.Expires) > time.Hour {
		t.Fatalf("of the root key: until %s, %v", root.Expires, err)
	}
	ctx = h.as(t, root)
	if p, _ := PrincipalOf(ctx); p.ARN != h.RootPrincipal().ARN {
		t.Errorf("got %+v", p)
	}
	h.may(t, ctx, "sagemaker:CreateModel", "*", true)
	h.may(t, ctx, "iam:CreateUser", "*", false)
	h.may(t, h.root(t), "iam:CreateUser", "*", true) // nobody else is limited

	if err := h.access.setActive(t.Context(), "ada", ada.Key.ID, false); err != nil {
		t.Fatal(err)
	}
	h.refused(t, "its key was disabled", c, CodeBadToken)
	if err := h.access.setActive(t.Context(), "ada", ada.Key.ID, true); err != nil {
		t.Fatal(err)
	}
	h.as(t, c)
	if err := h.access.remove(t.Context(), "ada", ada.Key.ID); err != nil {
		t.Fatal(err)
	}
	h.refused(t, "its key was deleted", c, CodeBadToken)
}

func second[T any](_ T, err error) error { return err }

func TestFederationToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	ada := h.as(t, h.mustUser(t, "ada", allowing(`"s3:*","iam:*","sts:*"`, `"*"`)))
	s, err := h.FederationToken(ada, FederationInput{Name: "guest", Policy: allowing(`"s3:GetObject","iam:*","sagemaker:*","sts:*"`, `"*"`)})
	if err != nil || s.ARN != "arn:aws:sts::000000000000:federated-user/guest" || s.ID != "000000000000:guest" {
		t.Fatalf("%+v, %v", s, err)
	}
	ctx := h.as(t, s.Credentials)
	if p, _ := PrincipalOf(ctx); p.ARN != s.ARN || p.UserID != s.ID {
		t.Errorf("got %+v", p)
	}
	h.may(t, ctx, "s3:GetObject", "arn:aws:s3:::b/k", true)
	h.may(t, ctx, "s3:PutObject", "arn:aws:s3:::b/k", false)
	h.may(t, ctx, "sagemaker:CreateModel", "*", false)
	h.may(t, ctx, "iam:CreateUser", "*", false)
	h.may(t, ctx, "sts:AssumeRole", "*", false)
	s, err = h.FederationToken(ada, FederationInput{Name: "guest"})
	if err != nil {
		t.Fatal(err)
	}
	h.may(t, h.as(t, s.Credentials), "s3:GetObject", "arn:aws:s3:::b/k", false)
	if err := second(h.FederationToken(h.root(t), FederationInput{Name: "guest"})); !errs.Is(err, errs.Denied) {
		t.Errorf("by the root key: %v", err)
	}
	if err := second(h.FederationToken(ada, FederationInput{Name: "g"})); errs.CodeOf(err) != "ValidationError" {
		t.Errorf("a short name: %v", err)
	}
}

// TestNoSecretsInText formats what holds secrets in every way.
func TestNoSecretsInText(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir())
	role := h.mustRole(t, "r", trustAccount, "")
	ada := h.mustUser(t, "ada", allowing(`"sts:AssumeRole"`, `"*"`))
	s := h.mustAssume(t, h.as(t, ada), AssumeRoleInput{RoleARN: role, SessionName: "work"})
	res, err := h.Verify(signed(t, s.Credentials, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		text := fmt.Sprintf(strings.Repeat(verb+" ", 5), s.Credentials, s, ada.Key, res, res.Principal)
		for _, secret := range []string{s.Key.Secret, s.Token, ada.Key.Secret} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret: %s", verb, text)
			}
		}
	}
}

func FuzzSessionToken(f *testing.F) {
	h := newHouse(f, f.TempDir())
	role := h.mustRole(f, "r", trustAccount, "")
	s := h.mustAssume(f, WithPrincipal(f.Context(), h.RootPrincipal()), AssumeRoleInput{RoleARN: role, SessionName: "work"})
	f.Add(s.Key.ID, s.Token)
	f.Add(s.Key.ID, s.Token[:20])
	f.Add("ASIAOTHER", s.Token)
	f.Add("ASIA", "")
	f.Fuzz(func(t *testing.T, id, token string) {
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.Header["X-Amz-Security-Token"] = []string{token}
		if c, err := h.credential(r, id); err == nil && (id != s.Key.ID || token != s.Token) {
			t.Errorf("key %q with token %q stands for %+v", id, token, c.principal)
		}
	})
}
