package training

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

// upload stores the archive of a model at the job's place and returns its
// address. The object appears when it is whole.
func (s *Service) upload(ctx context.Context, spec *Spec, archive io.Reader) (string, error) {
	bucket, key, err := spec.artifact()
	if err != nil {
		return "", err
	}
	if err := s.Authorizer.Authorize(ctx, "s3:PutObject", jobs.ObjectARN(bucket, key)); err != nil {
		return "", jobs.ClientFailure(err, "The role %q may not write the model to s3://%s/%s. Allow it s3:PutObject there.", spec.RoleArn, bucket, key)
	}
	if strings.HasSuffix(key, "/") {
		err = s.uploadFiles(ctx, bucket, key, archive)
	} else {
		_, err = s.Blobs.Put(ctx, bucket, key, archive, blob.PutOptions{ContentType: "application/x-gzip"})
	}
	if errs.CodeOf(err) == blob.CodeNoSuchBucket {
		return "", jobs.ClientFailure(err, "The bucket %q of the S3OutputPath was deleted while the job ran. Create it and the job again.", bucket)
	} else if err != nil {
		return "", fmt.Errorf("upload the model: %w", err)
	}
	return "s3://" + bucket + "/" + key, nil
}

// uploadFiles stores the files of a tar archive as objects under a prefix.
func (s *Service) uploadFiles(ctx context.Context, bucket, prefix string, archive io.Reader) error {
	for files := tar.NewReader(archive); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := s.Blobs.Put(ctx, bucket, prefix+path.Base(header.Name), files, blob.PutOptions{}); err != nil {
			return err
		}
	}
}
