package function

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// MaxText is the length in bytes of the longest text that is classified.
// Normalised and quoted it is at most three times as long, which stays within the
// 6,291,456 bytes that an endpoint takes.
const MaxText = 1 << 20

// event is what the functions need of an event.
type event struct {
	text  string
	proxy bool // the event describes an HTTP request, so the answer does as well
}

// refusal is an event that can't be answered, as an HTTP status and a sentence.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// decodeEvent takes the text from an event. The event is returned even along
// with an error, since the answer's form depends on it. Errors are *refusal.
func decodeEvent(data []byte) (event, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return event{}, notObject(data)
	}
	var e event
	var err error
	if isProxy(members) {
		e.proxy = true
		e.text, err = proxyText(data)
	} else {
		e.text, err = memberText(members)
	}
	if err != nil {
		return e, err
	}
	if len(e.text) > MaxText {
		return e, refuse(http.StatusRequestEntityTooLarge,
			"The text is %d bytes long; at most %d are classified. Send a shorter part of it.", len(e.text), MaxText)
	}
	return e, nil
}

func notObject(data []byte) error {
	const want = `Send a JSON object such as {"body": "My invoice is wrong"}.`
	if len(bytes.TrimSpace(data)) == 0 {
		return refuse(http.StatusBadRequest, "The request has no body. %s", want)
	}
	if json.Valid(data) {
		return refuse(http.StatusBadRequest, "The request is JSON, but not an object. %s", want)
	}
	return refuse(http.StatusBadRequest, "The request is not valid JSON. %s", want)
}

// isProxy tells API Gateway's proxy events by members that both payload
// versions have and that nobody sends by accident.
func isProxy(members map[string]json.RawMessage) bool {
	context := bytes.TrimSpace(members["requestContext"])
	return len(context) > 0 && context[0] == '{'
}

// memberText is the text of a passthrough event: its member body, or text.
func memberText(members map[string]json.RawMessage) (string, error) {
	name := "body"
	raw, ok := members[name]
	if text, too := members["text"]; too {
		if ok {
			return "", refuse(http.StatusBadRequest, `The request has both "body" and "text". Send one of them.`)
		}
		name, raw, ok = "text", text, true
	}
	if !ok || string(raw) == "null" {
		return "", refuse(http.StatusBadRequest, `The request has no text. Send a JSON object such as {"body": "My invoice is wrong"}.`)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", refuse(http.StatusBadRequest, `The member %q is not a string. Send a JSON object such as {"body": "My invoice is wrong"}.`, name)
	}
	return text, nil
}

// proxyText is the text of a proxy event: what a passthrough event would hold
// if the HTTP body is a JSON object, else the body itself.
func proxyText(data []byte) (string, error) {
	// Payloads 1.0 and 2.0 name and type these members alike.
	var request struct {
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
		Base64  bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(data, &request); err != nil {
		return "", refuse(http.StatusBadRequest, "The event is not a proxy event of API Gateway: its headers, body or isBase64Encoded have the wrong type.")
	}
	if request.Body == nil || strings.TrimSpace(*request.Body) == "" {
		return "", notObject(nil)
	}
	body := *request.Body
	if request.Base64 {
		decoded, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return "", refuse(http.StatusBadRequest, "The event says that its body is base64, but it is not.")
		}
		body = string(decoded)
	}
	if !utf8.ValidString(body) {
		return "", refuse(http.StatusBadRequest, "The body is not UTF-8 text. Send text, or a JSON object such as {\"body\": \"My invoice is wrong\"}.")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err == nil && members != nil {
		return memberText(members)
	}
	if claimsJSON(request.Headers) {
		return "", notObject([]byte(body))
	}
	return body, nil
}

func claimsJSON(headers map[string]string) bool {
	for name, value := range headers {
		if strings.EqualFold(name, "Content-Type") {
			media, _, _ := strings.Cut(value, ";")
			media = strings.ToLower(strings.TrimSpace(media))
			return media == "application/json" || strings.HasSuffix(media, "+json")
		}
	}
	return false
}

// The headers of every answer, in the order in which they are written.
var answerHeaders = [...][2]string{
	{"Access-Control-Allow-Headers", "Content-Type"},
	{"Access-Control-Allow-Origin", "*"},
	{"Access-Control-Allow-Methods", "OPTIONS,POST,GET"},
}

// answer is the response with that status and body. Its members and their
// spacing are those of a Python function, as clients have come to match on them.
// A proxied answer names its content type too.
func answer(e event, status int, contentType, body string) []byte {
	out := fmt.Appendf(make([]byte, 0, 256+len(body)), `{"statusCode": %d, "headers": {`, status)
	for i, header := range answerHeaders {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = fmt.Appendf(out, `"%s": "%s"`, header[0], header[1])
	}
	if e.proxy {
		out = fmt.Appendf(out, `, "Content-Type": "%s"`, contentType)
	}
	out = append(out, `}, "body": `...)
	out = append(out, quote(body)...)
	return append(out, '}')
}

// quote is s as a JSON string that leaves <, > and & as they are.
func quote(s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string always encodes
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
