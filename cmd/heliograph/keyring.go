package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/keyring"
	"github.com/heliograph/heliograph/internal/rest"
)

// nextMasterKey is where rotate --offline --master finds the next master key if
// the present one is not in a file. It is no flag, since process lists show those.
const nextMasterKey = "HELIOGRAPH_NEXT_MASTER_KEY"

// newKeyringCommand is the verb for the keys that secrets are sealed under.
func newKeyringCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "keyring",
		Short: "Look after the keys that secrets are sealed under",
		Long: `The secrets of access keys, and session tokens, are sealed under data keys, which
are sealed under the master key. The master key is in the file master.key of the
data directory, or in another one (--master-key-file), in the environment
(HELIOGRAPH_MASTER_KEY), or printed by a command (master_key_command in the
configuration file or HELIOGRAPH_MASTER_KEY_COMMAND).

status and rotate ask a running server; with --offline they work on the data
directory itself, and rotate wants no server to run on it then.`,
		Args: cobra.NoArgs,
	}
	c.AddCommand(newKeyringStatusCommand(), newKeyringRotateCommand(), newKeyringGenerateCommand())
	return c
}

// keyringFlags are those of verbs that work with and without a server.
type keyringFlags struct {
	at      controlFlags
	offline bool
	asJSON  bool
}

func (f *keyringFlags) add(c *cobra.Command) {
	f.at.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.offline, "offline", false, "work on the data directory (--data), without a server")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.String("config", "", "with --offline: configuration file (YAML) of the server")
	flags.String("master-key-file", "", "with --offline: file of the master key (default master.key in the data directory)")
}

func newKeyringStatusCommand() *cobra.Command {
	var f keyringFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Show which keys there are",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var status rest.KeyringStatus
			if f.offline {
				cfg, err := app.LoadConfig(c.Flags(), os.Environ())
				if err != nil {
					return err
				}
				s, err := app.KeyringStatus(c.Context(), cfg)
				if err != nil {
					return err
				}
				status = rest.StatusOf(s)
			} else {
				server, err := f.at.client()
				if err != nil {
					return err
				}
				if status, err = server.Keyring(c.Context()); err != nil {
					return err
				}
			}
			if f.asJSON {
				return printJSON(c.OutOrStdout(), status)
			}
			return writeKeyring(c.OutOrStdout(), status)
		},
	}
	f.add(c)
	return c
}

func writeKeyring(w io.Writer, s rest.KeyringStatus) error {
	fmt.Fprintf(w, "Master key %s, from %s.\n", s.Master, s.Source)
	if s.Next != "" {
		fmt.Fprintf(w, "The server is to be started with master key %s next; until then both open the keyring.\n", s.Next)
	}
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "DATA KEY\tCREATED\tUSE")
	for _, v := range s.Versions {
		use := "opens what is being sealed anew"
		switch {
		case v.Version == s.Current:
			use = "seals"
		case v.Retired != nil:
			use = "session tokens only, since " + v.Retired.Format(time.DateTime)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\n", v.Version, v.Created.Format(time.DateTime), use)
	}
	return table.Flush()
}

func newKeyringRotateCommand() *cobra.Command {
	var f keyringFlags
	var spec rest.RotateSpec
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Seal every secret under a new key",
		Long: `Make a new data key and seal every secret anew under it. Access keys go on working,
and sessions too unless --end-sessions is given. If it is cut off, the next start of
the server completes it.

With --master the master key is replaced as well. One that is in a file is written
there. One that comes from the environment or a command can be changed only with
--offline: put the next one into HELIOGRAPH_NEXT_MASTER_KEY, rotate, and start the
server with it; until then both work.`,
		Example: "  heliograph keyring rotate\n  heliograph keyring rotate --end-sessions --master",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			done, err := f.rotate(c, spec)
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(c.OutOrStdout(), done)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Data key %d seals now. %s sealed anew.\n", done.Version, counted(done.Resealed, "secret"))
			return err
		},
	}
	f.add(c)
	c.Flags().BoolVar(&spec.EndSessions, "end-sessions", false, "remove the old data keys at once, which ends all sessions")
	c.Flags().BoolVar(&spec.Master, "master", false, "replace the master key too")
	return c
}

func (f *keyringFlags) rotate(c *cobra.Command, spec rest.RotateSpec) (done rest.KeyringRotation, err error) {
	if !f.offline {
		server, err := f.at.client()
		if err != nil {
			return done, err
		}
		return server.RotateKeyring(c.Context(), spec)
	}
	cfg, err := app.LoadConfig(c.Flags(), os.Environ())
	if err != nil {
		return done, err
	}
	o := iam.RotateOptions{EndSessions: spec.EndSessions, Master: spec.Master}
	if next := os.Getenv(nextMasterKey); next != "" && spec.Master {
		if o.NextMaster, err = keyring.ParseMaster(next); err != nil {
			return done, errs.Invalidf("%s: %v", nextMasterKey, err)
		}
	}
	r, err := app.RotateKeyring(c.Context(), cfg, o)
	return rest.KeyringRotation(r), err
}

func newKeyringGenerateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "generate",
		Short:   "Print a new master key",
		Example: "  heliograph keyring generate | vault kv put secret/heliograph master_key=-",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), keyring.NewMaster().Text())
			return err
		},
	}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
