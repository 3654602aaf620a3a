package blob

import (
	"context"
	"errors"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// ExpireUploads aborts the multipart uploads that were begun before the given
// time and got no part since, and returns how many. Nobody else sees them, so
// whoever forgot them would never free their space. It goes on behind an upload
// that it can't abort, and then reports why.
func ExpireUploads(ctx context.Context, s Store, before time.Time) (expired int, err error) {
	buckets, err := s.Buckets(ctx)
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, b := range buckets {
		for opt := (ListUploadsOptions{}); ; {
			page, err := s.ListUploads(ctx, b.Name, opt)
			if err != nil {
				if !errs.Is(err, errs.NotFound) { // deleted meanwhile
					faults = append(faults, err)
				}
				break
			}
			for _, up := range page.Uploads {
				idle, err := idleSince(ctx, s, up, before)
				if err == nil && idle {
					if err = s.AbortUpload(ctx, up.UploadRef); err == nil {
						expired++
					}
				}
				if err != nil && !errs.Is(err, errs.NotFound) { // completed or aborted meanwhile
					faults = append(faults, err)
				}
			}
			if !page.Truncated {
				break
			}
			opt.AfterKey, opt.AfterUpload = page.NextKey, page.NextUpload
		}
	}
	return expired, errors.Join(faults...)
}

func idleSince(ctx context.Context, s Store, up Upload, before time.Time) (bool, error) {
	if !up.Initiated.Before(before) {
		return false, nil
	}
	for after := 0; ; {
		page, err := s.ListParts(ctx, up.UploadRef, after, 0)
		if err != nil {
			return false, err
		}
		for _, part := range page.Parts {
			if !part.Modified.Before(before) {
				return false, nil
			}
		}
		if !page.Truncated {
			return true, nil
		}
		after = page.Next
	}
}
