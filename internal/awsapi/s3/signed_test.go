package s3_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/awsapi/s3"
	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/iam"
)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// chunkSigner signs chunks as "Signature calculations for the Authorization
// header: transferring payload in multiple chunks" of the S3 API reference says.
type chunkSigner struct {
	key                    []byte
	stamp, scope, previous string
}

func (s *chunkSigner) sign(algorithm, middle, data string) string {
	text := algorithm + "\n" + s.stamp + "\n" + s.scope + "\n" + s.previous + "\n" + middle + fmt.Sprintf("%x", sha256.Sum256([]byte(data)))
	s.previous = hex.EncodeToString(mac(s.key, text))
	return s.previous
}

func (s *chunkSigner) chunk(data string) string {
	signature := s.sign("AWS4-HMAC-SHA256-PAYLOAD", fmt.Sprintf("%x\n", sha256.Sum256(nil)), data)
	return fmt.Sprintf("%x;chunk-signature=%s\r\n%s", len(data), signature, data)
}

var signer = aws.Credentials{AccessKeyID: "AKIDEXAMPLEEXAMPLE", SecretAccessKey: "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"}

// signedServer serves a store, with the bucket data in it, to who signs as
// signer.
func signedServer(t *testing.T) (*httptest.Server, blob.Store) {
	t.Helper()
	auth, err := iam.New(iam.Config{RootKey: iam.Key{ID: signer.AccessKeyID, Secret: signer.SecretAccessKey}, AccountID: "111122223333", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.CreateBucket(t.Context(), "data", ""); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wire.NewRouter(wire.RouterOptions{
		Verifier: auth, S3: s3.New(store, s3.Options{Authorize: auth.Authorize}),
		Enrich: func(ctx context.Context, res iam.Result) context.Context {
			if res.Chunks == nil {
				return ctx
			}
			return s3.WithChunkVerifier(ctx, res.Chunks)
		},
	}))
	t.Cleanup(server.Close)
	return server, store
}

// TestSignedBody changes a body behind its signature, of sizes that take each way
// through the store.
func TestSignedBody(t *testing.T) {
	t.Parallel()
	server, store := signedServer(t)
	for _, size := range []int{1, 1000, 1 << 20, 5<<20 + 1} {
		for _, changed := range []int{-1, 0, size - 1} {
			body := bytes.Repeat([]byte{'x'}, size)
			sum := fmt.Sprintf("%x", sha256.Sum256(body))
			if changed >= 0 {
				body[changed] = 'y'
			}
			key := fmt.Sprintf("%d/%d", size, changed)
			r, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+"/data/"+key, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Content-Sha256", sum)
			if err := v4.NewSigner().SignHTTP(t.Context(), signer, r, sum, "s3", "us-east-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			_, missing := store.Stat(t.Context(), "data", key)
			switch {
			case changed < 0:
				if want := fmt.Sprintf(`"%x"`, md5.Sum(body)); resp.StatusCode != 200 || missing != nil || resp.Header.Get("Etag") != want {
					t.Errorf("%s: %d %s, ETag %s, want %s; %v", key, resp.StatusCode, answer, resp.Header.Get("Etag"), want, missing)
				}
			case resp.StatusCode != 400 || !bytes.Contains(answer, []byte("<Code>XAmzContentSHA256Mismatch</Code>")):
				t.Errorf("%s: %d %s", key, resp.StatusCode, answer)
			case missing == nil:
				t.Errorf("%s: the changed body is stored", key)
			}
		}
	}
}

// TestSignedChunks sends bodies whose chunks are signed, as the SDKs for Java and
// .NET do, through the server's own signature check.
func TestSignedChunks(t *testing.T) {
	t.Parallel()
	server, store := signedServer(t)
	content := strings.Repeat("0123456789abcdef", 10_000)
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(content))))
	trailer := "x-amz-checksum-crc32:" + sum
	send := func(form, tamper string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+"/data/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", form)
		r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(content)))
		r.Header.Set("Content-Encoding", "aws-chunked")
		if strings.HasSuffix(form, "-TRAILER") {
			r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		}
		now := time.Now().UTC()
		if err := v4.NewSigner().SignHTTP(t.Context(), signer, r, form, "s3", "us-east-1", now); err != nil {
			t.Fatal(err)
		}
		_, seed, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		day := now.Format("20060102")
		s := &chunkSigner{stamp: now.Format("20060102T150405Z"), scope: day + "/us-east-1/s3/aws4_request", previous: seed}
		s.key = mac(mac(mac(mac([]byte("AWS4"+signer.SecretAccessKey), day), "us-east-1"), "s3"), "aws4_request")

		var body bytes.Buffer
		for i := 0; i < len(content); i += 64 << 10 {
			body.WriteString(s.chunk(content[i:min(len(content), i+64<<10)]) + "\r\n")
		}
		body.WriteString(s.chunk(""))
		if strings.HasSuffix(form, "-TRAILER") {
			body.WriteString(trailer + "\r\nx-amz-trailer-signature:" + s.sign("AWS4-HMAC-SHA256-TRAILER", "", trailer+"\n") + "\r\n")
		}
		sent := body.String() + "\r\n"
		if tamper != "" {
			sent = strings.Replace(sent, tamper, strings.ToUpper(tamper), 1)
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(sent)), int64(len(sent))
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for _, form := range []string{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"} {
		if status, body := send(form, "9abcdef"); status != 403 || !strings.Contains(body, "<Code>SignatureDoesNotMatch</Code>") {
			t.Errorf("%s with another byte: %d %s", form, status, body)
		}
		if _, err := store.Stat(t.Context(), "data", "k"); err == nil {
			t.Fatalf("%s: the tampered body is stored", form)
		}
		if status, body := send(form, ""); status != 200 {
			t.Fatalf("%s: %d %s", form, status, body)
		}
		info, err := store.Stat(t.Context(), "data", "k")
		if err != nil || info.Size != int64(len(content)) {
			t.Errorf("%s: stored %+v, %v", form, info, err)
		}
		if err := store.Delete(t.Context(), "data", "k"); err != nil {
			t.Fatal(err)
		}
	}
	if status, body := send("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", sum); status != 403 || !strings.Contains(body, "<Code>SignatureDoesNotMatch</Code>") {
		t.Errorf("with another trailing checksum: %d %s", status, body)
	}
}
