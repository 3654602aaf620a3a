// Command heliograph trains, serves and explains text classifiers, and triages
// customer requests with them.
//
// Called under the name fasttext (a link), it behaves as that command.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/errs"
)

func main() {
	if isTrainingProcess(os.Args) {
		os.Exit(runTrainingProcess())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args)
	stop()
	os.Exit(code)
}

// run is the whole program with its exit code: 0 done, 1 failed.
func run(ctx context.Context, args []string) int {
	if name := filepath.Base(args[0]); strings.TrimSuffix(name, ".exe") == "fasttext" {
		return runFastText(ctx, args[1:])
	}
	root := newRootCommand()
	root.SetArgs(args[1:])
	if err := root.ExecuteContext(ctx); err != nil {
		if code, ok := errors.AsType[exitCode](err); ok {
			return int(code)
		}
		fmt.Fprintln(os.Stderr, "heliograph:", describe(err))
		return 1
	}
	return 0
}

// exitCode ends the program with that code; whatever there was to say is said.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// describe is an error for the person at the terminal, who is the operator: the
// causes are theirs to see.
func describe(err error) string {
	if errs.Is(err, errs.Internal) || errs.CodeOf(err) == "" {
		return err.Error()
	}
	return fmt.Sprintf("%v (%s)", err, errs.CodeOf(err))
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "heliograph",
		Short: "Train, serve and explain text classifiers; triage customer requests",
		Long: `Heliograph is a self-hosted text classification platform in one binary. It trains
fastText models, serves them to unchanged AWS clients (S3, SageMaker, CloudWatch
Logs) and to browsers, and triages customer requests with them.

Start with "heliograph demo", or "heliograph train --help" for files on disk.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.AddGroup(
		&cobra.Group{ID: "server", Title: "Server:"},
		&cobra.Group{ID: "access", Title: "Access:"},
		&cobra.Group{ID: "files", Title: "Models and data on disk:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("server", newServeCommand(), newDemoCommand(), newRouteCommand(), newBackupCommand(), newRestoreCommand(),
		newOperationsCommand())
	add("access", newUserCommand(), newKeyCommand(), newGroupCommand(), newRoleCommand(), newPolicyCommand(), newAuditCommand(), newKeyringCommand())
	add("files", newDatasetCommand(), newTrainCommand(), newPredictCommand(), newEvaluateCommand(), newCalibrateCommand(), newQuantizeCommand(), newFastTextCommand())
	return root
}
