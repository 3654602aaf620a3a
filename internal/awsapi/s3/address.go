package s3

import (
	"net"
	"strings"
)

// address tells the bucket and the key of a request: from the host name
// {bucket}.{host} if that is one of ours, else from the path.
func (c *call) address() (bucket, key string) {
	path := strings.TrimPrefix(c.r.URL.Path, "/")
	if bucket := c.hostBucket(); bucket != "" {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

func (c *call) hostBucket() string {
	host := c.r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, ours := range c.hosts {
		if host == ours {
			return ""
		}
		if bucket, ok := strings.CutSuffix(host, "."+ours); ok {
			return bucket
		}
	}
	return ""
}
