package iam

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// subresources are the query parameters that a Version 2 signature covers.
var subresources = map[string]bool{
	"accelerate": true, "acl": true, "analytics": true, "attributes": true, "cors": true, "defaultObjectAcl": true, "delete": true,
	"encryption": true, "inventory": true, "legal-hold": true, "lifecycle": true, "location": true, "logging": true, "metrics": true,
	"notification": true, "object-lock": true, "ownershipControls": true, "partNumber": true, "policy": true, "policyStatus": true,
	"publicAccessBlock": true, "replication": true, "requestPayment": true, "restore": true, "retention": true, "select": true,
	"select-type": true, "storageClass": true, "tagging": true, "torrent": true, "uploadId": true, "uploads": true, "versionId": true,
	"versioning": true, "versions": true, "website": true,
	"response-cache-control": true, "response-content-disposition": true, "response-content-encoding": true,
	"response-content-language": true, "response-content-type": true, "response-expires": true,
}

// verifyV2 checks S3's older signature ("Signing and authenticating REST
// requests (AWS signature version 2)" of the S3 user guide), which boto3 still
// puts into presigned URLs. It covers neither the body nor the host; the bucket
// that the host names is part of what is signed.
func (s *Service) verifyV2(r *http.Request, in form) (Result, error) {
	bucket, ok := s.bucketOfHost(r.Host)
	if !ok {
		return Result{}, unauthenticated(CodeUnsupportedAlgo, "The authorization mechanism you have provided is not supported on this host name. Please use %s.", algorithm)
	}
	id, signature, date, err := parseV2(r, in)
	if err != nil {
		return Result{}, err
	}
	cred, err := s.credential(r, id)
	if err != nil {
		return Result{}, err
	}
	if err := s.checkTimeV2(r, in, date); err != nil {
		return Result{}, err
	}
	path := r.URL.EscapedPath()
	if bucket != "" {
		path = "/" + bucket + path
	}
	toSign, err := toSignV2(r, in, date, path)
	if err != nil {
		return Result{}, err
	}
	ok = matchesV2(cred.key, toSign, signature)
	if !ok && len(path) > 1 && strings.LastIndexByte(path, '/') == 0 {
		// boto3 signs a bucket as /bucket/ and asks for /bucket, which is the same.
		var slash string
		slash, err = toSignV2(r, in, date, path+"/")
		ok = err == nil && matchesV2(cred.key, slash, signature)
	}
	if !ok {
		cause := &MismatchError{AccessKeyID: id, SignatureProvided: clip(signature), StringToSign: toSign}
		return Result{}, errs.Wrap(cause, errs.Unauthenticated, CodeMismatch, "The request signature we calculated does not match the signature you provided.")
	}
	s.note(cred, "s3", s.cfg.Region)
	if in == v2Query {
		err = unhoist(r)
	}
	return Result{Principal: cred.principal, Service: "s3", Region: s.cfg.Region, Presigned: in == v2Query}, err
}

func matchesV2(key Key, toSign, signature string) bool {
	h := hmac.New(sha1.New, []byte(key.Secret))
	h.Write([]byte(toSign))
	want := base64.StdEncoding.EncodeToString(h.Sum(nil))
	return subtle.ConstantTimeCompare([]byte(want), []byte(signature)) == 1
}

