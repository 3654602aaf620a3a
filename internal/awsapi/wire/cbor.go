package wire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/heliograph/heliograph/internal/errs"
)

// cborProtocol is what the header Smithy-Protocol says in requests and answers.
const cborProtocol = "rpc-v2-cbor"

// CBOROperation is one operation of a CBOR service, made by CBOROp. The
// permission that it needs is service:Operation unless Needs says otherwise.
type CBOROperation struct {
	// Run gets the whole request body. The result is encoded as CBOR; nil is an empty structure.
	Run func(ctx context.Context, body []byte) (any, error)
	permission
}

// CBOROp makes a CBOROperation of a typed function, whose members have the names
// that they have in JSON; see Op.
func CBOROp[In, Out any](fn func(ctx context.Context, in *In) (*Out, error)) CBOROperation {
	return CBOROperation{Run: func(ctx context.Context, body []byte) (any, error) {
		in := new(In)
		if err := decodeCBOR(body, in); err != nil {
			return nil, err
		}
		out, err := fn(ctx, in)
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	}}
}

// NewCBOR returns the handler of a service that speaks Smithy RPC v2 CBOR: POST
// /service/{name}/operation/{operation}.
func NewCBOR(name string, ops map[string]CBOROperation, opt Options) http.Handler {
	if opt.Service == "" {
		opt.Service = name
	}
	return &cborHandler{name: name, ops: ops, opt: opt}
}

type cborHandler struct {
	name string
	ops  map[string]CBOROperation
	opt  Options
}

// cborOperation tells a request of the protocol by its header and path.
func cborOperation(r *http.Request) (service, operation string, ok bool) {
	if header(r, "Smithy-Protocol") != cborProtocol {
		return "", "", false
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/service/")
	if !ok {
		return "", "", false
	}
	service, operation, ok = strings.Cut(path, "/operation/")
	return service, operation, ok && operation != "" && !strings.Contains(operation, "/")
}

func (h *cborHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, h.opt, h.answer, h.fail)
}

func (h *cborHandler) fail(w http.ResponseWriter, r *http.Request, err error) {
	writeCBORError(w, r, err, h.opt.Shapes)
}

func (h *cborHandler) answer(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	setService(ctx, h.opt.Service)
	name, out, err := h.call(r)
	var body []byte
	if err == nil {
		if out == nil {
			out = struct{}{}
		}
		if body, err = cbor.Marshal(out); err != nil {
			err = fmt.Errorf("encode the answer: %w", err)
		}
	}
	if err != nil {
		logError(ctx, h.opt.logger(), name, err)
		h.fail(w, r, err)
		return
	}
	cborHeaders(w.Header())
	w.WriteHeader(http.StatusOK)
	w.Write(body)
}

func (h *cborHandler) call(r *http.Request) (name string, out any, err error) {
	_, name, _ = cborOperation(r)
	op, ok := h.ops[name]
	if !ok {
		return "unknown", nil, unknownOperation(h.name + "." + name)
	}
	SetOperation(r.Context(), name)
	if r.Method != http.MethodPost {
		return name, nil, errs.New(errs.Invalid, "UnknownOperationException", "The operation %s is called with POST, not %s.", name, clip(r.Method, 20))
	}
	if t := r.Header.Get("Content-Type"); t != "" && !strings.HasPrefix(t, "application/cbor") {
		return name, nil, serializationf("The Content-Type %q does not fit this protocol; send the body as application/cbor.", clip(t, 100))
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

func cborHeaders(h http.Header) {
	h.Set("Smithy-Protocol", cborProtocol)
	h.Set("Content-Type", "application/cbor")
}

// WriteCBORError answers with err as RPC v2 CBOR services do: a map of __type and
// message. It does not log.
func WriteCBORError(w http.ResponseWriter, r *http.Request, err error) {
	writeCBORError(w, r, err, nil)
}

func writeCBORError(w http.ResponseWriter, r *http.Request, err error, shapes map[string]string) {
	shape, status := errorShape(w, r, err, shapes)
	message := mismatchDetail(err)
	body, merr := cbor.Marshal(map[string]string{"__type": shape, "message": message, "Message": message})
	if merr != nil { // strings can always be encoded
		panic(merr)
	}
	cborHeaders(w.Header())
	writeError(w, r, status, body)
}

// cborDecoding bounds what a body may make of memory.
var cborDecoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  16,
		MaxArrayElements: 8192,
		MaxMapPairs:      1024,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

func decodeCBOR(body []byte, in any) error {
	if len(body) == 0 {
		return nil
	}
	err := cborDecoding.Unmarshal(body, in)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*cbor.UnmarshalTypeError](err); ok {
		return serializationf("%s: a CBOR %s cannot be converted to its type.", e.StructFieldName, e.CBORType)
	}
	return serializationf("The request body is not the CBOR of this operation: %s.", strings.TrimPrefix(err.Error(), "cbor: "))
}

// epochTag is the tag of times as seconds since the epoch.
const epochTag = 1

// MarshalCBOR writes epoch seconds.
func (t Time) MarshalCBOR() ([]byte, error) {
	return cbor.Marshal(cbor.Tag{Number: epochTag, Content: float64(time.Time(t).UnixMilli()) / 1000})
}

// UnmarshalCBOR reads epoch seconds, with their tag or without; null leaves t as it is.
func (t *Time) UnmarshalCBOR(b []byte) error {
	var tag cbor.RawTag
	if len(b) > 0 && b[0]>>5 == 6 {
		if err := cborDecoding.Unmarshal(b, &tag); err != nil || tag.Number != epochTag {
			return fmt.Errorf("a timestamp must have the tag 1")
		}
		b = tag.Content
	}
	var seconds *float64
	if err := cborDecoding.Unmarshal(b, &seconds); err != nil {
		return fmt.Errorf("a timestamp must be a number of seconds since 1970-01-01T00:00:00Z")
	}
	if seconds == nil {
		return nil
	}
	if s := *seconds; math.IsNaN(s) || s < -62135596800 || s > 253402300799 {
		return fmt.Errorf("the timestamp %v is not a number of seconds between the years 1 and 9999", s)
	}
	whole, part := math.Modf(*seconds)
	*t = Time(time.Unix(int64(whole), 0).Add(time.Duration(math.Round(part*1e6)) * time.Microsecond).UTC())
	return nil
}
