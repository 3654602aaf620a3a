package training

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// saver writes a model, the same bytes each time.
type saver interface {
	Save(w io.Writer) error
}

// upload stores the model at the job's place and returns its address. The
// archive goes straight from memory to its object, which appears when it is
// whole.
func (s *Service) upload(ctx context.Context, spec *Spec, m saver) (string, error) {
	bucket, key, err := spec.artifact()
	if err != nil {
		return "", err
	}
	if err := s.Authorizer.Authorize(ctx, "s3:PutObject", objectARN(bucket, key)); err != nil {
		return "", clientFailure(err, "The role %q may not write the model to s3://%s/%s. Allow it s3:PutObject there.", spec.RoleArn, bucket, key)
	}
	archive, w := io.Pipe()
	defer context.AfterFunc(ctx, func() { archive.CloseWithError(context.Cause(ctx)) })()
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		w.CloseWithError(pack(w, m))
	}()
	_, err = s.Blobs.Put(ctx, bucket, key, archive, blob.PutOptions{ContentType: "application/x-gzip"})
	archive.CloseWithError(io.ErrClosedPipe)
	<-packed
	if errs.CodeOf(err) == blob.CodeNoSuchBucket {
		return "", clientFailure(err, "The bucket %q of the S3OutputPath was deleted while the job ran. Create it and the job again.", bucket)
	} else if err != nil {
		return "", fmt.Errorf("upload the model: %w", err)
	}
	return "s3://" + bucket + "/" + key, nil
}

// packedAt stands in the archive, so that the same model makes the same archive.
var packedAt = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// pack writes model.tar.gz: one gzip stream of a tar archive with model.bin at
// its root. Compression is fast rather than small, as weights hardly shrink.
func pack(w io.Writer, m saver) error {
	var size counter
	if err := m.Save(&size); err != nil {
		return err
	}
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zip)
	err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "model.bin", Mode: 0o644, Size: int64(size), ModTime: packedAt})
	if err != nil {
		return err
	}
	if err := m.Save(archive); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zip.Close()
}

// counter is a writer that only counts.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
