package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/iam"
)

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: the AWS APIs, the REST API, metrics and health on the control
listener, routes and hosted sites on the public one.

Every setting is a flag, an environment variable (HELIOGRAPH_ and its name in
upper case, such as HELIOGRAPH_PUBLIC_LISTEN), or a line of the configuration
file; a flag beats the environment, which beats the file.

The root key is what HELIOGRAPH_ACCESS_KEY_ID and HELIOGRAPH_SECRET_ACCESS_KEY
say. Without them one is made at the first start, kept in the data directory, and
shown once. SIGTERM lets running requests finish and ends with status 0.`,
		Args: cobra.NoArgs,
	}
	app.Flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := app.LoadConfig(cmd.Flags(), os.Environ())
		if err != nil {
			return err
		}
		return serve(cmd, cfg, nil)
	}
	return cmd
}

// garbageRoom is how many bytes of garbage may gather, at least, before they are
// collected. Models lie outside of the heap, and what is in it is a few megabytes,
// after as many of which Go would collect: a hundred times a second under load,
// stopping all requests each time. A block of this size that nobody touches counts
// as heap without taking memory, so the rule of GOGC and GOMEMLIMIT stays.
const garbageRoom = 16 << 20

// serve runs the server until the command's context ends. If then is not nil it
// runs beside it once both listeners answer; its failure ends the server.
func serve(cmd *cobra.Command, cfg app.Config, then func(ctx context.Context, a *app.App) error) error {
	room := make([]byte, garbageRoom)
	defer runtime.KeepAlive(room)
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	out := cmd.OutOrStdout()
	a, err := app.Open(ctx, cfg, version(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer a.Close()
	if key := a.NewKey(); key != nil {
		showKey(out, cfg, *key)
	}
	fmt.Fprintf(out, "control listener ready on %s\npublic listener ready on %s\n", a.ControlURL(), a.PublicURL())

	done := make(chan error, 1)
	if then == nil {
		done <- nil
	} else {
		go func() {
			err := then(ctx, a)
			if err != nil && ctx.Err() == nil {
				cancel(err)
			}
			done <- err
		}()
	}
	err = a.Run(ctx)
	cancel(nil)
	<-done
	if cause := context.Cause(ctx); err == nil && cause != nil && cmd.Context().Err() == nil && cause != context.Canceled {
		return cause
	}
	return err
}

func showKey(out io.Writer, cfg app.Config, key iam.Key) {
	fmt.Fprintf(out, `A root key was made. It is shown this once and kept in %s/%s:

  AWS_ACCESS_KEY_ID=%s
  AWS_SECRET_ACCESS_KEY=%s

`, cfg.Data, iam.RootKeyFile, key.ID, key.Secret)
}
