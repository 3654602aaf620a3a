// Package client calls the native REST API: typed, signed, and with the server's
// errors as errs values of the same kind, code and message.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/iam/signed"
	"github.com/heliograph/heliograph/internal/rest"
	"github.com/heliograph/heliograph/internal/route"
)

// Service is the name that requests are signed for.
const Service = "heliograph"

// Config says where the server is and who asks.
type Config = signed.Config

// Client calls one server. It is safe for concurrent use.
type Client struct {
	config Config
	server *signed.Client
}

// New returns a client, or an Invalid error that says what in config is wrong.
func New(config Config) (*Client, error) {
	server, err := signed.New(config)
	if err != nil {
		return nil, err
	}
	return &Client{config, server}, nil
}

// Info asks what the server says of itself.
func (c *Client) Info(ctx context.Context) (out rest.Info, err error) {
	return out, c.call(ctx, http.MethodGet, "/info", nil, &out)
}

// ListRoutes returns all routes in the order of their paths.
func (c *Client) ListRoutes(ctx context.Context) ([]rest.Route, error) {
	var out rest.RouteList
	err := c.call(ctx, http.MethodGet, "/routes", nil, &out)
	return out.Routes, err
}

// GetRoute returns the route of the path, such as "/blazingtext".
func (c *Client) GetRoute(ctx context.Context, path string) (out rest.Route, err error) {
	return out, c.callRoute(ctx, http.MethodGet, path, nil, &out)
}

// PutRoute creates or replaces the route of the path.
func (c *Client) PutRoute(ctx context.Context, path string, spec rest.RouteSpec) (out rest.Route, err error) {
	return out, c.callRoute(ctx, http.MethodPut, path, spec, &out)
}

// DeleteRoute removes the route of the path.
func (c *Client) DeleteRoute(ctx context.Context, path string) error {
	return c.callRoute(ctx, http.MethodDelete, path, nil, nil)
}

// FindAudit returns a page of the audit trail's entries.
func (c *Client) FindAudit(ctx context.Context, q audit.Query) (out rest.AuditPage, err error) {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	stamp := func(name string, at time.Time) {
		if !at.IsZero() {
			set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	stamp("from", q.From)
	stamp("to", q.To)
	for name, value := range map[string]string{"principal": q.Principal, "key": q.Key, "action": q.Action, "resource": q.Resource, "operation": q.Operation,
		"request": q.Request, "source": q.Source, "error": q.Error, "decision": q.Decision, "token": q.Token} {
		set(name, value)
	}
	if q.Oldest {
		set("oldest", "true")
	}
	if q.Limit > 0 {
		set("limit", strconv.Itoa(q.Limit))
	}
	return out, c.call(ctx, http.MethodGet, "/audit?"+values.Encode(), nil, &out)
}

// AuditPosition asks how far the audit trail reaches.
func (c *Client) AuditPosition(ctx context.Context) (out rest.AuditPosition, err error) {
	return out, c.call(ctx, http.MethodGet, "/audit/position", nil, &out)
}

// Keyring asks what keys seal the server's secrets.
func (c *Client) Keyring(ctx context.Context) (out rest.KeyringStatus, err error) {
	return out, c.call(ctx, http.MethodGet, "/keyring", nil, &out)
}

// RotateKeyring seals the server's secrets anew.
func (c *Client) RotateKeyring(ctx context.Context, in rest.RotateSpec) (out rest.KeyringRotation, err error) {
	return out, c.call(ctx, http.MethodPost, "/keyring/rotate", in, &out)
}

// callRoute calls the resource of a route, whose path is one segment of the URL.
// A path that can't be a route's is not sent: dots in it would be resolved on
// the way.
func (c *Client) callRoute(ctx context.Context, method, path string, in, out any) error {
	if err := route.CheckPath(path); err != nil {
		return err
	}
	return c.call(ctx, method, "/routes/"+url.PathEscape(strings.TrimPrefix(path, "/")), in, out)
}

// call sends in as JSON, unless nil, and decodes the answer into out, unless nil.
// resource is percent-encoded.
func (c *Client) call(ctx context.Context, method, resource string, in, out any) error {
	request := signed.Request{Service: Service, Method: method, Resource: rest.Prefix + resource}
	if in != nil {
		var err error
		if request.Body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		request.ContentType = "application/json"
	}
	answer, err := c.server.Do(ctx, request)
	if err != nil {
		return err
	}
	if answer.Status < 200 || answer.Status > 299 {
		return rest.ErrorOf(answer.Status, answer.Body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return fmt.Errorf("the answer of %s is not Heliograph's: %w", c.config.URL, err)
	}
	return nil
}
