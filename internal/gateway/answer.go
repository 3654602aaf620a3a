package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"
)

const headerTrace = "X-Amzn-Trace-Id"

// ids are the names under which an operator finds a request again.
type ids struct {
	request  string // uuid
	extended string // as x-amz-apigw-id, which REST APIs also call the extended request id
	trace    string // Root=1-{8 hex}-{24 hex}
}

var traceRoot = regexp.MustCompile(`^(?:[A-Za-z]+=[^;=]{1,128};)*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)`)

// newIDs makes ids for a request; the trace goes on if the request names one.
func newIDs(trace string) ids {
	var extended [11]byte
	var root [12]byte
	_, _ = rand.Read(extended[:]) // never fails
	_, _ = rand.Read(root[:])
	out := ids{request: uuid.NewString(), extended: base64.StdEncoding.EncodeToString(extended[:])}
	if len(trace) <= 512 {
		if m := traceRoot.FindStringSubmatch(trace); m != nil {
			out.trace = "Root=" + m[1]
			return out
		}
	}
	out.trace = fmt.Sprintf("Root=1-%08x-%s", uint32(time.Now().Unix()), hex.EncodeToString(root[:]))
	return out
}

// stamp puts the ids on an answer of an API. The names are spelled as API
// Gateway spells them.
func (x *exchange) stamp() {
	h := x.Header()
	h["x-amzn-RequestId"] = []string{x.request}
	h["x-amz-apigw-id"] = []string{x.extended}
	h[headerTrace] = []string{x.trace}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Access-Control-Allow-Origin"] = []string{"*"}
	h["Access-Control-Expose-Headers"] = []string{"x-amzn-RequestId,x-amz-apigw-id,X-Amzn-Trace-Id,x-amzn-ErrorType"}
}

// failure is an answer that the gateway gives itself. Its body is spelled, down
// to the spaces, as API Gateway's.
type failure struct {
	status int
	kind   string // x-amzn-ErrorType
	body   string
}

var (
	errMissingToken = failure{403, "MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`}
	errForbidden    = failure{403, "ForbiddenException", `{"message":"Forbidden"}`}
	errIncomplete   = failure{408, "BadRequestException", `{"message":"The request's body did not arrive"}`}
	errTooLong      = failure{413, "RequestTooLargeException", `{"message":"Request Too Long"}`}
	errMediaType    = failure{415, "UnsupportedMediaTypeException", `{"message":"Unsupported Media Type"}`}
	errThrottled    = failure{429, "TooManyRequestsException", `{"message":"Too Many Requests"}`}
	errNotPermitted = failure{500, "InternalServerErrorException", `{"message": "Internal server error"}`}
	errInternal     = failure{502, "InternalServerErrorException", `{"message": "Internal server error"}`}
	errTimeout      = failure{504, "InternalServerErrorException", `{"message": "Endpoint request timed out"}`}
)

func (x *exchange) fail(f failure) {
	x.stamp()
	x.code = f.kind
	h := x.Header()
	h["x-amzn-ErrorType"] = []string{f.kind}
	x.send(f.status, "application/json", []byte(f.body))
}

// send writes a whole answer.
func (x *exchange) send(status int, contentType string, body []byte) {
	h := x.Header()
	h.Set("Content-Type", contentType)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.WriteHeader(status)
	_, _ = x.Write(body) // the client may be gone
}
