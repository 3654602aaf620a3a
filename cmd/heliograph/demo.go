package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/app"
	"github.com/heliograph/heliograph/internal/iam"
)

func newDemoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the server with models, endpoints, routes and a page to look at",
		Long: `Run the server and set up what a newcomer wants to see, through the services that
the AWS APIs call: a bucket with the starter set of customer requests, a model
each for their category, urgency and tone, trained and deployed, routes for
classification and triage, and a page that uses them. A second start finds all of
it in the data directory.`,
		Args: cobra.NoArgs,
	}
	app.Flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := app.LoadConfig(cmd.Flags(), os.Environ())
		if err != nil {
			return err
		}
		if cfg.RootSite == "" {
			cfg.RootSite = app.DemoSite
		}
		if cfg.LogLevel == app.DefaultConfig().LogLevel {
			cfg.LogLevel = "warn" // what goes well is said in a newcomer's words below
		}
		began := time.Now()
		out := cmd.OutOrStdout()
		return serve(cmd, cfg, func(ctx context.Context, a *app.App) error {
			err := a.Demo(ctx, func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
			if err != nil {
				return err
			}
			return welcome(out, cfg, a, time.Since(began))
		})
	}
	return cmd
}

// welcome prints what to do next, in lines that work when pasted.
func welcome(out io.Writer, cfg app.Config, a *app.App, took time.Duration) error {
	credentials := "" // the caller's own, from where the server got its key
	if cfg.AccessKeyID == "" {
		file, err := filepath.Abs(filepath.Join(cfg.Data, iam.RootKeyFile))
		if err != nil {
			return err
		}
		credentials = "AWS_SHARED_CREDENTIALS_FILE='" + file + "' "
	}
	fmt.Fprintf(out, `
Ready after %.1f s.

  The page      %s/
  The AWS APIs  %s

Classify a request, and triage it:

  curl -s -X PUT %[2]s/blazingtext -H 'Content-Type: application/json' -d '{"body": "I was charged twice for my subscription"}'
  curl -s %[2]s/triage -H 'Content-Type: application/json' -d '{"text": "Nobody can log in since the update, please help right now"}'

Ask the endpoint as on AWS:

  echo '{"instances": ["i was charged twice"], "configuration": {"k": 3}}' | %[4]saws --region %[5]s --endpoint-url %[3]s sagemaker-runtime invoke-endpoint --endpoint-name category --content-type application/json --body fileb:///dev/stdin /dev/stdout

Stop with Ctrl-C; everything is kept in %[6]s.
`, took.Seconds(), a.PublicURL(), a.ControlURL(), credentials, cfg.Region, cfg.Data)
	return nil
}
