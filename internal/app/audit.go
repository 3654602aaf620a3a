package app

import (
	"crypto/ed25519"
	"fmt"
	"path/filepath"

	"github.com/heliograph/heliograph/internal/audit"
	"github.com/heliograph/heliograph/internal/iam"
)

// AuditDir is where the audit trail of a data directory is.
func AuditDir(data string) string { return filepath.Join(data, "audit") }

// openAudit opens the audit trail, signed with a key of the keyring.
func (a *App) openAudit() (iam.Recorder, error) {
	if !a.cfg.Audit {
		a.log.Warn("there is no audit trail: the setting audit is off")
		return nil, nil
	}
	seed, err := a.ring.Secret("audit trail")
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the keyring's secret for the audit trail has %d bytes and not %d", len(seed), ed25519.SeedSize)
	}
	a.audit, err = audit.Open(audit.Options{
		Dir: AuditDir(a.cfg.Data), Key: ed25519.NewKeyFromSeed(seed), Log: a.log,
		MaxBytes: int64(a.cfg.AuditFileSize) << 20, Keep: a.cfg.AuditFiles, KeepFor: a.cfg.AuditKeep,
	})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.audit)
	return a.audit, nil
}
