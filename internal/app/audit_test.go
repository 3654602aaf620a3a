package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/rest/client"
)

// find asks the REST API for entries.
func (h *house) find(t *testing.T, q audit.Query) (all []audit.Entry) {
	t.Helper()
	c, err := client.New(client.Config{URL: h.ControlURL(), Region: "us-east-1", AccessKeyID: rootKey.ID, SecretAccessKey: rootKey.Secret})
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.FindAudit(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range page.Entries {
		var e audit.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func (h *house) s3Client(key iam.Key) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: aws.String(h.ControlURL()), Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")})
}

// TestEveryCallIsInTheTrail makes one call of each kind and looks for what the
// trail says of it.
func TestEveryCallIsInTheTrail(t *testing.T) {
	t.Parallel()
	h := mustServe(t, nil)
	const policy = `{"Version": "2012-10-17", "Statement": [{"Sid": "Reader", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"},
		{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::data/secret"}]}`
	ann := h.mustUser(t, "ann", policy)
	root := h.s3Client(rootKey)
	bucket := aws.String("data")
	if _, err := root.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := root.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("x"), Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	reader := h.s3Client(ann)
	if _, err := reader.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"secret", "none"} {
		if _, err := reader.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: &key}); err == nil {
			t.Errorf("%s was read", key)
		}
	}
	if _, err := reader.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("y"), Body: strings.NewReader("y")}); err == nil {
		t.Error("ann may write")
	}
	if _, err := h.s3Client(iam.Key{ID: ann.ID, Secret: ann.Secret + "x"}).ListBuckets(t.Context(), &s3.ListBucketsInput{}); err == nil {
		t.Error("a wrong secret was accepted")
	}
	identity := sts.New(sts.Options{BaseEndpoint: aws.String(h.ControlURL()), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(ann.ID, ann.Secret, "")})
	if _, err := identity.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	send(t, http.DefaultClient, mustRequest(t, "GET", h.PublicURL()+"/no/such/route", ""))

	const annARN = "arn:aws:iam::000000000000:user/ann"
	inline := func(e audit.Entry) bool { return strings.Contains(e.Policy, "test") }
	for name, c := range map[string]struct {
		query audit.Query
		want  func(e audit.Entry) bool
	}{
		"allowed": {audit.Query{Principal: annARN, Resource: "arn:aws:s3:::data/x"}, func(e audit.Entry) bool {
			return e.Decision == audit.Allowed && e.Action == "s3:GetObject" && e.Operation == "GetObject" && inline(e) && e.Statement == "Reader" && e.Key == ann.ID
		}},
		"denied explicitly": {audit.Query{Resource: "arn:aws:s3:::data/secret"}, func(e audit.Entry) bool {
			return e.Decision == audit.Denied && inline(e) && e.Statement == "#2" && strings.Contains(e.Reason, "explicit deny") && e.Error == "AccessDeniedException"
		}},
		"denied by default": {audit.Query{Action: "s3:PutObject", Principal: annARN}, func(e audit.Entry) bool {
			return e.Decision == audit.Denied && e.Policy == "" && e.Resource == "arn:aws:s3:::data/y" && strings.Contains(e.Reason, "no identity-based policy allows")
		}},
		"allowed, and not there": {audit.Query{Error: "NoSuchKey"}, func(e audit.Entry) bool {
			return e.Decision == "" && e.Principal == annARN && e.Operation == "GetObject" && e.Resource == "GET /data/none"
		}},
		"refused": {audit.Query{Decision: audit.Refused}, func(e audit.Entry) bool {
			return e.Error == "SignatureDoesNotMatch" && e.Principal == "" && e.Key == ann.ID && e.Resource == "GET /"
		}},
		"open": {audit.Query{Decision: audit.Unasked}, func(e audit.Entry) bool {
			return e.Action == "sts:GetCallerIdentity" && e.Principal == annARN
		}},
		"public": {audit.Query{Resource: "GET /no/such/route"}, func(e audit.Entry) bool {
			return e.Principal == "anonymous" && e.Error == "MissingAuthenticationTokenException"
		}},
		"a change": {audit.Query{Action: "iam:CreateUser"}, func(e audit.Entry) bool {
			return e.Decision == audit.Allowed && e.Resource == annARN && e.Key == rootKey.ID
		}},
	} {
		entries := h.find(t, c.query)
		if len(entries) != 1 || !c.want(entries[0]) {
			t.Errorf("%s: %+v", name, entries)
			continue
		}
		if e := entries[0]; e.Source != "127.0.0.1" || e.Request == "" || e.Agent == "" || time.Since(e.Time) > time.Hour {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if got := h.find(t, audit.Query{Key: "secret"}); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	h.stop()
	dir := AuditDir(h.cfg.Data)
	report, err := audit.Verify(dir, audit.VerifyOptions{})
	if err != nil || report.Problem != nil {
		t.Errorf("%v %v", err, report.Problem)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{rootKey.Secret, ann.Secret} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s has a secret in it", file)
			}
		}
	}
}

