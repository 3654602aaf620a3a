package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/heliograph/heliograph/internal/iam"
)

var rootKey = iam.Key{ID: "AKIAROOTROOTROOTROOT", Secret: "rootrootrootrootrootrootrootrootrootroot"}

// house is a whole server that runs until the test ends.
type house struct {
	*App
	stop func() // ends it before
	logs *logBuffer
}

type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// mustServe starts a server on free ports, in a new folder unless change names
// one, after prepare has seen it.
func mustServe(t testing.TB, change func(*Config), prepare ...func(*App)) *house {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data, cfg.ControlListen, cfg.PublicListen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	cfg.AccessKeyID, cfg.SecretAccessKey = rootKey.ID, rootKey.Secret
	if change != nil {
		change(&cfg)
	}
	logs := new(logBuffer)
	a, err := Open(t.Context(), cfg, "test", logs)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prepare {
		p(a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &house{a, stop, logs}
}

// iamClient is an IAM client of the root key.
func (h *house) iamClient() *awsiam.Client {
	return awsiam.New(awsiam.Options{BaseEndpoint: aws.String(h.ControlURL()), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(rootKey.ID, rootKey.Secret, "")})
}

// mustUser makes a user with an inline policy, or with no rights, and a key.
func (h *house) mustUser(t *testing.T, name, policy string) iam.Key {
	t.Helper()
	client := h.iamClient()
	if _, err := client.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		if _, err := client.PutUserPolicy(t.Context(), &awsiam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("test"), PolicyDocument: &policy}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := client.CreateAccessKey(t.Context(), &awsiam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return iam.Key{ID: *made.AccessKey.AccessKeyId, Secret: *made.AccessKey.SecretAccessKey}
}

// sign signs a request as AWS's clients do.
func sign(t testing.TB, r *http.Request, body string, key iam.Key, service string, at time.Time) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if err := signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, hash, service, "us-east-1", at); err != nil {
		t.Fatal(err)
	}
}

// send sends a request and returns the answer with its body.
func send(t *testing.T, client *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func mustRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
