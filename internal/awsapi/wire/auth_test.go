package wire_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// TestRefusals has each protocol's own words for each fault of a signature.
func TestRefusals(t *testing.T) {
	t.Parallel()
	type want struct {
		status        int
		code, message string // message: a part of it
	}
	wrong := iam.Key{ID: key.ID, Secret: "another secret key"}
	nobody := iam.Key{ID: "AKIANOBODYNOBODY0000", Secret: key.Secret}
	kinds := map[string]struct {
		service, method, target string
		header                  map[string]string
		body                    string
	}{
		"json":  {"sagemaker", "POST", "/", target("SageMaker.Greet"), `{}`},
		"query": {"sts", "POST", "/", map[string]string{"Content-Type": form}, greetQuery},
		"rest":  {"sagemaker", "POST", "/endpoints/e/invocations", nil, "text"},
		"s3":    {"s3", "PUT", "/bucket/key", nil, "text"},
	}
	for name, c := range map[string]struct {
		key    iam.Key
		sign   bool
		header map[string]string
		want   map[string]want
	}{
		"unsigned": {key, false, nil, map[string]want{
			"json":  {400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
			"query": {403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
			"rest":  {403, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
			"s3":    {403, "AccessDenied", "Access Denied"},
		}},
		"wrong secret": {wrong, true, nil, map[string]want{
			"json":  {400, "InvalidSignatureException", "The request signature we calculated does not match"},
			"query": {403, "SignatureDoesNotMatch", "The request signature we calculated does not match"},
			"rest":  {403, "InvalidSignatureException", "The request signature we calculated does not match"},
			"s3":    {403, "SignatureDoesNotMatch", "Check your key and signing method."},
		}},
		"unknown key": {nobody, true, nil, map[string]want{
			"json":  {400, "UnrecognizedClientException", "The security token included in the request is invalid."},
			"query": {403, "InvalidClientTokenId", "The security token included in the request is invalid."},
			"rest":  {403, "UnrecognizedClientException", "The security token included in the request is invalid."},
			"s3":    {403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."},
		}},
		"other region": {key, true, map[string]string{"Region": "eu-west-1"}, map[string]want{
			"json":  {400, "InvalidSignatureException", "Credential should be scoped to a valid region"},
			"query": {403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region"},
			"rest":  {403, "InvalidSignatureException", "Credential should be scoped to a valid region"},
			"s3":    {400, "AuthorizationHeaderMalformed", "the region 'eu-west-1' is wrong; expecting 'us-west-2'"},
		}},
		"not a signature": {key, false, map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=a"}, map[string]want{
			"json":  {400, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter"},
			"query": {400, "IncompleteSignature", "Authorization header requires 'Signature' parameter"},
			"rest":  {400, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter"},
			"s3":    {400, "AuthorizationHeaderMalformed", "The authorization header is malformed; "},
		}},
		"20 minutes off": {key, false, map[string]string{"X-Amz-Date": "20200101T000000Z", "Authorization": "AWS4-HMAC-SHA256 Credential=" + key.ID +
			"/20200101/us-west-2/SERVICE/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"}, map[string]want{
			"json":  {400, "InvalidSignatureException", "Signature expired: 20200101T000000Z is now earlier than "},
			"query": {403, "SignatureDoesNotMatch", "Signature expired: 20200101T000000Z is now earlier than "},
			"rest":  {403, "InvalidSignatureException", "Signature expired: 20200101T000000Z is now earlier than "},
			"s3":    {403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."},
		}},
	} {
		for kind, want := range c.want {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				h, k := newHouse(t), kinds[kind]
				header := map[string]string{}
				for n, v := range k.header {
					header[n] = v
				}
				for n, v := range c.header {
					header[n] = strings.ReplaceAll(v, "SERVICE", k.service)
				}
				service := k.service
				if !c.sign {
					service = ""
				}
				w := h.ask(t, c.key, service, k.method, k.target, k.body, header)
				got := readRefusal(t, w)
				if w.Code != want.status || got.code != want.code || !strings.Contains(got.message, want.message) {
					t.Errorf("got %d %+v\nwant %+v", w.Code, got, want)
				}
				if strings.Contains(w.Body.String()+h.logged(), key.Secret) {
					t.Errorf("the secret shows: %s\n%s", w.Body, h.logged())
				}
				if !strings.Contains(h.logged(), w.Header().Get("X-Amzn-Requestid")) {
					t.Errorf("the refusal is not in the log: %s", h.logged())
				}
			})
		}
	}
}

func TestS3RefusalHelps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.ask(t, iam.Key{ID: key.ID, Secret: "another secret key"}, "s3", "GET", "/bucket/key?a=b", "", nil)
	for _, part := range []string{"<StringToSign>AWS4-HMAC-SHA256", "<CanonicalRequest>GET", "<AWSAccessKeyId>" + key.ID, "<Resource>/bucket/key</Resource>"} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s is missing in %s", part, w.Body)
		}
	}
	w = h.ask(t, key, "s3", "GET", "/bucket/key", "", map[string]string{"Region": "eu-west-1"})
	if !strings.Contains(w.Body.String(), "<Region>us-west-2</Region>") || w.Header().Get("X-Amz-Bucket-Region") != "us-west-2" {
		t.Errorf("the region is missing: %s", w.Body)
	}
	w = h.ask(t, key, "", "HEAD", "/bucket/key", "", nil)
	if w.Code != 403 || w.Body.Len() != 0 {
		t.Errorf("unsigned head: %d %s", w.Code, w.Body)
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	access := newHouse(t).iam
	h := &house{iam: access}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := iam.PrincipalOf(r.Context())
		fmt.Fprint(w, p.ARN)
	})
	h.Handler = wire.Authenticate(access, next, wire.AuthOptions{Service: "heliograph", Options: wire.Options{Logger: slog.New(slog.NewTextHandler(h, nil))},
		Otherwise: func(r *http.Request) (iam.Principal, bool) {
			return access.AnonymousPrincipal(), r.Header.Get("Cookie") == "session=good"
		},
		WriteError: func(w http.ResponseWriter, r *http.Request, err error) {
			if wire.RequestID(r.Context()) == "" || errs.MessageOf(err) == "" {
				t.Errorf("refusal %v without a message or request id", err)
			}
			http.Error(w, errs.CodeOf(err), http.StatusUnauthorized)
		}})
	for name, c := range map[string]struct {
		service string
		key     iam.Key
		cookie  string
		status  int
		want    string
	}{
		"signed":              {"heliograph", key, "", 200, access.RootPrincipal().ARN},
		"session":             {"", key, "session=good", 200, "anonymous"},
		"bad session":         {"", key, "session=bad", 401, iam.CodeMissingToken},
		"unsigned":            {"", key, "", 401, iam.CodeMissingToken},
		"for s3":              {"s3", key, "", 401, iam.CodeScope},
		"wrong key":           {"heliograph", iam.Key{ID: key.ID, Secret: "another secret"}, "", 401, iam.CodeMismatch},
		"wrong key + session": {"heliograph", iam.Key{ID: key.ID, Secret: "another secret"}, "session=good", 401, iam.CodeMismatch},
	} {
		header := map[string]string{}
		if c.cookie != "" {
			header["Cookie"] = c.cookie
		}
		w := h.ask(t, c.key, c.service, "PUT", "/api/v1/routes/a%20b", `{"a": 1}`, header)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}
