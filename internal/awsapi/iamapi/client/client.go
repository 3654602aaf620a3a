// Package client calls the IAM API: signed, with the answers as the types of
// package iamapi and the server's errors as errs values of the same code and
// message.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/awsapi/iamapi"
	"github.com/heliograph/heliograph/internal/errs"
)

// maxAnswer bounds the bytes of an answer.
const maxAnswer = 16 << 20

// Config says where the server is and who asks.
type Config struct {
	URL             string // of the control listener, such as http://127.0.0.1:9000
	Region          string // that the server answers as
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string       // of temporary credentials, or ""
	HTTP            *http.Client // nil: one with a timeout of 30 seconds
}

// Client calls one server. It is safe for concurrent use.
type Client struct {
	config Config
	signer *v4.Signer
}

// New returns a client, or an Invalid error that says what in config is wrong.
func New(config Config) (*Client, error) {
	base, err := url.Parse(config.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, errs.Invalidf("%q is not the URL of a server. Write it as in http://127.0.0.1:9000.", config.URL)
	}
	config.URL = base.Scheme + "://" + base.Host + "/"
	if config.HTTP == nil {
		config.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	return &Client{config, v4.NewSigner()}, nil
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
	body := []byte(form.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: c.config.AccessKeyID, SecretAccessKey: c.config.SecretAccessKey, SessionToken: c.config.SessionToken}
	if err := c.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), "iam", c.config.Region, time.Now()); err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	response, err := c.config.HTTP.Do(request)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "", "The server at %s can't be reached. Is it running? Start it with `heliograph serve`, or name another with --control.", c.config.URL)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.config.URL, err)
	}
	if response.StatusCode != http.StatusOK {
		return errorOf(response.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	return decode(answer, operation+"Result", out)
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
