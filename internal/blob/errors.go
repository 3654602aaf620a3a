package blob

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/heliograph/heliograph/internal/errs"
)

// Codes of the errors that stores return; they are S3's, but for
// CodeInsufficientStorage, which S3 never has to say.
const (
	CodeNoSuchBucket            = "NoSuchBucket"
	CodeNoSuchKey               = "NoSuchKey"
	CodeNoSuchUpload            = "NoSuchUpload"
	CodeNoSuchWebsite           = "NoSuchWebsiteConfiguration"
	CodeNoSuchPolicy            = "NoSuchBucketPolicy"
	CodeBucketAlreadyOwnedByYou = "BucketAlreadyOwnedByYou"
	CodeBucketNotEmpty          = "BucketNotEmpty"
	CodeInvalidBucketName       = "InvalidBucketName"
	CodeInvalidArgument         = "InvalidArgument"
	CodeInvalidURI              = "InvalidURI"
	CodeKeyTooLong              = "KeyTooLongError"
	CodeMetadataTooLarge        = "MetadataTooLarge"
	CodeInvalidPart             = "InvalidPart"
	CodeInvalidPartOrder        = "InvalidPartOrder"
	CodeMalformedXML            = "MalformedXML"
	CodeEntityTooSmall          = "EntityTooSmall"
	CodePreconditionFailed      = "PreconditionFailed"
	CodeBadDigest               = "BadDigest"
	CodeSHA256Mismatch          = "XAmzContentSHA256Mismatch"
	CodeInvalidRequest          = "InvalidRequest"
	CodeIncompleteBody          = "IncompleteBody"
	CodeRequestTimeout          = "RequestTimeout"
	CodeInsufficientStorage     = "InsufficientStorage"
)

func noSuchBucket(name string) error {
	return errs.New(errs.NotFound, CodeNoSuchBucket, "The specified bucket does not exist: %s", name)
}

func noSuchKey(key string) error {
	return errs.New(errs.NotFound, CodeNoSuchKey, "The specified key does not exist: %s", key)
}

func noSuchUpload(id string) error {
	return errs.New(errs.NotFound, CodeNoSuchUpload,
		"The specified multipart upload does not exist: %s. The upload ID may be invalid, or the upload was completed or aborted; start a new one.", id)
}

// storageError gives a failure of the file system a kind: a full disk is the
// operator's to mend and says so, everything else is internal.
func storageError(err error, doing string) error {
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return errs.Wrap(err, errs.Unavailable, CodeInsufficientStorage,
			"The storage has no room for this write. Nothing was changed; free space in the data directory, then try again.")
	}
	if errors.Is(err, syscall.ENAMETOOLONG) {
		return errs.Wrap(err, errs.TooLarge, CodeKeyTooLong, "The key is too long for the file system of the data directory; use a shorter one.")
	}
	return errs.Wrap(err, errs.Internal, "", "%s", doing)
}

// bodyError gives a failure to read a caller's bytes a kind.
func bodyError(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errs.Wrap(err, errs.Invalid, CodeIncompleteBody,
			"The request body ended before the number of bytes its length header announced; nothing was stored.")
	}
	if ctx.Err() != nil {
		return cancelled(ctx)
	}
	return errs.Wrap(err, errs.Invalid, CodeIncompleteBody, "The request body could not be read to its end; nothing was stored.")
}

func cancelled(ctx context.Context) error {
	return errs.Wrap(context.Cause(ctx), errs.Unavailable, CodeRequestTimeout, "The request ended before the work was done; nothing was changed.")
}
