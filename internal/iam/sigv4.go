package iam

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// verifyV4 follows "Create a signed AWS API request" of the IAM user guide: a
// canonical request, its hash in a string to sign, and an HMAC of that with a
// key derived from secret, date, region and service.
func (s *Service) verifyV4(r *http.Request, in form) (Result, error) {
	var sig signature
	var err error
	if in == v4Header {
		sig, err = parseAuthorization(r)
	} else {
		sig, err = parsePresigned(r)
	}
	if err != nil {
		return Result{}, err
	}
	cred, err := s.credential(r, sig.keyID)
	if err != nil {
		return Result{}, err
	}
	if err := s.checkTime(&sig); err != nil {
		return Result{}, err
	}
	if err := s.checkScope(&sig); err != nil {
		return Result{}, err
	}
	if err := checkCovered(r, sig.headers); err != nil {
		return Result{}, err
	}
	body, err := s.payload(r, &sig)
	if err != nil {
		return Result{}, err
	}
	key := s.keys.get(cred.key, &sig)
	if err := checkSignature(r, &sig, key, body.hash); err != nil {
		return Result{}, err
	}
	res := Result{Principal: cred.principal, Service: sig.service, Region: sig.region, Presigned: in == v4Query}
	if body.chunked {
		res.Chunks = &ChunkVerifier{key: key, stamp: sig.stamp, scope: sig.scope, previous: sig.hex}
	}
	if err := body.check(r); err != nil {
		return Result{}, err
	}
	s.note(cred, sig.service, sig.region)
	if in == v4Query && sig.service == "s3" {
		err = unhoist(r)
	}
	return res, err
}

func (s *Service) checkTime(sig *signature) error {
	now, skew := s.cfg.Now().UTC(), s.cfg.MaxSkew
	if sig.form == v4Query {
		if now.After(sig.at.Add(sig.expires)) {
			return unauthenticated(CodeExpired, "Request has expired")
		}
		if sig.at.After(now.Add(skew)) {
			return unauthenticated(CodeExpired, "Request is not valid yet")
		}
		return nil
	}
	switch early, late := now.Add(-skew), now.Add(skew); {
	case sig.at.Before(early):
		return unauthenticated(CodeSkew, "Signature expired: %s is now earlier than %s (%s - %s min.)",
			sig.stamp, early.Format(stampLayout), now.Format(stampLayout), minutes(skew))
	case sig.at.After(late):
		return unauthenticated(CodeSkew, "Signature not yet current: %s is still later than %s (%s + %s min.)",
			sig.stamp, late.Format(stampLayout), now.Format(stampLayout), minutes(skew))
	}
	return nil
}

func minutes(d time.Duration) string { return strconv.FormatFloat(d.Minutes(), 'f', -1, 64) }

// checkScope wants the server's region. IAM and STS are also signed for
// us-east-1 wherever they are, since AWS has global endpoints for them.
func (s *Service) checkScope(sig *signature) error {
	global := (sig.service == "iam" || sig.service == "sts") && sig.region == "us-east-1"
	if sig.region != s.cfg.Region && !global {
		return scopeError("region", sig.region, s.cfg.Region, "Credential should be scoped to a valid region, not '%s'; this server's region is '%s'.",
			clip(sig.region), s.cfg.Region)
	}
	if sig.service == "" {
		return scopeError("service", "", "a service", "Credential should be scoped to a service.")
	}
	return nil
}

func scopeError(part, got, want, format string, args ...any) error {
	return errs.Wrap(&ScopeError{Part: part, Got: clip(got), Want: want}, errs.Unauthenticated, CodeScope, format, args...)
}

