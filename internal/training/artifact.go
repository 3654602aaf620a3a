package training

import (
	"context"
	"fmt"
	"io"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
)

// upload stores the archive of a model at the job's place and returns its
// address. The object appears when it is whole.
func (s *Service) upload(ctx context.Context, spec *Spec, archive io.Reader) (string, error) {
	bucket, key, err := spec.artifact()
	if err != nil {
		return "", err
	}
	if err := s.Authorizer.Authorize(ctx, "s3:PutObject", objectARN(bucket, key)); err != nil {
		return "", clientFailure(err, "The role %q may not write the model to s3://%s/%s. Allow it s3:PutObject there.", spec.RoleArn, bucket, key)
	}
	_, err = s.Blobs.Put(ctx, bucket, key, archive, blob.PutOptions{ContentType: "application/x-gzip"})
	if errs.CodeOf(err) == blob.CodeNoSuchBucket {
		return "", clientFailure(err, "The bucket %q of the S3OutputPath was deleted while the job ran. Create it and the job again.", bucket)
	} else if err != nil {
		return "", fmt.Errorf("upload the model: %w", err)
	}
	return "s3://" + bucket + "/" + key, nil
}
