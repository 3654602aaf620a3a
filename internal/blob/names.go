package blob

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
)

// CheckBucketName reports with InvalidBucketName what S3's naming rules say
// against name: 3 to 63 of a-z, 0-9, "-" and ".", a letter or digit at both
// ends, no two dots in a row, not an IP address, no reserved prefix or suffix.
func CheckBucketName(name string) error {
	bad := func(why string) error {
		return errs.New(errs.Invalid, CodeInvalidBucketName, "The specified bucket is not valid: %q %s", name, why)
	}
	if len(name) < 3 || len(name) > 63 {
		return bad("must be 3 to 63 characters long")
	}
	for i := range len(name) {
		c := name[i]
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		switch {
		case alnum:
		case c != '-' && c != '.':
			return bad("may hold only lower-case letters, digits, dots and hyphens")
		case i == 0 || i == len(name)-1:
			return bad("must begin and end with a letter or digit")
		}
	}
	if strings.Contains(name, "..") {
		return bad("must not hold two dots in a row")
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is4() {
		return bad("must not be an IP address")
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return bad("begins with the reserved prefix " + p)
		}
	}
	for _, s := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, s) {
			return bad("ends with the reserved suffix " + s)
		}
	}
	return nil
}

// CheckKey reports with KeyTooLongError, InvalidURI or InvalidArgument what is
// wrong with key: it must be 1 to 1024 bytes of UTF-8.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errs.New(errs.Invalid, CodeInvalidArgument, "The key is empty; an object needs a key of 1 to %d bytes.", MaxKeyLength)
	case len(key) > MaxKeyLength:
		return errs.New(errs.Invalid, CodeKeyTooLong, "Your key is too long: %d bytes, at most %d are allowed.", len(key), MaxKeyLength)
	case !utf8.ValidString(key):
		return errs.New(errs.Invalid, CodeInvalidURI, "Couldn't parse the specified URI: the key is not valid UTF-8.")
	}
	return nil
}

const (
	maxMetadata = 2 << 10 // bytes of all user metadata names and values together
	maxHeaders  = 8 << 10 // bytes of content type and headers
)

func checkMetadata(opt PutOptions) error {
	n := 0
	for k, v := range opt.Metadata {
		n += len(k) + len(v)
	}
	if n > maxMetadata {
		return errs.New(errs.Invalid, CodeMetadataTooLarge,
			"Your metadata headers exceed the maximum allowed metadata size: %d bytes, at most %d are allowed.", n, maxMetadata)
	}
	n = len(opt.ContentType)
	for k, v := range opt.Headers {
		n += len(k) + len(v)
	}
	if n > maxHeaders {
		return errs.New(errs.Invalid, CodeMetadataTooLarge,
			"The headers to keep with the object are too long: %d bytes, at most %d are allowed.", n, maxHeaders)
	}
	return nil
}