// checkCovered wants host and every x-amz- header of the request to be signed:
// what is not signed could have been added or changed by anyone on the way.
func checkCovered(r *http.Request, signed []string) error {
	if !slices.Contains(signed, "host") {
		return unauthenticated(CodeUnsignedHeaders, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if len(name) > 6 && (name[0] == 'X' || name[0] == 'x') && strings.EqualFold(name[:6], "X-Amz-") &&
			!slices.ContainsFunc(signed, func(s string) bool { return len(s) == len(name) && strings.EqualFold(s, name) }) {
			return unauthenticated(CodeUnsignedHeaders, "There were headers present in the request which were not signed: %s", clip(strings.ToLower(name)))
		}
	}
	return nil
}

func checkSignature(r *http.Request, sig *signature, key *signingKey, payloadHash string) error {
	b := getBuffer()
	defer putBuffer(b)
	for attempt := 0; ; attempt++ {
		path, more := canonicalPath(r, sig.service, attempt)
		var err error
		if b.canonical, err = appendCanonical(b.canonical[:0], r, sig, path, payloadHash); err != nil {
			return err
		}
		sum := sha256.Sum256(b.canonical)
		b.toSign = append(b.toSign[:0], algorithm+"\n"...)
		b.toSign = append(b.toSign, sig.stamp...)
		b.toSign = append(b.toSign, '\n')
		b.toSign = append(b.toSign, sig.scope...)
		b.toSign = append(b.toSign, '\n')
		b.toSign = hex.AppendEncode(b.toSign, sum[:])
		if key.signed(b.toSign, sig.hex) {
			return nil
		}
		if !more {
			cause := &MismatchError{AccessKeyID: sig.keyID, SignatureProvided: clip(sig.hex), StringToSign: string(b.toSign), CanonicalRequest: string(b.canonical)}
			return errs.Wrap(cause, errs.Unauthenticated, CodeMismatch, "The request signature we calculated does not match the signature you provided.")
		}
	}
}

// signingKey is a derived key with what HMAC (RFC 2104) makes of it before it
// sees a message: a signature costs two hashes and no allocation.
type signingKey struct {
	inner, outer [sha256.BlockSize]byte
}

func newSigningKey(key []byte) *signingKey { // of sha256.Size bytes, so it is its own first block
	k := new(signingKey)
	copy(k.inner[:], key)
	copy(k.outer[:], key)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

// messageSize is how long what is signed may be without an allocation.
const messageSize = 512

// signed compares the signature of a string with the one provided, in constant
// time. Only lower-case hex is a signature.
func (k *signingKey) signed(toSign []byte, provided string) bool {
	var message [sha256.BlockSize + messageSize]byte
	sum := sha256.Sum256(append(append(message[:0], k.inner[:]...), toSign...))
	sum = sha256.Sum256(append(append(message[:0], k.outer[:]...), sum[:]...))
	var want [2 * sha256.Size]byte
	hex.Encode(want[:], sum[:])
	return subtle.ConstantTimeCompare(want[:], []byte(provided)) == 1
}

func mac(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// signingKeys remembers derived keys: four HMACs saved on each request. What it
// is keyed by has been checked, so there are few.
type signingKeys struct {
	mu   sync.RWMutex
	keys map[signingScope]*signingKey
}

type signingScope struct{ keyID, date, region, service string }

const maxSigningKeys = 1024

func (c *signingKeys) get(key Key, sig *signature) *signingKey {
	scope := signingScope{key.ID, sig.date, sig.region, sig.service}
	c.mu.RLock()
	derived := c.keys[scope]
	c.mu.RUnlock()
	if derived != nil {
		return derived
	}
	secret := mac([]byte("AWS4"+key.Secret), []byte(sig.date))
	for _, part := range []string{sig.region, sig.service, terminator} {
		secret = mac(secret, []byte(part))
	}
	derived = newSigningKey(secret)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil || len(c.keys) >= maxSigningKeys {
		c.keys = make(map[signingScope]*signingKey)
	}
	// The strings are parts of the request's header; the map must not keep that alive.
	scope = signingScope{key.ID, strings.Clone(sig.date), strings.Clone(sig.region), strings.Clone(sig.service)}
	c.keys[scope] = derived
	return derived
}

// clip bounds text of the request that an error repeats.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}
