package wire

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// maxForm bounds the body of a Query request, in bytes.
const maxForm = 1 << 20

// QueryOperation is one operation of a Query service, made by QueryOp. The
// permission that it needs is service:Operation unless Needs or Open says otherwise.
type QueryOperation struct {
	// Run gets the parameters without Action, Version and those of the signature.
	// The fields of the result are encoded as XML within <ActionResult>; nil leaves
	// that out.
	Run func(ctx context.Context, form url.Values) (any, error)
	permission
}

// QueryOp makes a QueryOperation of a typed function; see DecodeForm for how
// parameters become fields.
func QueryOp[In, Out any](fn func(ctx context.Context, in *In) (*Out, error)) QueryOperation {
	return QueryOperation{Run: func(ctx context.Context, form url.Values) (any, error) {
		in := new(In)
		if err := DecodeForm(form, in); err != nil {
			return nil, err
		}
		out, err := fn(ctx, in)
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	}}
}

// NewQuery returns the handler of a service that speaks the Query protocol: a
// form in the body of a POST or in the query of a GET, with Action and Version.
func NewQuery(version, xmlns string, ops map[string]QueryOperation, opt Options) http.Handler {
	if opt.MaxBody == 0 {
		opt.MaxBody = maxForm
	}
	if opt.Service == "" {
		opt.Service = version
	}
	return &queryHandler{version: version, xmlns: xmlns, ops: ops, opt: opt}
}

type queryHandler struct {
	version, xmlns string
	ops            map[string]QueryOperation
	opt            Options
}

func (h *queryHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, h.opt, h.answer, func(w http.ResponseWriter, r *http.Request, err error) { WriteQueryError(w, r, h.xmlns, err) })
}

func (h *queryHandler) answer(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	setService(ctx, h.opt.Service)
	action, out, err := h.call(r)
	var body []byte
	if err == nil {
		body, err = h.encode(action, out, RequestID(ctx))
	}
	if err != nil {
		logError(ctx, h.opt.logger(), action, err)
		WriteQueryError(w, r, h.xmlns, err)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

func (h *queryHandler) call(r *http.Request) (action string, out any, err error) {
	form, err := readForm(r, h.opt.maxBody())
	if err != nil {
		return "unknown", nil, err
	}
	action = form.Get("Action")
	if action == "" {
		return "unknown", nil, errs.New(errs.Invalid, "MissingAction", "The request must contain the parameter Action.")
	}
	op, ok := h.ops[action]
	if v := form.Get("Version"); !ok || v != "" && v != h.version {
		return "unknown", nil, errs.New(errs.Invalid, "InvalidAction", "Could not find operation %s for version %s", clip(action, 100), clip(v, 20))
	}
	SetOperation(r.Context(), action)
	for name := range form {
		if name == "Action" || name == "Version" || len(name) > 6 && strings.EqualFold(name[:6], "X-Amz-") {
			delete(form, name)
		}
	}
	if err := opened(r.Context(), op.permission, h.opt.Service, action); err != nil {
		return action, nil, err
	}
	out, err = op.Run(r.Context(), form)
	return action, out, err
}

// readForm returns the parameters of the query and, for POST, of the body. A
// parameter may be given once.
func readForm(r *http.Request, limit int64) (url.Values, error) {
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errs.New(errs.Invalid, "MalformedQueryString", "The query string is malformed: %v.", err)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		contentType := r.Header.Get("Content-Type")
		media, _, _ := mime.ParseMediaType(contentType)
		if contentType != "" && media != "application/x-www-form-urlencoded" {
			return nil, errs.New(errs.Invalid, "SerializationException",
				"The Content-Type %q does not fit this service; send the parameters as application/x-www-form-urlencoded.", clip(contentType, 100))
		}
		body, err := readBody(r, limit)
		if err != nil {
			return nil, err
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errs.New(errs.Invalid, "MalformedQueryString", "The form is malformed: %v.", err)
		}
		for name, v := range values {
			form[name] = append(form[name], v...)
		}
	default:
		return nil, errs.New(errs.Invalid, "InvalidAction", "The method %s is not allowed here; use POST.", clip(r.Method, 20))
	}
	for name, v := range form {
		if len(v) != 1 {
			return nil, errs.New(errs.Invalid, "MalformedQueryString", "The parameter %s is given %d times.", clip(name, 100), len(v))
		}
	}
	return form, nil
}

func (h *queryHandler) encode(action string, out any, id string) ([]byte, error) {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	start := xml.StartElement{Name: xml.Name{Local: action + "Response"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: h.xmlns}}}
	err := e.EncodeToken(start)
	if err == nil && out != nil {
		err = e.EncodeElement(out, xml.StartElement{Name: xml.Name{Local: action + "Result"}})
	}
	if err == nil {
		err = e.EncodeElement(struct{ RequestId string }{id}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	}
	if err == nil {
		err = e.EncodeToken(start.End())
	}
	if err == nil {
		err = e.Flush()
	}
	if err != nil {
		return nil, fmt.Errorf("encode the answer of %s: %w", action, err)
	}
	return b.Bytes(), nil
}