// bucketOfHost reports whether it is known which bucket the host names, if any.
func (s *Service) bucketOfHost(host string) (bucket string, known bool) {
	if s.cfg.BucketOfHost != nil {
		return s.cfg.BucketOfHost(host), true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return "", !strings.Contains(host, ".") || net.ParseIP(host) != nil
}

// parseV2 returns key id, signature, and the date line: Expires for presigned
// requests, else Date, which is empty when x-amz-date stands among the headers.
func parseV2(r *http.Request, in form) (id, signature, date string, err error) {
	if in == v2Query {
		for _, p := range []struct {
			name  string
			value *string
		}{{"AWSAccessKeyId", &id}, {"Signature", &signature}, {"Expires", &date}} {
			value, count := queryParam(r.URL.RawQuery, p.name)
			if count != 1 || value == "" {
				return "", "", "", badQuery("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters, once each.")
			}
			*p.value = value
		}
		return id, signature, date, nil
	}
	id, signature, ok := strings.Cut(strings.TrimPrefix(r.Header["Authorization"][0], "AWS "), ":")
	if !ok || id == "" || signature == "" {
		return "", "", "", incomplete("The Authorization header must be: AWS AccessKeyId:Signature")
	}
	if len(r.Header["Date"]) > 1 || len(r.Header["X-Amz-Date"]) > 1 {
		return "", "", "", incomplete("The date of the request is given more than once.")
	}
	if r.Header.Get("X-Amz-Date") == "" {
		date = r.Header.Get("Date")
	}
	return id, signature, date, nil
}

func (s *Service) checkTimeV2(r *http.Request, in form, date string) error {
	now := s.cfg.Now()
	if in == v2Query {
		expires, err := strconv.ParseInt(date, 10, 64)
		if err != nil || expires < 0 {
			return badQuery("Invalid Expires: it should be a number of seconds since 1970-01-01T00:00:00Z")
		}
		if now.Unix() > expires {
			return unauthenticated(CodeExpired, "Request has expired")
		}
		return nil
	}
	if date == "" {
		date = r.Header.Get("X-Amz-Date")
	}
	at, err := http.ParseTime(date)
	if err != nil {
		at, err = time.Parse(time.RFC1123Z, date)
	}
	if err != nil {
		return incomplete("AWS authentication requires a valid Date or x-amz-date header")
	}
	if d := now.Sub(at); d > s.cfg.MaxSkew || d < -s.cfg.MaxSkew {
		return unauthenticated(CodeSkew, "The difference between the request time %s and the current time %s is too large.",
			at.UTC().Format(stampLayout), now.UTC().Format(stampLayout))
	}
	return nil
}

func toSignV2(r *http.Request, in form, date, path string) (string, error) {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	// A presigned URL may carry headers as parameters.
	standard := func(name string) string {
		v := r.Header.Get(name)
		if v == "" && in == v2Query {
			v = query.Get(strings.ToLower(name))
		}
		return strings.TrimSpace(v)
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + standard("Content-MD5") + "\n" + standard("Content-Type") + "\n" + date + "\n")
	amz := make(map[string]string)
	for name, values := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
			trimmed := make([]string, len(values))
			for i, v := range values {
				trimmed[i] = strings.TrimSpace(v)
			}
			amz[lower] = strings.Join(trimmed, ",")
		}
	}
	if in == v2Query {
		for name, values := range query {
			if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && amz[lower] == "" {
				amz[lower] = strings.Join(values, ",")
			}
		}
	}
	for _, name := range sorted(amz) {
		b.WriteString(name + ":" + amz[name] + "\n")
	}
	b.WriteString(path)
	writeSubresources(&b, r.URL.RawQuery)
	return b.String(), nil
}

// writeSubresources appends those parameters that are signed, sorted, with
// decoded values.
func writeSubresources(b *strings.Builder, raw string) {
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, hasValue := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name) // as handlers read it; parseQuery has found it decodable
		if !subresources[name] {
			continue
		}
		if hasValue {
			value, _ = url.PathUnescape(value)
			name += "=" + value
		}
		pairs = append(pairs, name)
	}
	slices.SortStableFunc(pairs, func(x, y string) int {
		x, _, _ = strings.Cut(x, "=")
		y, _, _ = strings.Cut(y, "=")
		return strings.Compare(x, y)
	})
	for i, pair := range pairs {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(pair)
	}
}

func sorted(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, CodeMalformedRequest, "The query string is malformed.")
	}
	return query, nil
}

// unhoist puts the x-amz- parameters of a verified presigned URL back among the
// headers, which is where signers took them from and handlers look for them.
func unhoist(r *http.Request) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	for name, values := range query {
		lower := strings.ToLower(name)
		switch lower {
		case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature", "x-amz-security-token",
			"x-amz-content-sha256":
			continue
		case "content-type", "content-md5":
			if _, v2 := query["AWSAccessKeyId"]; !v2 {
				continue
			}
		default:
			if !strings.HasPrefix(lower, "x-amz-") {
				continue
			}
		}
		key := textproto.CanonicalMIMEHeaderKey(lower)
		if given := r.Header[key]; len(given) > 0 && !slices.Equal(given, values) {
			return badQuery("%s is given as a header and as a parameter, with different values.", clip(lower))
		}
		r.Header[key] = values
	}
	return nil
}
