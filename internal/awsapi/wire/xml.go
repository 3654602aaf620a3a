package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// WriteQueryError answers with err as Query services do: an ErrorResponse in
// the namespace xmlns. It does not log.
func WriteQueryError(w http.ResponseWriter, r *http.Request, xmlns string, err error) {
	code, status := queryCode(err)
	SetError(r.Context(), code)
	fault := "Sender"
	if status >= 500 {
		fault = "Receiver"
	}
	r = identified(w, r)
	writeXML(w, r, status, struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		XMLNS     string   `xml:"xmlns,attr,omitempty"`
		Type      string   `xml:"Error>Type"`
		Code      string   `xml:"Error>Code"`
		Message   string   `xml:"Error>Message"`
		RequestID string   `xml:"RequestId"`
	}{XMLNS: xmlns, Type: fault, Code: code, Message: jsonMessage(err), RequestID: RequestID(r.Context())})
}

func queryCode(err error) (string, int) {
	if a, ok := authCodes[errs.CodeOf(err)]; ok {
		return a.query, orStatus(a.queryStatus, http.StatusForbidden)
	}
	code, status := "", http.StatusBadRequest
	switch errs.KindOf(err) {
	case errs.Invalid, errs.Unsupported, errs.Precondition:
		code = "ValidationError"
	case errs.NotFound:
		code, status = "NoSuchEntity", http.StatusNotFound
	case errs.Conflict:
		code, status = "EntityAlreadyExists", http.StatusConflict
	case errs.Unauthenticated:
		code, status = "InvalidClientTokenId", http.StatusForbidden
	case errs.Denied:
		code, status = "AccessDenied", http.StatusForbidden
	case errs.TooLarge:
		code, status = "RequestTooLarge", http.StatusRequestEntityTooLarge
	case errs.Throttled:
		code = "Throttling"
	case errs.Unavailable:
		code, status = "ServiceUnavailable", http.StatusServiceUnavailable
	default:
		code, status = "InternalFailure", http.StatusInternalServerError
	}
	if c := errs.CodeOf(err); c != "" {
		code = token(c)
	}
	return code, status
}

// writeS3Error answers with err as S3 does, for requests that don't reach the
// S3 handler.
func writeS3Error(w http.ResponseWriter, r *http.Request, err error) {
	code, status, message := s3Code(err)
	SetError(r.Context(), code)
	r = identified(w, r)
	answer := struct {
		XMLName           xml.Name `xml:"Error"`
		Code              string
		Message           string
		Region            string `xml:",omitempty"`
		AWSAccessKeyID    string `xml:"AWSAccessKeyId,omitempty"`
		StringToSign      string `xml:",omitempty"`
		SignatureProvided string `xml:",omitempty"`
		CanonicalRequest  string `xml:",omitempty"`
		Resource          string
		RequestID         string `xml:"RequestId"`
		HostID            string `xml:"HostId"`
	}{Code: code, Message: message, Resource: r.URL.Path, RequestID: RequestID(r.Context()), HostID: RequestID(r.Context())}
	if scope, ok := errors.AsType[*iam.ScopeError](err); ok && scope.Part == "region" {
		answer.Region = scope.Want // clients read it and try again with this one
		w.Header().Set("X-Amz-Bucket-Region", scope.Want)
	}
	if m, ok := errors.AsType[*iam.MismatchError](err); ok {
		answer.AWSAccessKeyID, answer.StringToSign = m.AccessKeyID, m.StringToSign
		answer.SignatureProvided, answer.CanonicalRequest = m.SignatureProvided, m.CanonicalRequest
	}
	w.Header().Set("X-Amz-Id-2", RequestID(r.Context()))
	writeXML(w, r, status, answer)
}

func writeXML(w http.ResponseWriter, r *http.Request, status int, v any) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		panic(err) // only types declared in this package come here
	}
	w.Header().Set("Content-Type", "text/xml")
	writeError(w, r, status, b.Bytes())
}
