package app

import (
	"context"
	"time"

	"github.com/heliograph/heliograph/internal/blob"
)

// tidyEvery is how often the server looks for what nobody will ask for again.
const tidyEvery = time.Hour

// tidy removes abandoned multipart uploads until ctx ends.
func (a *App) tidy(ctx context.Context) error {
	if a.cfg.UploadExpiry == 0 {
		return nil
	}
	for {
		n, err := blob.ExpireUploads(ctx, a.blobs, time.Now().Add(-a.cfg.UploadExpiry))
		if n > 0 {
			a.log.Info("abandoned multipart uploads were removed", "uploads", n, "idle_for", a.cfg.UploadExpiry)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Error("abandoned multipart uploads could not all be removed", "error", err)
		}
		select {
		case <-time.After(tidyEvery):
		case <-ctx.Done():
			return nil
		}
	}
}
