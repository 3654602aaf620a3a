package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// Policies are the policies of a store's buckets, compiled when they are first
// needed. What it answers is never older than what the store has.
type Policies struct {
	store    blob.PolicyStore
	mu       sync.RWMutex
	compiled map[string]bucketPolicy // by bucket
}

type bucketPolicy struct {
	text     string
	attached *policy.Attached
}

// NewPolicies returns the policies of the buckets in store.
func NewPolicies(store blob.PolicyStore) *Policies {
	return &Policies{store: store, compiled: map[string]bucketPolicy{}}
}

// arnPrefix begins the ARNs of buckets and objects.
const arnPrefix = "arn:aws:s3:::"

// Of returns the policy that is about a resource, given by its ARN: that of the
// bucket, for it and its objects. It is nil where there is none, also for what
// is no bucket at all.
func (p *Policies) Of(ctx context.Context, resource string) (*policy.Attached, error) {
	rest, ok := strings.CutPrefix(resource, arnPrefix)
	if !ok {
		return nil, nil
	}
	name, _, _ := strings.Cut(rest, "/")
	text, err := p.store.BucketPolicy(ctx, name)
	none := errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid)
	if err != nil && !none {
		return nil, err
	}
	p.mu.RLock()
	known, ok := p.compiled[name]
	p.mu.RUnlock()
	switch {
	case none && ok:
		p.mu.Lock()
		delete(p.compiled, name)
		p.mu.Unlock()
		return nil, nil
	case none:
		return nil, nil
	case ok && known.text == text:
		return known.attached, nil
	}
	doc, err := policy.Parse([]byte(text), policy.Resource)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "", "the policy of bucket %s can't be read", name)
	}
	known = bucketPolicy{text, &policy.Attached{Name: "bucket:" + name, Document: doc}}
	p.mu.Lock()
	p.compiled[name] = known
	p.mu.Unlock()
	return known.attached, nil
}

// getPolicy is GetBucketPolicy.
func (c *call) getPolicy() error {
	text, err := c.store.BucketPolicy(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	c.began = true
	_, err = c.w.Write([]byte(text))
	return err
}

// putPolicy is PutBucketPolicy.
func (c *call) putPolicy() error {
	content, err := c.readBody(maxConfiguration)
	if err != nil {
		return err
	}
	if err := c.checkPolicy(content); err != nil {
		return err
	}
	if err := c.store.SetBucketPolicy(c.ctx, c.bucket, string(content)); err != nil {
		return err
	}
	return c.ok(http.StatusNoContent)
}

// checkPolicy refuses what can't be the policy of the bucket.
func (c *call) checkPolicy(content []byte) error {
	if n := policy.Size(content); n > policy.MaxBucket {
		return malformedPolicy("Normalized policy document exceeds the maximum allowed size of %d bytes: it has %d.", policy.MaxBucket, n)
	}
	doc, err := policy.Parse(content, policy.Resource)
	if err != nil {
		return malformedPolicy("%s", errs.MessageOf(err))
	}
	for i := range doc.Statements {
		s := &doc.Statements[i]
		for _, resource := range slices.Concat(s.Resources, s.NotResources) {
			if name, _, _ := strings.Cut(strings.TrimPrefix(resource, arnPrefix), "/"); name != c.bucket || !strings.HasPrefix(resource, arnPrefix) {
				return malformedPolicy("Policy has invalid resource: %.200q is not %s%s or in it.", resource, arnPrefix, c.bucket)
			}
		}
		for _, action := range slices.Concat(s.Actions, s.NotActions) {
			if action != "*" && !strings.HasPrefix(strings.ToLower(action), "s3:") {
				return malformedPolicy("Policy has invalid action: %.200q is not one of S3.", action)
			}
		}
		if !c.applies(s) {
			return malformedPolicy("Action does not apply to any resource(s) in statement: what is done to the bucket needs %s%s as resource, "+
				"what is done to objects %s%s/*.", arnPrefix, c.bucket, arnPrefix, c.bucket)
		}
	}
	return nil
}

// applies reports whether one of the statement's actions may be done to one of
// its resources: to the bucket, or to objects. Actions that aren't known may be
// done to both.
func (h *handler) applies(s *policy.Statement) bool {
	if len(s.Actions) == 0 || len(s.Resources) == 0 {
		return true
	}
	toBucket, toObject := false, false
	for _, r := range s.Resources {
		inside := strings.Contains(r, "/")
		toBucket, toObject = toBucket || !inside, toObject || inside
	}
	for _, action := range s.Actions {
		known := false
		for _, op := range h.operations {
			for _, needed := range strings.Fields(string(op.needs)) {
				if strings.EqualFold(needed, action) && (needed == op.needs.front() || strings.HasPrefix(string(op.needs), "each ")) {
					known = true
					if op.scope == bucket && toBucket && op.needs.front() != "" || op.scope == object && toObject {
						return true
					}
				}
			}
		}
		if !known {
			return true
		}
	}
	return false
}

func malformedPolicy(format string, args ...any) error {
	return errs.New(errs.Invalid, "MalformedPolicy", format, args...)
}

// deletePolicy is DeleteBucketPolicy.
func (c *call) deletePolicy() error {
	if err := c.store.DeleteBucketPolicy(c.ctx, c.bucket); err != nil {
		return err
	}
	return c.ok(http.StatusNoContent)
}

// getPolicyStatus is GetBucketPolicyStatus.
func (c *call) getPolicyStatus() error {
	text, err := c.store.BucketPolicy(c.ctx, c.bucket)
	if err != nil {
		return err
	}
	doc, err := policy.Parse([]byte(text), policy.Resource)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "", "the policy of bucket %s can't be read", c.bucket)
	}
	return c.writeXML(http.StatusOK, struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		XMLNS    string   `xml:"xmlns,attr"`
		IsPublic bool
	}{XMLNS: namespace, IsPublic: doc.Public()})
}
