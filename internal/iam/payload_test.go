package iam_test

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// TestChangedBodyNeverReadsWhole: whichever way a handler reads, it must learn of
// a changed body before it holds all of it.
func TestChangedBodyNeverReadsWhole(t *testing.T) {
	t.Parallel()
	signed := strings.Repeat("signed body ", 1000)
	changed := strings.Replace(signed, "body", "b0dy", 1)
	for name, read := range map[string]func(r io.Reader, n int) error{
		"all":     func(r io.Reader, _ int) error { _, err := io.ReadAll(r); return err },
		"exactly": func(r io.Reader, n int) error { _, err := io.ReadFull(r, make([]byte, n)); return err },
		"copied":  func(r io.Reader, n int) error { _, err := io.CopyN(io.Discard, r, int64(n)); return err },
		"one by one": func(r io.Reader, n int) error {
			_, err := io.ReadFull(iotest.OneByteReader(r), make([]byte, n))
			return err
		},
		"half by two": func(r io.Reader, n int) error {
			_, err := io.ReadFull(iotest.HalfReader(r), make([]byte, n))
			return err
		},
		"again": func(r io.Reader, n int) error {
			first := second(io.ReadAll(r))
			if first == nil {
				first = io.EOF
			}
			if again := second(r.Read(make([]byte, 1))); again != first {
				return errors.New("the second read forgot the error")
			}
			return first
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, length := range []int64{int64(len(signed)), -1} {
				if length < 0 && (name == "exactly" || name == "copied" || name == "one by one" || name == "half by two") {
					continue // without an announced length only the end tells
				}
				for body, want := range map[string]string{signed: "", changed: iam.CodeBodyMismatch} {
					r := httptest.NewRequest("PUT", "http://localhost/b/k", nil)
					sign(t, testKey, "s3", "us-east-1", noon, r, signed)
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), length
					if _, err := newService(t, at(noon)).Verify(r); err != nil {
						t.Fatal(err)
					}
					err := read(r.Body, len(body))
					if name == "again" && errors.Is(err, io.EOF) {
						err = nil
					}
					if errs.CodeOf(err) != want || want == "" && err != nil {
						t.Errorf("length %d: got %v, want code %q", length, err, want)
					}
				}
			}
		})
	}
}

func TestBodiesThatBreakOff(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for _, service := range []string{"s3", "sagemaker"} {
		r := httptest.NewRequest("POST", "http://localhost/", nil)
		sign(t, testKey, service, "us-east-1", noon, r, "whole body")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("whole"), iotest.ErrReader(broken))), -1
		err := judge(newService(t, at(noon)), r)
		if !errors.Is(err, broken) {
			t.Errorf("%s: got %v", service, err)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	small := newService(t, at(noon), func(c *iam.Config) { c.MaxBody = 100 })
	for n, code := range map[int]string{100: "", 101: iam.CodeBodyTooLarge, 10000: iam.CodeBodyTooLarge} {
		for _, declared := range []bool{false, true} {
			body := strings.Repeat("x", n)
			r := httptest.NewRequest("POST", "http://localhost/", bytes.NewReader([]byte(body)))
			if declared {
				r.Header.Set("X-Amz-Content-Sha256", sha256Hex(body))
			}
			sign(t, testKey, "sagemaker", "us-east-1", noon, r, body)
			if err := judge(small, r); errs.CodeOf(err) != code {
				t.Errorf("%d bytes, declared %v: got %v, want code %q", n, declared, err, code)
			}
		}
	}
	// S3 bodies are not read into memory, so there is no limit to them here.
	body := strings.Repeat("x", 10000)
	r := httptest.NewRequest("PUT", "http://localhost/b/k", strings.NewReader(body))
	if err := judge(small, sign(t, testKey, "s3", "us-east-1", noon, r, body)); err != nil {
		t.Error(err)
	}
}

func TestDeclaredHashes(t *testing.T) {
	t.Parallel()
	for value, c := range map[string]struct {
		s3, other string // codes
		chunks    bool
	}{
		"UNSIGNED-PAYLOAD":                           {"", iam.CodeBodyHashMissing, false},
		"STREAMING-UNSIGNED-PAYLOAD-TRAILER":         {"", iam.CodeBodyHashMissing, false},
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD":         {"", iam.CodeBodyHashMissing, true},
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": {"", iam.CodeBodyHashMissing, true},
		"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD":   {iam.CodeBodyHashMissing, iam.CodeBodyHashMissing, false},
		"x":                                    {iam.CodeBodyHashMissing, iam.CodeBodyHashMissing, false},
		sha256Hex("the body"):                  {"", "", false},
		strings.ToUpper(sha256Hex("the body")): {iam.CodeBodyHashMissing, iam.CodeBodyHashMissing, false},
		sha256Hex("another body"):              {iam.CodeBodyMismatch, iam.CodeBodyMismatch, false},
		sha256Hex("the body") + sha256Hex("the body"): {iam.CodeBodyHashMissing, iam.CodeBodyHashMissing, false},
	} {
		for service, want := range map[string]string{"s3": c.s3, "sagemaker": c.other} {
			r := httptest.NewRequest("POST", "http://localhost/b/k", strings.NewReader("the body"))
			r.Header.Set("X-Amz-Content-Sha256", value)
			signWithHash(t, service, r, value)
			res, err := newService(t, at(noon)).Verify(r)
			if err == nil {
				_, err = io.ReadAll(r.Body)
			}
			if errs.CodeOf(err) != want {
				t.Errorf("%s, %s: got %v, want code %q", service, value, err, want)
			}
			if err == nil && (res.Chunks != nil) != c.chunks {
				t.Errorf("%s, %s: chunk verifier %v", service, value, res.Chunks)
			}
		}
	}
	r := httptest.NewRequest("GET", "http://localhost/b/k", nil)
	signWithHash(t, "s3", r, sha256Hex(""))
	if _, err := newService(t, at(noon)).Verify(r); errs.CodeOf(err) != iam.CodeBodyHashMissing {
		t.Errorf("no hash: got %v", err)
	}
}
