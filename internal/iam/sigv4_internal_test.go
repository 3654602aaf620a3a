package iam

import (
	"bytes"
	"encoding/hex"
	"net/textproto"
	"testing"
	"time"
)

func TestSigningKeyIsHMAC(t *testing.T) {
	t.Parallel()
	secret := mac([]byte("key"), []byte("20260102"))
	key := newSigningKey(secret)
	for _, length := range []int{0, 1, 140, messageSize, messageSize + 1, 4 * messageSize} {
		message := bytes.Repeat([]byte("m"), length)
		right := hex.EncodeToString(mac(secret, message))
		if !key.signed(message, right) {
			t.Errorf("%d bytes: the signature by crypto/hmac is refused", length)
		}
		for name, wrong := range map[string]string{"upper case": string(bytes.ToUpper([]byte(right))), "short": right[:63], "long": right + "0", "other": right[1:] + right[:1], "none": ""} {
			if wrong != right && key.signed(message, wrong) {
				t.Errorf("%d bytes: %s is accepted", length, name)
			}
		}
	}
}

func TestHeaderKeys(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"accept", "content-type", "amz-sdk-invocation-id", "amz-sdk-request", "x-amz-content-sha256", "x-amz-date",
		"x-amz-security-token", "x-amz-target", "content-md5", "x-amz-meta-a", "range"} {
		if got, want := headerKey(name), textproto.CanonicalMIMEHeaderKey(name); got != want {
			t.Errorf("%s is %s and not %s", name, got, want)
		}
	}
}

// FuzzStamp holds the reading of times against that of package time.
func FuzzStamp(f *testing.F) {
	for _, s := range []string{"20260102T030405Z", "20240229T235959Z", "20250229T000000Z", "20260431T000000Z", "20260102T240000Z", "20260102T006000Z",
		"20260102T000060Z", "00000101T000000Z", "99991231T235959Z", "20261301T000000Z", "20260001T000000Z", "20260100T000000Z", "2026-102T030405Z",
		"20260102T030405", "20260102 030405Z", "20260102T030405.5Z", "+0260102T030405Z", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseStamp(s)
		want, err := time.Parse(stampLayout, s)
		if wantOK := err == nil && len(s) == len(stampLayout); ok != wantOK || ok && !got.Equal(want) {
			t.Errorf("%q: %v %v, and package time says %v %v", s, got, ok, want, err)
		}
	})
}
