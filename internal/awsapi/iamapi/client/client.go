// Package client calls the IAM API: signed, with the answers as the types of
// package iamapi and the server's errors as errs values of the same code and
// message.
package client

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/signed"
)

// Config says where the server is and who asks.
type Config = signed.Config

// Client calls one server. It is safe for concurrent use.
type Client struct{ server *signed.Client }

// New returns a client, or an Invalid error that says what in config is wrong.
func New(config Config) (*Client, error) {
	server, err := signed.New(config)
	if err != nil {
		return nil, err
	}
	return &Client{server}, nil
}

// Call performs an operation with these parameters and decodes its result into
// out, unless nil.
func (c *Client) Call(ctx context.Context, operation string, in url.Values, out any) error {
	form := url.Values{"Action": {operation}, "Version": {iamapi.Version}}
	for name, values := range in {
		if len(values) == 1 && values[0] != "" {
			form[name] = values
		}
	}
	answer, err := c.server.Do(ctx, signed.Request{Service: "iam", Method: http.MethodPost, Resource: "/",
		ContentType: "application/x-www-form-urlencoded; charset=utf-8", Body: []byte(form.Encode())})
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return errorOf(answer.Status, answer.Body)
	}
	if out == nil {
		return nil
	}
	return decode(answer.Body, operation+"Result", out)
}

// decode reads the element of that name.
func decode(answer []byte, name string, out any) error {
	decoder := xml.NewDecoder(bytes.NewReader(answer))
	for {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("the answer has no %s: %w", name, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			return decoder.DecodeElement(out, &start)
		}
	}
}

// errorOf is the error of an answer.
func errorOf(status int, answer []byte) error {
	var e struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(answer, &e); err != nil || e.Code == "" {
		return fmt.Errorf("the server answered %s, and not as the IAM API does", strings.ToLower(http.StatusText(status)))
	}
	kind := errs.Internal
	switch {
	case status == http.StatusNotFound:
		kind = errs.NotFound
	case status == http.StatusConflict:
		kind = errs.Conflict
	case status == http.StatusForbidden:
		kind = errs.Denied
	case status == http.StatusServiceUnavailable:
		kind = errs.Unavailable
	case status < 500:
		kind = errs.Invalid
	}
	return errs.New(kind, e.Code, "%s", e.Message)
}

// Pages calls a list until its last page, which next tells by returning what the
// answer says of it.
func Pages[Out any](ctx context.Context, c *Client, operation string, in url.Values, next func(*Out) iamapi.Truncation) error {
	form := url.Values{}
	for name, values := range in {
		form[name] = values
	}
	for {
		out := new(Out)
		if err := c.Call(ctx, operation, form, out); err != nil {
			return err
		}
		t := next(out)
		if !t.IsTruncated {
			return nil
		}
		form.Set("Marker", t.Marker)
	}
}
