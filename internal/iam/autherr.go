package iam

import "github.com/heliograph/heliograph/internal/errs"

// The codes of the errors that Verify and Authorize return. They are neutral:
// package wire gives each protocol's own spelling.
const (
	CodeMissingToken     = "MissingAuthenticationToken"        // the request carries no signature at all
	CodeIncomplete       = "IncompleteSignature"               // the Authorization header can't be read
	CodeBadQuery         = "AuthorizationQueryParametersError" // the signature in the query can't be read
	CodeUnknownKey       = "InvalidAccessKeyId"                // no such access key
	CodeBadToken         = "InvalidToken"                      // a session token that this server did not issue
	CodeExpiredToken     = "ExpiredToken"                      // a session token that is past its time
	CodeMismatch         = "SignatureDoesNotMatch"             // the signature is not the one computed here
	CodeScope            = "AuthorizationHeaderMalformed"      // date, region, service or terminator of the scope
	CodeSkew             = "RequestTimeTooSkewed"              // the signature's time is too far from the server's
	CodeExpired          = "RequestExpired"                    // a presigned request is past its time
	CodeUnsignedHeaders  = "HeadersNotSigned"                  // host or an x-amz- header is not covered
	CodeBodyMismatch     = "XAmzContentSHA256Mismatch"         // the body is not the one that was signed
	CodeBodyHashMissing  = "MissingContentSHA256"              // S3 without x-amz-content-sha256, or a bad one
	CodeBodyTooLarge     = "RequestTooLarge"                   // the body is too long to be checked
	CodeAccessDenied     = "AccessDeniedException"             // authenticated, and not allowed
	CodeUnsupportedAlgo  = "UnsupportedSignature"              // a signature version that is not offered
	CodeMalformedRequest = "MalformedRequest"                  // path or query is not valid percent-encoding
)

// ScopeError is the cause of an error with code CodeScope when one part of the
// credential scope is not what this server expects.
type ScopeError struct {
	Part      string // "region", "service", "date" or "terminator"
	Got, Want string
}

func (e *ScopeError) Error() string {
	return "credential scope: " + e.Part + " is " + e.Got + ", want " + e.Want
}

// MismatchError is the cause of an error with code CodeMismatch. It shows what
// was signed here, which is made of the request alone and holds no secret.
type MismatchError struct {
	AccessKeyID       string
	SignatureProvided string
	StringToSign      string
	CanonicalRequest  string // "" for Signature Version 2
}

func (e *MismatchError) Error() string {
	return "signature of key " + e.AccessKeyID + " does not match"
}

func unauthenticated(code, format string, args ...any) *errs.Error {
	return errs.New(errs.Unauthenticated, code, format, args...)
}
