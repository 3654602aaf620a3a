package iam

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	stampLayout = "20060102T150405Z"
	terminator  = "aws4_request"

	maxSignedHeaders = 100
	maxExpires       = 7 * 24 * 60 * 60 // seconds
)

// signature is what a Version 4 signature says of itself.
type signature struct {
	form                         form
	keyID, date, region, service string // of the credential
	scope                        string // date/region/service/aws4_request
	headers                      []string
	hex                          string
	stamp                        string // time of signing as in the string to sign
	at                           time.Time
	expires                      time.Duration // of a presigned request
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func parseAuthorization(r *http.Request) (signature, error) {
	sig := signature{form: v4Header}
	credential, names, stamp := "", "", ""
	rest := strings.TrimPrefix(r.Header["Authorization"][0], algorithm)
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		var field *string
		switch name {
		case "Credential":
			field = &credential
		case "SignedHeaders":
			field = &names
		case "Signature":
			field = &sig.hex
		}
		if field == nil || *field != "" {
			return sig, incomplete("The Authorization header must have Credential, SignedHeaders and Signature, once each; got %q.", clip(part))
		}
		*field = value
	}
	missing := ""
	for _, f := range []struct{ name, value string }{{"Credential", credential}, {"Signature", sig.hex}, {"SignedHeaders", names}} {
		if f.value == "" {
			missing += "Authorization header requires '" + f.name + "' parameter. "
		}
	}
	if missing != "" {
		return sig, incomplete("%s", missing[:len(missing)-1])
	}
	stamp, err := headerStamp(r)
	if err != nil {
		return sig, err
	}
	return sig, sig.set(credential, names, stamp, incomplete)
}

func incomplete(format string, args ...any) error {
	return unauthenticated(CodeIncomplete, format, args...)
}

// headerStamp is the time of signing from X-Amz-Date or, without it, Date.
func headerStamp(r *http.Request) (string, error) {
	if v := r.Header["X-Amz-Date"]; len(v) == 1 {
		return v[0], nil
	} else if len(v) > 1 {
		return "", incomplete("The header X-Amz-Date is given %d times.", len(v))
	}
	date := r.Header.Get("Date")
	if date == "" {
		return "", incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if t, err := http.ParseTime(date); err == nil {
		return t.UTC().Format(stampLayout), nil
	}
	return date, nil
}

// parsePresigned reads the X-Amz- parameters of a presigned URL.
func parsePresigned(r *http.Request) (signature, error) {
	sig := signature{form: v4Query}
	var algo, credential, names, stamp string
	for _, p := range []struct {
		name  string
		value *string
	}{{"X-Amz-Algorithm", &algo}, {"X-Amz-Credential", &credential}, {"X-Amz-Signature", &sig.hex},
		{"X-Amz-Date", &stamp}, {"X-Amz-SignedHeaders", &names}} {
		value, count := queryParam(r.URL.RawQuery, p.name)
		if count != 1 || value == "" {
			return sig, incompleteQuery()
		}
		*p.value = value
	}
	if algo != algorithm {
		return sig, badQuery("X-Amz-Algorithm only supports \"%s\"", algorithm)
	}
	if err := sig.set(credential, names, stamp, badQuery); err != nil {
		return sig, err
	}
	expires, count := queryParam(r.URL.RawQuery, "X-Amz-Expires")
	if count == 0 && sig.service != "s3" {
		sig.expires = DefaultMaxSkew // tools presign STS calls without it
		return sig, nil
	} else if count != 1 || expires == "" {
		return sig, incompleteQuery()
	}
	n, err := strconv.ParseInt(expires, 10, 64)
	switch {
	case err != nil:
		return sig, badQuery("X-Amz-Expires should be a number")
	case n < 1:
		return sig, badQuery("X-Amz-Expires must be at least 1 second")
	case n > maxExpires:
		return sig, badQuery("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds", maxExpires)
	}
	sig.expires = time.Duration(n) * time.Second
	return sig, nil
}

func incompleteQuery() error {
	return badQuery("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, " +
		"X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters, once each.")
}

// set takes apart and checks what both forms have.
func (sig *signature) set(credential, names, stamp string, fail func(string, ...any) error) error {
	parts, ok := credentialParts(credential)
	if !ok {
		// Without the text itself, as AWS would add it: a client that signs with the secret in the
		// place of the key's id ends here when the secret has a slash, and messages are logged.
		return fail("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got %d", strings.Count(credential, "/")+1)
	}
	sig.keyID, sig.date, sig.region, sig.service = parts[0], parts[1], parts[2], parts[3]
	sig.scope = credential[len(sig.keyID)+1:]
	if parts[4] != terminator {
		return scopeError("terminator", parts[4], terminator, "Credential should be scoped with a valid terminator: '%s'.", terminator)
	}
	at, ok := parseStamp(stamp)
	if !ok {
		return fail("The date of the signature must be in the ISO 8601 basic format YYYYMMDD'T'HHMMSS'Z', got %q", clip(stamp))
	}
	sig.at, sig.stamp = at, stamp
	if sig.date != stamp[:8] {
		return scopeError("date", sig.date, stamp[:8],
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", clip(sig.date), stamp[:8], stamp)
	}
	if strings.Count(names, ";") >= maxSignedHeaders {
		return fail("SignedHeaders has more than %d names", maxSignedHeaders)
	}
	sig.headers = strings.Split(names, ";")
	for i, name := range sig.headers {
		if !isHeaderName(name) || slices.Contains(sig.headers[:i], name) {
			return fail("SignedHeaders must be lower-case header names, once each, separated by ';', got %q", clip(names))
		}
	}
	return nil
}

// parseStamp reads a time as stampLayout has it.
func parseStamp(s string) (at time.Time, ok bool) {
	if len(s) != len(stampLayout) || s[8] != 'T' || s[15] != 'Z' {
		return at, false
	}
	number := func(from, to int) (n int) {
		for i := from; i < to; i++ {
			if s[i] < '0' || s[i] > '9' {
				ok = false
			}
			n = 10*n + int(s[i]-'0')
		}
		return n
	}
	ok = true
	year, month, day := number(0, 4), number(4, 6), number(6, 8)
	hour, minute, second := number(9, 11), number(11, 13), number(13, 15)
	at = time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// A part that is too great, such as the 31st of April, would carry over.
	ok = ok && at.Month() == time.Month(month) && at.Day() == day && hour < 24 && minute < 60 && second < 60
	return at, ok
}

// credentialParts takes keyid/date/region/service/term apart.
func credentialParts(credential string) (parts [5]string, ok bool) {
	rest := credential
	for i := range len(parts) - 1 {
		if parts[i], rest, ok = strings.Cut(rest, "/"); !ok {
			return parts, false
		}
	}
	parts[4] = rest
	return parts, strings.IndexByte(rest, '/') < 0
}

func isHeaderName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!#$%&'*+^`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
