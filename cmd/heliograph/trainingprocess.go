package main

import (
	"os"

	"github.com/heliograph/heliograph/internal/training/trainer"
)

// isTrainingProcess reports whether the server has started this program to
// train one model. The verb is the server's alone, so it is in no help.
func isTrainingProcess(args []string) bool { return len(args) > 1 && args[1] == trainer.Verb }

// runTrainingProcess trains as the server at the other end of the standard input
// and output says, and ends when that does.
func runTrainingProcess() int {
	return trainer.Main(os.Stdin, os.Stdout, func() { os.Exit(1) })
}
