package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

// Operation is one operation of a JSON service, made by Op. The permission that
// it needs is service:Operation unless Needs or Open says otherwise.
type Operation struct {
	// Run gets the whole request body. The result is encoded as JSON; nil answers
	// 200 with an empty body.
	Run func(ctx context.Context, body []byte) (any, error)
	permission
}

// Op makes an Operation of a typed function. Unknown members of the request are
// ignored, as the SDKs expect of AWS; members of a wrong JSON type and bodies
// that are not one JSON object are a SerializationException. An empty body is
// read as {}. A nil *Out answers with an empty body.
func Op[In, Out any](fn func(ctx context.Context, in *In) (*Out, error)) Operation {
	return Operation{Run: func(ctx context.Context, body []byte) (any, error) {
		in := new(In)
		if err := decodeJSON(body, in); err != nil {
			return nil, err
		}
		out, err := fn(ctx, in)
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	}}
}

func decodeJSON(body []byte, in any) error {
	body = bytes.TrimLeft(body, " \t\r\n")
	if len(body) == 0 {
		return nil
	}
	if body[0] != '{' {
		return serializationf("The request body must be a JSON object.")
	}
	err := json.Unmarshal(body, in)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := e.Field
		if where == "" {
			where = "the request"
		}
		return serializationf("%s: a JSON %s cannot be converted to %s.", where, strings.Fields(e.Value + " value")[0], kindWord(e))
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return serializationf("The request body is not valid JSON at byte %d: %s.", e.Offset, e)
	}
	return serializationf("The request body can't be read: %s.", err)
}

func kindWord(e *json.UnmarshalTypeError) string {
	switch t := e.Type; {
	case t == nil:
		return "the member's type"
	default:
		switch t.Kind().String() {
		case "string":
			return "a string"
		case "bool":
			return "a boolean"
		case "int", "int32", "int64", "uint", "uint32", "uint64", "int8", "int16", "uint8", "uint16":
			return "an integer in range"
		case "float32", "float64":
			return "a number"
		case "slice", "array":
			return "a list"
		default:
			return "an object"
		}
	}
}

func serializationf(format string, args ...any) error {
	return errs.New(errs.Invalid, "SerializationException", "%s", clip(fmt.Sprintf(format, args...), 1000))
}

// encodeJSON is json.Marshal without the escapes for HTML.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
