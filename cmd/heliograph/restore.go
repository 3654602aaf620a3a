package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
)

func newRestoreCommand() *cobra.Command {
	return dataCommand(&cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup into an empty data directory",
		Long: `Put a backup that "heliograph backup" made into a data directory that is empty or
does not exist. Everything is checked before the first file is in its place: a
backup that was cut off, changed or damaged is refused, and nothing of it stays.

Then start the server on the directory. Jobs that were running when the backup was
made go on.`,
		Example: "  heliograph restore --data /var/lib/heliograph /backups/heliograph-20261122T030000Z.tar",
		Args:    cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, cfg app.Config, from string) error {
		s, err := app.Restore(cmd.Context(), cfg, from)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of %s, as of %s\n", s.Path, counted(int(s.Files), "file"), sizeOf(s.Bytes), s.Taken.Format("2006-01-02 15:04:05 UTC"))
		return nil
	})
}
