//go:build !unix

package blob

import (
	"errors"
	"os"
)

// lockFile fails: without Unix semantics of rename and unlink the guarantees of
// the local directory do not hold.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("the local directory backend needs a Unix file system; use S3 storage on this platform")
}
