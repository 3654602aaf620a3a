package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/backup"
)

func newBackupCommand() *cobra.Command {
	return dataCommand(&cobra.Command{
		Use:   "backup FILE|FOLDER",
		Short: "Copy the data directory, also while a server uses it",
		Long: `Copy the data directory to a file, which must not exist, or to a file named after
the time in a folder. The file is a tar archive; with a name that ends in .gz or
.tgz it is compressed.

A server may go on using the directory. The copy holds the records of one moment,
and everything that was acknowledged before the copying began. It also holds the
root key, so keep it where only operators can read it.

The exit code is 1 if files were damaged already; the copy has them as they are.`,
		Example: "  heliograph backup --data /var/lib/heliograph /backups\n  heliograph backup nightly.tar.gz",
		Args:    cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, cfg app.Config, target string) error {
		start := time.Now()
		s, err := app.Backup(cmd.Context(), cfg, target)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of %s, in %.1f s\n", s.Path, counted(int(s.Files), "file"), sizeOf(s.Bytes), time.Since(start).Seconds())
		return reportDamaged(cmd.ErrOrStderr(), s)
	})
}

// reportDamaged names what the backup could only copy as it was.
func reportDamaged(w io.Writer, s backup.Summary) error {
	for _, d := range s.Damaged {
		fmt.Fprintf(w, "damaged before the backup: %s\n", d)
	}
	if len(s.Damaged) > 0 {
		return exitCode(1)
	}
	return nil
}

// dataCommand makes a command of one argument that works on a data directory,
// named by --data, HELIOGRAPH_DATA or a configuration file as for serve.
func dataCommand(cmd *cobra.Command, run func(cmd *cobra.Command, cfg app.Config, argument string) error) *cobra.Command {
	flags := cmd.Flags()
	flags.String("data", app.DefaultConfig().Data, "data directory")
	flags.String("config", "", "configuration file (YAML) of the server")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := app.LoadConfig(flags, os.Environ())
		if err != nil {
			return err
		}
		return run(cmd, cfg, args[0])
	}
	return cmd
}

// sizeOf is a number of bytes for people.
func sizeOf(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return counted(int(n), "byte")
	}
}