// TestWithoutTheTrailNothingIsDone takes the trail from under a server.
func TestWithoutTheTrailNothingIsDone(t *testing.T) {
	t.Parallel()
	h := mustServe(t, nil)
	if err := h.audit.Close(); err != nil {
		t.Fatal(err)
	}
	client := h.s3Client(rootKey)
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("data")}); err == nil || !strings.Contains(err.Error(), "StatusCode: 500") {
		t.Errorf("a call that could not be recorded: %v", err)
	}
	if _, err := h.blobs.Bucket(t.Context(), "data"); err == nil {
		t.Error("a call that could not be recorded was carried out")
	}
	if !strings.Contains(h.logs.String(), "the audit trail is closed") {
		t.Errorf("the log has:\n%s", h.logs)
	}
	response, _ := send(t, http.DefaultClient, mustRequest(t, "GET", h.ControlURL()+"/bucket/key", ""))
	if response.StatusCode != 500 {
		t.Errorf("a refusal that could not be recorded: %d", response.StatusCode)
	}
}

// TestTooManyFailures fails until the server has enough.
func TestTooManyFailures(t *testing.T) {
	t.Parallel()
	now := time.Now() // in which nothing is forgiven
	h := mustServe(t, nil, func(a *App) { a.attempts = wire.NewAttempts(func() time.Time { return now }) })
	wrong := iam.Key{ID: rootKey.ID, Secret: rootKey.Secret + "x"}
	ask := func(protocol string, key iam.Key) (int, string) {
		t.Helper()
		for _, d := range Operations() {
			if d.Protocol == protocol && d.Listener == "control" && d.Action != "" && d.Method != http.MethodHead {
				r, body := h.example(t, d, nil)
				sign(t, r, body, key, d.Scope, time.Now())
				response, text := send(t, http.DefaultClient, r)
				return response.StatusCode, text
			}
		}
		t.Fatalf("no operation of %s", protocol)
		return 0, ""
	}
	asked := 0
	// exhaust asks wrongly until that is not looked at any more: on a slow machine attempts come back meanwhile.
	exhaust := func(protocol string, want refusal) (status int, text string) {
		for range 200 {
			asked++
			if status, text = ask(protocol, wrong); status == want.status && strings.Contains(text, want.code) {
				break
			}
		}
		return status, text
	}
	for protocol, want := range map[string]refusal{"json": {400, "ThrottlingException"}, "query": {400, "<Code>Throttling</Code>"},
		"rest-json": {429, "Too many requests"}, "rest-xml": {503, "<Code>SlowDown</Code>"}, "rest": {429, "Too many requests"}} {
		if status, text := exhaust(protocol, want); status != want.status || !strings.Contains(text, want.code) {
			t.Errorf("%s: %d %.200s", protocol, status, text)
		}
		if status, text := ask(protocol, rootKey); strings.Contains(text, want.code) {
			t.Errorf("%s with a good key from the same address: %d %.200s", protocol, status, text)
		}
	}
	if got := h.find(t, audit.Query{Error: "throttled"}); len(got) < 5 {
		t.Errorf("the trail has %d of them", len(got))
	}
	if n := strings.Count(h.logs.String(), "request refused"); n >= asked {
		t.Errorf("the log has %d lines of %d attempts", n, asked)
	}
}
