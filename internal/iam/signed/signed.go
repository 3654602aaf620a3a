// Package signed sends requests to a server's control listener, signed with an
// access key (AWS Signature Version 4). It is what the clients of the single APIs
// stand on.
package signed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

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

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	config Config
	base   string // of all URLs, without a slash at the end
	signer *v4.Signer
}

// New returns a client, or an Invalid error that says what in config is wrong.
func New(config Config) (*Client, error) {
	base, err := url.Parse(config.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, errs.Invalidf("%q is not the URL of a server. Write it as in http://127.0.0.1:9000.", config.URL)
	}
	if config.AccessKeyID == "" || config.SecretAccessKey == "" {
		return nil, errs.Invalidf("There is no access key to sign with.")
	}
	if config.HTTP == nil {
		config.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	return &Client{config, strings.TrimSuffix(base.JoinPath().String(), "/"), v4.NewSigner()}, nil
}

// Request is what is asked.
type Request struct {
	Service     string // that the signature is for, such as iam
	Method      string
	Resource    string // percent-encoded path, from the slash on, with the query
	ContentType string // of Body, or ""
	Body        []byte
}

// Answer is what the server says, whatever it is.
type Answer struct {
	Status int
	Body   []byte
}

// Do sends a request. A server that can't be reached is an Unavailable error.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, c.base+r.Resource, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("make request: %w", err)
	}
	if r.ContentType != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	hash := sha256.Sum256(r.Body)
	credentials := aws.Credentials{AccessKeyID: c.config.AccessKeyID, SecretAccessKey: c.config.SecretAccessKey, SessionToken: c.config.SessionToken}
	if err := c.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), r.Service, c.config.Region, time.Now()); err != nil {
		return Answer{}, fmt.Errorf("sign request: %w", err)
	}
	response, err := c.config.HTTP.Do(request)
	if err != nil {
		return Answer{}, errs.Wrap(err, errs.Unavailable, "", "The server at %s can't be reached. Is it running? Start it with `heliograph serve`, or name another with --control.", c.config.URL)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Answer{}, fmt.Errorf("read the answer of %s: %w", c.config.URL, err)
	}
	return Answer{response.StatusCode, body}, nil
}
