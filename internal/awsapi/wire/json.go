package wire

import (
	"cmp"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
)

// NewJSON returns the handler of a service that speaks AWS JSON: POST /, the
// operation in X-Amz-Target as "target.Operation", version "1.0" or "1.1".
func NewJSON(target, version string, ops map[string]Operation, opt Options) http.Handler {
	if opt.Service == "" {
		opt.Service = target
	}
	return &jsonHandler{target: target, version: version, ops: ops, opt: opt}
}

type jsonHandler struct {
	target, version string
	ops             map[string]Operation
	opt             Options
}

func (h *jsonHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, h.opt, h.answer, h.fail)
}

func (h *jsonHandler) fail(w http.ResponseWriter, r *http.Request, err error) {
	writeJSONError(w, r, h.version, err, h.opt.Shapes)
}

func (h *jsonHandler) answer(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	setService(ctx, h.opt.Service)
	name, out, err := h.call(r)
	var body []byte
	if err == nil && out != nil {
		if body, err = encodeJSON(out); err != nil {
			err = fmt.Errorf("encode the answer: %w", err)
		}
	}
	if err != nil {
		logError(ctx, h.opt.logger(), name, err)
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-"+h.version)
	w.WriteHeader(http.StatusOK)
	w.Write(body)
}

func (h *jsonHandler) call(r *http.Request) (name string, out any, err error) {
	name = strings.TrimPrefix(r.Header.Get("X-Amz-Target"), h.target+".")
	op, ok := h.ops[name]
	if !ok {
		return "unknown", nil, unknownOperation(h.target + "." + name)
	}
	SetOperation(r.Context(), name)
	if r.Method != http.MethodPost {
		return name, nil, errs.New(errs.Invalid, "UnknownOperationException", "The operation %s is called with POST, not %s.", name, clip(r.Method, 20))
	}
	if err := wantJSON(r.Header.Get("Content-Type"), h.version); err != nil {
		return name, nil, err
	}
	body, err := readBody(r, h.opt.maxBody())
	if err != nil {
		return name, nil, err
	}
	if err := opened(r.Context(), op.permission, h.opt.Service, name); err != nil {
		return name, nil, err
	}
	out, err = op.Run(r.Context(), body)
	return name, out, err
}

// wantJSON refuses content types that say the body is something else. The SDKs
// send application/x-amz-json-1.x; people with curl send JSON or forget it.
func wantJSON(contentType, version string) error {
	media, _, err := mime.ParseMediaType(contentType)
	if contentType == "" || err == nil && (strings.HasPrefix(media, "application/x-amz-json-") || media == "application/json" ||
		strings.HasSuffix(media, "+json") || media == "text/plain" || media == "application/octet-stream") {
		return nil
	}
	return errs.New(errs.Invalid, "SerializationException",
		"The Content-Type %q does not fit the X-Amz-Target header; send the JSON body as application/x-amz-json-%s.", clip(contentType, 100), version)
}

// WriteJSONError answers with err as AWS JSON services do: a body of __type and
// message, a status by kind. It does not log.
func WriteJSONError(w http.ResponseWriter, r *http.Request, version string, err error) {
	writeJSONError(w, r, version, err, nil)
}

func writeJSONError(w http.ResponseWriter, r *http.Request, version string, err error, shapes map[string]string) {
	code, status := errorShape(w, r, err, shapes)
	message := mismatchDetail(err)
	// The error's name is also a header: old botocore reads the body, others the header.
	h := w.Header()
	h.Set("X-Amzn-Errortype", code)
	body, merr := encodeJSON(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		// SDKs decode errors that a service's model declares by the member's name there, which is Message in some.
		Again string `json:"Message"`
	}{code, message, message})
	if merr != nil { // two strings can always be encoded
		panic(merr)
	}
	h.Set("Content-Type", "application/x-amz-json-"+version)
	writeError(w, r, status, body)
}

// errorShape returns the name of an error in the service's model, and its status.
// Clients of services that spoke Query once get its code from there in a header.
func errorShape(w http.ResponseWriter, r *http.Request, err error, shapes map[string]string) (string, int) {
	code, status := jsonCode(err)
	SetError(r.Context(), code)
	if shapes != nil && errs.Is(err, errs.NotFound) {
		status = http.StatusNotFound
	}
	if r.Header.Get("X-Amzn-Query-Mode") != "" {
		fault := "Sender"
		if status >= 500 {
			fault = "Receiver"
		}
		w.Header().Set("X-Amzn-Query-Error", code+";"+fault)
	}
	return cmp.Or(shapes[code], code), status
}

// WriteRESTJSONError answers with body, encoded as JSON, as REST-JSON services
// do: the error's code in the header x-amzn-ErrorType.
func WriteRESTJSONError(w http.ResponseWriter, r *http.Request, code string, status int, body any) {
	b, err := encodeJSON(body)
	if err != nil {
		code, status, b = "InternalFailure", http.StatusInternalServerError, []byte(`{"message":"The error could not be encoded."}`)
	}
	SetError(r.Context(), token(code))
	h := w.Header()
	h.Set("X-Amzn-Errortype", token(code))
	h.Set("Content-Type", "application/json")
	writeError(w, r, status, b)
}

func writeError(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	identified(w, r)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// jsonCode is the error's name and status in the JSON protocols.
func jsonCode(err error) (string, int) {
	code, status := DefaultCode(errs.KindOf(err))
	if c := errs.CodeOf(err); c != "" {
		code = c
	}
	if a, ok := authCodes[code]; ok {
		code = a.json
		if a.jsonStatus != 0 {
			status = a.jsonStatus
		}
	}
	return token(code), status
}

// token makes a code fit for a header and for the SDKs, which split it at ':' and '#'.
func token(code string) string {
	return strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._-", c)) {
			return c
		}
		return -1
	}, code)
}
