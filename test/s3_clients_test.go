//go:build e2e

package test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestS3WithAWS moves files as people do with the aws command: one larger than
// a part, and names that need escaping on the way.
func TestS3WithAWS(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	dir, back := t.TempDir(), t.TempDir()
	large := make([]byte, 20<<20)
	rand.Read(large)
	files := map[string][]byte{
		"large.bin":               large,
		"empty":                   {},
		"a b+c&d=e%20f.txt":       []byte("one"),
		"ünï/cödé/日本語.txt":        []byte("two"),
		"deep/er/~tilde*star'.md": []byte("three"),
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.mustAWS("s3", "mb", "s3://files")
	s.mustAWS("s3", "sync", "--no-progress", dir, "s3://files/there/")
	if out := s.mustAWS("s3", "sync", "--no-progress", dir, "s3://files/there/"); strings.TrimSpace(out) != "" {
		t.Errorf("a second sync had something to do: %s", out)
	}
	s.mustAWS("s3", "cp", "--no-progress", "s3://files/there/large.bin", "s3://files/copy.bin")
	s.mustAWS("s3", "sync", "--no-progress", "s3://files/there/", back)
	for name, content := range files {
		if got, err := os.ReadFile(filepath.Join(back, name)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s came back with %d bytes, went with %d (%v)", name, len(got), len(content), err)
		}
	}

	url := strings.TrimSpace(s.mustAWS("s3", "presign", "s3://files/there/a b+c&d=e%20f.txt"))
	if status, body := get(t, url); status != 200 || body != "one" {
		t.Errorf("presigned: %d %q", status, body)
	}
	if status, body := get(t, strings.Replace(url, "there", "theirs", 1)); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("presigned for another key: %d %s", status, body)
	}
	ranged := must(http.NewRequest("GET", url, nil))
	ranged.Header.Set("Range", "bytes=1-")
	if status, body := do(t, ranged); status != 206 || body != "ne" {
		t.Errorf("range: %d %q", status, body)
	}

	out, err := s.aws("s3api", "get-object", "--bucket", "files", "--key", "nothing", "/dev/null")
	if err == nil || !strings.Contains(out, "NoSuchKey") {
		t.Errorf("a missing key: %s (%v)", out, err)
	}
	out, err = s.aws("s3", "rb", "s3://files")
	if err == nil || !strings.Contains(out, "BucketNotEmpty") {
		t.Errorf("removing a full bucket: %s (%v)", out, err)
	}
	s.mustAWS("s3", "rb", "--force", "s3://files")

	s.mustAWS("s3", "mb", "s3://site")
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("<html>hello</html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.mustAWS("s3", "cp", "--no-progress", filepath.Join(dir, "index.html"), "s3://site/")
	if status, _ := get(t, s.public+"/_site/site/"); status != 404 {
		t.Errorf("a bucket without a website is served: %d", status)
	}
	s.mustAWS("s3", "website", "s3://site", "--index-document", "index.html")
	if status, body := get(t, s.public+"/_site/site/"); status != 200 || !strings.Contains(body, "hello") {
		t.Errorf("website: %d %s", status, body)
	}
}

// TestPresignedWithBoto3 fetches and uploads by the URLs that boto3 makes, with
// Signature Version 2 (its default here) and 4.
func TestPresignedWithBoto3(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "serve")
	script := `
import os, urllib.request, boto3
from botocore.client import Config
for version in (None, "s3", "s3v4"):
    s3 = boto3.client("s3", endpoint_url=os.environ["HELIOGRAPH_CONTROL"], config=Config(signature_version=version) if version else None)
    bucket, key = "presigned-%s" % version if version else "presigned", "a key+with%odd/ünï.txt"
    s3.create_bucket(Bucket=bucket.lower())
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket.lower(), "Key": key})
    urllib.request.urlopen(urllib.request.Request(put, data=b"by url", method="PUT", headers={"Content-Type": ""})).read()
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket.lower(), "Key": key})
    print(version, "AWSAccessKeyId=" in url, urllib.request.urlopen(url).read().decode())
`
	out := command(t, s.clientEnv(), "/usr/bin/python3", "-c", script)
	if want := []string{"None True by url", "s3 True by url", "s3v4 False by url"}; strings.Join(lines(out), "|") != strings.Join(want, "|") {
		t.Errorf("boto3 printed %q, want %q", lines(out), want)
	}
}
