package s3

import (
	"net"
	"slices"
	"strings"
)

// address tells the bucket and the key of a request: from the host name
// {bucket}.{host} if that is one of ours, else from the path.
func (c *call) address() (bucket, key string) {
	path := strings.TrimPrefix(c.r.URL.Path, "/")
	if bucket := c.bucketOf(c.r.Host); bucket != "" {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// BucketOfHost returns the rule by which a Host header, with or without a port,
// names a bucket on a server with the given names (see Options.Hosts): the part in
// front of them, or "".
func BucketOfHost(names []string) func(host string) string {
	if names == nil {
		names = []string{"localhost"}
	}
	var suffixes []string
	for _, name := range names {
		suffixes = append(suffixes, ".s3."+strings.ToLower(name), "."+strings.ToLower(name))
	}
	slices.SortStableFunc(suffixes, func(a, b string) int { return len(b) - len(a) }) // the longest match counts
	return func(host string) string {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = "." + strings.ToLower(strings.TrimSuffix(host, "."))
		for _, suffix := range suffixes {
			if bucket, ok := strings.CutSuffix(host, suffix); ok {
				return strings.TrimPrefix(bucket, ".")
			}
		}
		return ""
	}
}
