package iam

import (
	"net/http"
	"net/url"
	"strings"
)

// Result is what Verify found out about a request.
type Result struct {
	Principal Principal
	Service   string         // scope service, e.g. "s3"; "s3" for Version 2
	Region    string         // scope region; the server's own for Version 2
	Presigned bool           // the signature was in the query
	Chunks    *ChunkVerifier // not nil if the body's chunks are signed and must be checked while reading
}

// Verify proves who sent the request. On success the body can still be read:
// for S3 it is checked while it is read, and reading fails at its end with an
// error of code CodeBodyMismatch if it is not what was signed; for other
// services it has been read and checked already, and is a *Body. Parameters of a presigned S3
// URL that stand for x-amz- headers are put among the headers.
//
// The error is Unauthenticated, or Invalid or TooLarge for requests that can't
// be checked, with one of this package's codes. That the signature was made for
// the service that will answer is for the caller to compare with Result.Service.
func (s *Service) Verify(r *http.Request) (Result, error) {
	switch form, err := formOf(r); {
	case err != nil:
		return Result{}, err
	case form == v4Header || form == v4Query:
		return s.verifyV4(r, form)
	case form == v2Header || form == v2Query:
		return s.verifyV2(r, form)
	}
	return Result{}, unauthenticated(CodeMissingToken, "Missing Authentication Token")
}

// ScopeService returns the service that the request's signature claims to be
// made for, "s3" for Version 2 signatures, "" if there is none or it can't be
// read. It proves nothing; Verify does.
func ScopeService(r *http.Request) string {
	form, err := formOf(r)
	if err != nil {
		return ""
	}
	credential := ""
	switch form {
	case v2Header, v2Query:
		return "s3"
	case v4Header:
		_, credential, _ = strings.Cut(r.Header["Authorization"][0], "Credential=")
		credential, _, _ = strings.Cut(credential, ",")
	case v4Query:
		credential, _ = queryParam(r.URL.RawQuery, "X-Amz-Credential")
	}
	if parts, ok := credentialParts(credential); ok {
		return parts[3]
	}
	return ""
}

type form uint8

const (
	unsigned form = iota
	v4Header
	v4Query
	v2Header
	v2Query
)

const (
	algorithm        = "AWS4-HMAC-SHA256"
	maxAuthorization = 4096 // bytes; AWS's own clients stay under 1 KiB
	maxQuery         = 16 << 10
)

// formOf tells the forms of a signature apart. More than one is an error, since
// two parts of a server could disagree on which counts.
func formOf(r *http.Request) (form, error) {
	in := unsigned
	if r.URL.RawQuery != "" {
		switch {
		case hasParam(r.URL.RawQuery, "X-Amz-Algorithm") || hasParam(r.URL.RawQuery, "X-Amz-Signature"):
			in = v4Query
		case hasParam(r.URL.RawQuery, "AWSAccessKeyId") || hasParam(r.URL.RawQuery, "Signature"):
			in = v2Query
		}
	}
	headers := r.Header["Authorization"]
	if len(headers) == 0 {
		if in != unsigned && len(r.URL.RawQuery) > maxQuery {
			return unsigned, badQuery("The query string has %d bytes; at most %d are allowed in a signed URL.", len(r.URL.RawQuery), maxQuery)
		}
		return in, nil
	}
	header := headers[0]
	switch {
	case len(headers) > 1 || in != unsigned:
		return unsigned, badQuery("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter " +
			"or the Authorization header should be specified")
	case len(header) > maxAuthorization:
		return unsigned, unauthenticated(CodeIncomplete, "The Authorization header has %d bytes; at most %d are allowed.", len(header), maxAuthorization)
	case header == algorithm || strings.HasPrefix(header, algorithm+" "):
		return v4Header, nil
	case strings.HasPrefix(header, "AWS "):
		return v2Header, nil
	case strings.HasPrefix(header, "AWS4-"):
		return unsigned, unauthenticated(CodeUnsupportedAlgo, "The authorization mechanism you have provided is not supported. Please use %s.", algorithm)
	}
	return unsigned, unauthenticated(CodeUnsupportedAlgo, "The type of the Authorization header is not supported. Please use %s.", algorithm)
}

func badQuery(format string, args ...any) error {
	return unauthenticated(CodeBadQuery, format, args...)
}

// hasParam reports whether a query has a parameter of this name, spelled
// without escapes as all signers do.
func hasParam(query, name string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if strings.HasPrefix(pair, name) && (len(pair) == len(name) || pair[len(name)] == '=') {
			return true
		}
	}
	return false
}

// queryParam returns the decoded value of the parameter and how often it occurs.
func queryParam(query, name string) (value string, count int) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, raw, _ := strings.Cut(pair, "=")
		if key != name {
			continue
		}
		count++
		v, err := url.QueryUnescape(raw)
		if err != nil {
			return "", 2 // as bad as ambiguous
		}
		value = v
	}
	return value, count
}
