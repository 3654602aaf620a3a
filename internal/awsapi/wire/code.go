package wire

import (
	"net/http"

	"github.com/heliograph/heliograph/internal/errs"
)

// DefaultCode is what the JSON protocols answer for an error of a kind whose
// Code is empty, and the status for any error of that kind. AWS's JSON services
// answer every fault of the caller with 400.
func DefaultCode(kind errs.Kind) (code string, status int) {
	switch kind {
	case errs.Invalid:
		return "ValidationException", http.StatusBadRequest
	case errs.NotFound:
		return "ResourceNotFound", http.StatusBadRequest
	case errs.Conflict:
		return "ResourceInUse", http.StatusBadRequest
	case errs.Unauthenticated:
		return "UnrecognizedClientException", http.StatusBadRequest
	case errs.Denied:
		return "AccessDeniedException", http.StatusBadRequest
	case errs.TooLarge:
		return "RequestTooLargeException", http.StatusRequestEntityTooLarge
	case errs.Throttled:
		return "ThrottlingException", http.StatusBadRequest
	case errs.Unavailable:
		return "ServiceUnavailable", http.StatusServiceUnavailable
	case errs.Unsupported:
		return "ValidationException", http.StatusBadRequest
	case errs.Precondition:
		return "PreconditionFailedException", http.StatusBadRequest
	}
	return "InternalFailure", http.StatusInternalServerError
}
