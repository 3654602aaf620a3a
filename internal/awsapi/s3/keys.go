package s3

import (
	"context"
	"strings"

	"github.com/heliograph/heliograph/internal/iam"
)

// conditionHeaders are the headers that conditions of policies can ask for, each
// under its own name behind "s3:".
var conditionHeaders = []string{
	"X-Amz-Acl", "X-Amz-Content-Sha256", "X-Amz-Copy-Source", "X-Amz-Metadata-Directive", "X-Amz-Server-Side-Encryption", "X-Amz-Storage-Class",
}

// conditionParameters are the parameters of requests about a bucket that
// conditions can ask for.
var conditionParameters = []string{"prefix", "delimiter", "max-keys"}

// withKeys adds to ctx what conditions of policies can ask about the request.
func (c *call) withKeys(ctx context.Context) context.Context {
	keys := map[string][]string{}
	for _, name := range conditionHeaders {
		if values := c.r.Header[name]; len(values) > 0 {
			keys["s3:"+strings.ToLower(name)] = values[:1]
		}
	}
	if c.key == "" && len(c.query) > 0 {
		for _, name := range conditionParameters {
			if values := c.query[name]; len(values) > 0 {
				keys["s3:"+name] = values[:1]
			}
		}
	}
	if len(keys) == 0 {
		return ctx
	}
	return iam.WithKeys(ctx, keys)
}
