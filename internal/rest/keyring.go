package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
)

// Keyring is the keys that secrets are sealed under.
type Keyring interface {
	KeyringStatus(ctx context.Context) (keyring.Status, error)
	RotateKeyring(ctx context.Context, o iam.RotateOptions) (iam.Rotation, error)
}

// KeyringStatus is what may be shown of the keyring.
type KeyringStatus struct {
	Master   string       `json:"master" doc:"Id of the master key, which tells nothing about it" example:"9f86d081884c7d65"`
	Source   string       `json:"source" doc:"Where the master key comes from: environment, command or file"`
	Next     string       `json:"next,omitempty" doc:"Id of the master key that the server is to be started with next"`
	Current  uint32       `json:"current" doc:"Version of the data key that seals"`
	Versions []KeyVersion `json:"versions" nullable:"false" doc:"Data keys, oldest first"`
}

// KeyVersion is a data key.
type KeyVersion struct {
	Version uint32     `json:"version"`
	Created time.Time  `json:"created"`
	Retired *time.Time `json:"retired,omitempty" doc:"Since when only session tokens may need it. It is removed when none can be valid any more"`
}

// RotateSpec says what to do besides making a new data key.
type RotateSpec struct {
	EndSessions bool `json:"endSessions,omitempty" doc:"Remove the old data keys at once. All session tokens are void then"`
	Master      bool `json:"master,omitempty" doc:"Make a new master key too, if it is in a file"`
}

// KeyringRotation is what a rotation did.
type KeyringRotation struct {
	Version  uint32 `json:"version" doc:"The new data key"`
	Resealed int    `json:"resealed" doc:"Secrets of access keys that were sealed anew"`
}

// StatusOf is the status in the form of the API.
func StatusOf(s keyring.Status) KeyringStatus {
	out := KeyringStatus{Master: s.Master, Source: s.Source, Next: s.Next, Current: s.Current, Versions: []KeyVersion{}}
	for _, v := range s.Versions {
		version := KeyVersion{Version: v.Version, Created: v.Created}
		if !v.Retired.IsZero() {
			version.Retired = &v.Retired
		}
		out.Versions = append(out.Versions, version)
	}
	return out
}

func (a *api) keyring(h huma.API) {
	tags := []string{"Keyring"}
	operation(a, h, "heliograph:GetKeyring", huma.Operation{
		OperationID: "GetKeyring", Method: http.MethodGet, Path: Prefix + "/keyring", Tags: tags,
		Summary: "Tell which keys seal the server's secrets",
		Errors:  []int{401, 403},
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body KeyringStatus }, error) {
		if a.Keyring == nil {
			return nil, noKeyring()
		}
		status, err := a.Keyring.KeyringStatus(ctx)
		return &struct{ Body KeyringStatus }{StatusOf(status)}, err
	})
	operation(a, h, "heliograph:RotateKeyring", huma.Operation{
		OperationID: "RotateKeyring", Method: http.MethodPost, Path: Prefix + "/keyring/rotate", Tags: tags,
		Summary: "Seal the server's secrets under a new key",
		Errors:  []int{400, 401, 403, 409, 422},
	}, func(ctx context.Context, in *struct{ Body RotateSpec }) (*struct{ Body KeyringRotation }, error) {
		if a.Keyring == nil {
			return nil, noKeyring()
		}
		done, err := a.Keyring.RotateKeyring(ctx, iam.RotateOptions{EndSessions: in.Body.EndSessions, Master: in.Body.Master})
		return &struct{ Body KeyringRotation }{KeyringRotation(done)}, err
	})
}

func noKeyring() error { return errs.New(errs.Unsupported, "", "This server has no keyring.") }
