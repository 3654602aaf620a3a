package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/heliograph/heliograph/internal/route"
)

// proxyEvent describes a request in the event that Lambda proxy integrations of
// REST APIs get (payload 1.0). A body that isn't UTF-8 is in base64.
func (g *Gateway) proxyEvent(x *exchange, r *http.Request, rt *route.Route, body []byte) ([]byte, *failure) {
	source, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source, port = r.RemoteAddr, ""
	}
	header := r.Header.Clone()
	header.Set("Host", r.Host)
	header.Set(headerTrace, x.trace)
	header.Set("X-Forwarded-For", source)
	header.Set("X-Forwarded-Port", port)
	header.Set("X-Forwarded-Proto", "http")
	if r.TLS != nil {
		header.Set("X-Forwarded-Proto", "https")
	}
	now := time.Now()
	event := events.APIGatewayProxyRequest{
		Resource:          rt.Path,
		Path:              rt.Path,
		HTTPMethod:        r.Method,
		Headers:           single(header),
		MultiValueHeaders: header,
		RequestContext: events.APIGatewayProxyRequestContext{
			AccountID:         g.Account,
			APIID:             rt.API,
			DomainName:        hostname(r.Host),
			ExtendedRequestID: x.extended,
			HTTPMethod:        r.Method,
			Identity:          events.APIGatewayRequestIdentity{SourceIP: source, UserAgent: r.UserAgent()},
			Path:              r.URL.Path,
			Protocol:          r.Proto,
			RequestID:         x.request,
			RequestTime:       now.UTC().Format("02/Jan/2006:15:04:05 -0700"),
			RequestTimeEpoch:  now.UnixMilli(),
			ResourcePath:      rt.Path,
			Stage:             route.Stage,
		},
	}
	if query := r.URL.Query(); len(query) > 0 {
		event.MultiValueQueryStringParameters = query
		event.QueryStringParameters = single(query)
	}
	if event.Body = string(body); !utf8.Valid(body) {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	data, err := json.Marshal(event)
	if err != nil {
		return nil, &errInternal
	}
	return data, nil
}

// single keeps the last value of each name, as REST APIs do.
func single(values map[string][]string) map[string]string {
	out := make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 0 {
			out[name] = all[len(all)-1]
		}
	}
	return out
}

// proxied sends what a function with a proxy integration answered. An answer
// that isn't one is an error, and nothing is sent.
func (x *exchange) proxied(data []byte) error {
	var response events.APIGatewayProxyResponse
	if err := json.Unmarshal(data, &response); err != nil {
		return fmt.Errorf("malformed proxy response: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return fmt.Errorf("malformed proxy response: statusCode %d", response.StatusCode)
	}
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(response.Body)
		if err != nil {
			return fmt.Errorf("malformed proxy response: body: %w", err)
		}
		body = decoded
	}
	if len(body) > MaxBody {
		return errors.New("the function's response is too long")
	}
	x.stamp()
	h := x.Header()
	for name, value := range response.Headers {
		if mayAnswer(name) {
			h.Set(name, value)
		}
	}
	for name, values := range response.MultiValueHeaders {
		if mayAnswer(name) {
			h.Del(name)
			for _, value := range values {
				h.Add(name, value)
			}
		}
	}
	contentType := h.Get("Content-Type")
	if contentType == "" {
		contentType = "application/json"
	}
	x.send(response.StatusCode, contentType, body)
	return nil
}

// mayAnswer tells the headers that are the connection's, and not a function's.
func mayAnswer(name string) bool {
	switch strings.ToLower(name) {
	case "connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
		"x-amzn-requestid", "x-amz-apigw-id", "x-amzn-trace-id":
		return false
	}
	return true
}

// passed sends a function's whole response as JSON. The HTTP status is 200, or
// the response's own statusCode if that says that the request failed.
func (x *exchange) passed(response []byte) error {
	if len(response) > MaxBody {
		return errors.New("the function's response is too long")
	}
	if !json.Valid(response) {
		return errors.New("the function's response is not JSON")
	}
	status := http.StatusOK
	var envelope struct {
		StatusCode int `json:"statusCode"`
	}
	if json.Unmarshal(response, &envelope) == nil && envelope.StatusCode >= 400 && envelope.StatusCode <= 599 {
		status = envelope.StatusCode
	}
	x.stamp()
	x.send(status, "application/json", response)
	return nil
}

func stack() string { return string(debug.Stack()) }
