package iam

import (
	"bytes"
	"encoding/hex"
	"net/textproto"
	"testing"
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
