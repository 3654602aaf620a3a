package wire

import (
	"errors"
	"net/http"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
)

// spelling is how the protocols name one of iam's neutral codes. Empty messages
// leave iam's own, zero statuses mean 400 for JSON and 403 elsewhere.
type spelling struct {
	json        string
	jsonStatus  int
	query       string
	queryStatus int
	s3          string
	s3Status    int
	message     string // JSON and Query
	s3Message   string
}

const (
	sigMessage = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
		"Consult the service documentation for details."
	sigMessageS3 = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	tokenMessage = "The security token included in the request is invalid."
)

// authCodes is the one place where a refusal gets AWS's own words.
var authCodes = map[string]spelling{
	iam.CodeMissingToken: {json: "MissingAuthenticationTokenException", query: "MissingAuthenticationToken", message: "Request is missing Authentication Token",
		s3: "AccessDenied", s3Message: "Access Denied"},
	iam.CodeIncomplete: {json: "IncompleteSignatureException", query: "IncompleteSignature", queryStatus: 400,
		s3: "AuthorizationHeaderMalformed", s3Status: 400},
	iam.CodeBadQuery: {json: "IncompleteSignatureException", query: "IncompleteSignature", queryStatus: 400,
		s3: "AuthorizationQueryParametersError", s3Status: 400},
	iam.CodeUnknownKey: {json: "UnrecognizedClientException", query: "InvalidClientTokenId", message: tokenMessage,
		s3: "InvalidAccessKeyId", s3Message: "The AWS Access Key Id you provided does not exist in our records."},
	iam.CodeBadToken: {json: "UnrecognizedClientException", query: "InvalidClientTokenId", message: tokenMessage,
		s3: "InvalidToken", s3Status: 400, s3Message: "The provided token is malformed or otherwise invalid."},
	iam.CodeExpiredToken: {json: "ExpiredTokenException", query: "ExpiredToken", message: "The security token included in the request is expired",
		s3: "ExpiredToken", s3Status: 400, s3Message: "The provided token has expired."},
	iam.CodeMismatch: {json: "InvalidSignatureException", query: "SignatureDoesNotMatch", message: sigMessage,
		s3: "SignatureDoesNotMatch", s3Message: sigMessageS3},
	iam.CodeScope: {json: "InvalidSignatureException", query: "SignatureDoesNotMatch",
		s3: "AuthorizationHeaderMalformed", s3Status: 400},
	iam.CodeSkew: {json: "InvalidSignatureException", query: "SignatureDoesNotMatch",
		s3: "RequestTimeTooSkewed", s3Message: "The difference between the request time and the current time is too large."},
	iam.CodeExpired: {json: "InvalidSignatureException", query: "SignatureDoesNotMatch",
		s3: "AccessDenied", s3Message: "Request has expired"},
	iam.CodeUnsignedHeaders: {json: "InvalidSignatureException", query: "SignatureDoesNotMatch", s3: "AccessDenied"},
	iam.CodeBodyMismatch: {json: "InvalidSignatureException", query: "SignatureDoesNotMatch", message: sigMessage,
		s3: "XAmzContentSHA256Mismatch", s3Status: 400},
	iam.CodeBodyHashMissing:  {json: "InvalidSignatureException", query: "SignatureDoesNotMatch", s3: "InvalidRequest", s3Status: 400},
	iam.CodeUnsupportedAlgo:  {json: "IncompleteSignatureException", query: "IncompleteSignature", queryStatus: 400, s3: "InvalidRequest", s3Status: 400},
	iam.CodeMalformedRequest: {json: "SerializationException", query: "MalformedQueryString", queryStatus: 400, s3: "InvalidURI", s3Status: 400},
	iam.CodeBodyTooLarge: {json: "RequestTooLargeException", jsonStatus: 413, query: "RequestTooLarge", queryStatus: 413,
		s3: "EntityTooLarge", s3Status: 400},
	iam.CodeAccessDenied: {json: "AccessDeniedException", query: "AccessDenied", s3: "AccessDenied"},
}

// jsonMessage is what JSON and Query services say for err.
func jsonMessage(err error) string {
	if a, ok := authCodes[errs.CodeOf(err)]; ok && a.message != "" {
		return a.message
	}
	return errs.MessageOf(err)
}

// s3Code is the error's name, status and sentence in S3, for failures before
// the S3 handler is reached.
func s3Code(err error) (code string, status int, message string) {
	message = errs.MessageOf(err)
	if a, ok := authCodes[errs.CodeOf(err)]; ok {
		if a.s3Message != "" {
			message = a.s3Message
		}
		switch scope, ok := errors.AsType[*iam.ScopeError](err); {
		case ok && scope.Part == "region":
			message = "The authorization header is malformed; the region '" + clip(scope.Got, 64) + "' is wrong; expecting '" + scope.Want + "'"
		case ok && scope.Part == "service":
			message = "The authorization header is malformed; incorrect service \"" + clip(scope.Got, 64) + "\". This endpoint belongs to \"" + scope.Want + "\"."
		case a.s3 == "AuthorizationHeaderMalformed":
			message = "The authorization header is malformed; " + message
		}
		return a.s3, orStatus(a.s3Status, http.StatusForbidden), message
	}
	switch errs.KindOf(err) {
	case errs.Internal:
		return "InternalError", http.StatusInternalServerError, message
	case errs.Unavailable:
		return "ServiceUnavailable", http.StatusServiceUnavailable, message
	case errs.Throttled:
		return "SlowDown", http.StatusServiceUnavailable, message
	case errs.TooLarge:
		return "EntityTooLarge", http.StatusBadRequest, message
	}
	return "InvalidRequest", http.StatusBadRequest, message
}

func orStatus(status, otherwise int) int {
	if status == 0 {
		return otherwise
	}
	return status
}
