//go:build e2e

package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestTrailSurvivesKill kills the server while many calls are made, several
// times: each call that was answered is in the trail, and the trail is whole.
func TestTrailSurvivesKill(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var answered sync.Map
	for round := range 4 {
		s := start(t, data, "serve")
		client := s.s3()
		if round == 0 {
			if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("trail")}); err != nil {
				t.Fatal(err)
			}
		}
		var n atomic.Int32
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprintf("%d/%d/%d", round, worker, i)
					_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("trail"), Key: &key, Body: strings.NewReader("x")},
						func(o *s3.Options) { o.RetryMaxAttempts = 1 })
					if err != nil {
						return
					}
					answered.Store("arn:aws:s3:::trail/"+key, true)
					n.Add(1)
				}
			})
		}
		for n.Load() < 200 {
			time.Sleep(5 * time.Millisecond)
		}
		s.kill()
		wg.Wait()
	}
	s := start(t, data, "serve")
	export := filepath.Join(t.TempDir(), "all.jsonl")
	if out, err := s.heliograph("audit", "export", "--out", export); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"audit", "verify"}, {"audit", "verify", "--export", export}} {
		if out, err := s.heliograph(args...); err != nil || !strings.Contains(out, "are as they were written") {
			t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	text, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var e struct{ Action, Resource string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Action == "s3:PutObject" {
			have[e.Resource] = true
		}
	}
	answered.Range(func(resource, _ any) bool {
		if !have[resource.(string)] {
			t.Errorf("%s was answered and is not in the trail", resource)
		}
		return !t.Failed()
	})
	s.stop()
	// And a change is found, by a server that runs too.
	files, err := filepath.Glob(filepath.Join(data, "audit", "trail-*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	trail, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], []byte(strings.Replace(string(trail), "s3:PutObject", "s3:GetObject", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.heliograph("audit", "verify")
	if err == nil || !strings.Contains(out, filepath.Base(files[0])+", line ") || !strings.Contains(out, "was changed") {
		t.Errorf("after a change: %v\n%s", err, out)
	}
}

// TestAWSOverTLS lets aws and heliograph talk to a server with a certificate of
// an authority of its own.
func TestAWSOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "heliograph test"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, filepath.Join(dir, "data"), "serve", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.control, "https://") || !strings.HasPrefix(s.public, "https://") {
		t.Fatalf("the listeners are at %s and %s", s.control, s.public)
	}
	env := append(s.clientEnv(), "AWS_CA_BUNDLE="+cert, "HELIOGRAPH_DATA="+s.data)
	object := filepath.Join(dir, "object")
	if err := os.WriteFile(object, []byte(strings.Repeat("a text\n", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"s3", "mb", "s3://bucket"}, {"s3", "cp", object, "s3://bucket/x"}, {"s3", "cp", "s3://bucket/x", object + ".back"},
		{"sts", "get-caller-identity"}, {"sagemaker", "list-models"}, {"iam", "list-roles"}} {
		command(t, env, "/usr/bin/aws", append([]string{"--endpoint-url", s.control}, args...)...)
	}
	back, err := os.ReadFile(object + ".back")
	if err != nil || len(back) != 7<<20 {
		t.Errorf("%d bytes came back: %v", len(back), err)
	}
	if out := command(t, env, binary, "audit", "list", "--action", "s3:CreateBucket"); !strings.Contains(out, "arn:aws:s3:::bucket") {
		t.Errorf("heliograph audit list over TLS:\n%s", out)
	}
	if out, err := s.aws("sts", "get-caller-identity"); err == nil {
		t.Errorf("aws trusts a certificate that it can't know:\n%s", out)
	}
}
