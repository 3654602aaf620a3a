package rest

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heliograph/heliograph/internal/errs"
)

// problemPrefix stands before an error's code in a problem's type.
const problemPrefix = "urn:heliograph:error:"

// statuses is the one map from an error's kind to its status.
var statuses = map[errs.Kind]int{
	errs.Internal: 500, errs.Invalid: 400, errs.NotFound: 404, errs.Conflict: 409,
	errs.Unauthenticated: 401, errs.Denied: 403, errs.TooLarge: 413, errs.Throttled: 429,
	errs.Unavailable: 503, errs.Unsupported: 501, errs.Precondition: 412,
}

// problem is err as a problem document.
func problem(err error) *huma.ErrorModel {
	status := statuses[errs.KindOf(err)]
	p := &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: errs.MessageOf(err)}
	if code := errs.CodeOf(err); code != "" {
		p.Type = problemPrefix + code
	}
	return p
}

func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	body, _ := json.Marshal(p) // strings and numbers always encode
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// WriteError answers with err as a problem document, for what stands before the
// API, such as authentication.
func WriteError(w http.ResponseWriter, _ *http.Request, err error) {
	if errs.Is(err, errs.Unauthenticated) {
		w.Header().Set("WWW-Authenticate", "AWS4-HMAC-SHA256")
	}
	writeProblem(w, problem(err))
}

// ErrorOf is the inverse: the error that a problem document stands for. The
// document may be anything; it is at least the status in words.
func ErrorOf(status int, document []byte) error {
	kind := errs.Internal
	for k, s := range statuses {
		if s == status {
			kind = k
		}
	}
	if status == http.StatusUnprocessableEntity || kind == errs.Internal && status >= 400 && status < 500 {
		kind = errs.Invalid
	}
	var p huma.ErrorModel
	if json.Unmarshal(document, &p) != nil || p.Detail == "" {
		return errs.New(kind, "", "The server answered %d %s.", status, http.StatusText(status))
	}
	message := p.Detail
	for i, e := range p.Errors {
		if i == 0 {
			message += ":"
		} else {
			message += ";"
		}
		message += " " + e.Message
		if e.Location != "" {
			message += " (" + e.Location + ")"
		}
	}
	code := ""
	if len(p.Type) > len(problemPrefix) && p.Type[:len(problemPrefix)] == problemPrefix {
		code = p.Type[len(problemPrefix):]
	}
	return errs.New(kind, code, "%s", message)
}
