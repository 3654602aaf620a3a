// Package s3 speaks Amazon S3's REST API over a blob store.
//
// It guarantees: Options.Authorize is asked before an operation looks at
// anything; a body is stored only if it has the announced length and all the
// digests that came with it, in front or behind; what the server would have to
// ignore (encryption, public ACLs, object lock, tags) is refused with
// NotImplemented, not dropped silently; internal errors go to the log once, under
// the request id that the caller sees.
//
// It does not authenticate: the handler belongs behind package wire's router.
// Mount it where paths arrive as sent; a mux that cleans paths breaks keys with
// "//" or "..".
package s3

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/blob"
)

// Options configure the handler.
type Options struct {
	// Authorize says whether the principal of ctx may perform an S3 action, such
	// as "s3:GetObject", on a resource, such as "arn:aws:s3:::bucket/key", where
	// the policies of buckets (see Policies) count too; nil refuses everything.
	Authorize func(ctx context.Context, action, resource string) error
	// Logger gets a line for each internal error; nil: slog.Default().
	Logger *slog.Logger
	// Region is where buckets are made, and all that CreateBucket accepts; ""
	// accepts any, and stands for us-east-1 where one must be named.
	Region string
	// AccountID owns all buckets; "" is 000000000000.
	AccountID string
	// Hosts are the names this server has: the host {bucket}.{name}, or
	// {bucket}.s3.{name}, addresses a bucket. nil is localhost alone.
	Hosts []string
}

// New returns the handler of all S3 requests on store.
func New(store blob.Store, opt Options) http.Handler {
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	if opt.AccountID == "" {
		opt.AccountID = "000000000000"
	}
	return &handler{store: store, opt: opt, bucketOf: BucketOfHost(opt.Hosts), operations: operations}
}

type handler struct {
	store      blob.Store
	opt        Options
	bucketOf   func(host string) string
	operations []operation
}

// call is one request on its way through an operation.
type call struct {
	*handler
	w           http.ResponseWriter
	r           *http.Request
	ctx         context.Context
	query       url.Values
	bucket, key string
	operation   string
	began       bool // the answer's head is out
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{handler: h, w: w, r: r, ctx: r.Context()}
	c.identify()
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

// identify puts the request's id on the answer, making one if nothing in front
// did.
func (c *call) identify() {
	id := wire.RequestID(c.ctx)
	if id == "" {
		id = wire.NewRequestID()
		c.ctx = wire.WithRequestID(c.ctx, id)
		c.r = c.r.WithContext(c.ctx)
	}
	c.w.Header().Set("X-Amz-Request-Id", id)
	c.w.Header().Set("X-Amz-Id-2", id)
}

func (c *call) serve() error {
	var err error
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return invalid("InvalidURI", "Couldn't parse the specified URI: its query is malformed.")
	}
	c.bucket, c.key = c.address()
	op, err := c.route()
	if err != nil {
		return err
	}
	c.operation = op.name
	wire.SetOperation(c.ctx, op.name)
	c.ctx = c.withKeys(c.ctx)
	if action := op.needs.front(); action != "" {
		if err := c.authorize(action, arn(c.bucket, c.key)); err != nil {
			return err
		}
	}
	if err := c.checkOwner("X-Amz-Expected-Bucket-Owner"); err != nil {
		return err
	}
	return op.do(c)
}

func (c *call) authorize(action, resource string) error {
	if c.opt.Authorize == nil {
		return denied("This server's S3 interface has no authorisation configured, so it refuses everything.")
	}
	return c.opt.Authorize(c.ctx, action, resource)
}

// arn names a bucket, an object or, without both, all buckets.
func arn(bucket, key string) string {
	switch {
	case bucket == "":
		return "arn:aws:s3:::*"
	case key == "":
		return "arn:aws:s3:::" + bucket
	}
	return "arn:aws:s3:::" + bucket + "/" + key
}

// checkOwner holds the account that a client expects a bucket to belong to
// against the one that owns all.
func (c *call) checkOwner(header string) error {
	if owner := c.r.Header.Get(header); owner != "" && owner != c.opt.AccountID {
		return denied("Access Denied: the bucket belongs to another account than " + header + " says.")
	}
	return nil
}

// ok answers with a status and no body.
func (c *call) ok(status int) error {
	c.began = true
	c.w.WriteHeader(status)
	return nil
}
