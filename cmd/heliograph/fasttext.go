package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/fasttextcmd"
)

// newFastTextCommand hands its whole command line to the original's verbs:
// their flags begin with one dash and are not cobra's.
func newFastTextCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "fasttext VERB ...",
		Short:              "The original fasttext command: same verbs, flags, files and output",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := runFastText(cmd.Context(), args); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}

func runFastText(ctx context.Context, args []string) int {
	return fasttextcmd.Main(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}
