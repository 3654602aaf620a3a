// Package fasttextcmd is the original fastText command, verb by verb, over package fasttext.
//
// It takes the original's flags with their defaults, writes the same files and prints
// the same lines, so that scripts written for it keep working. Where the original
// aborts (an unreadable file, a number that is none), this prints one line on standard error and
// ends with status 1.
package fasttextcmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// Exit codes, as the original has them.
const (
	exitOK      = 0
	exitFailure = 1
)

// errUsage means that the usage has been printed and says it all.
var errUsage = errors.New("usage")

// A command is one run: where it reads and writes.
type command struct {
	ctx    context.Context
	verb   string
	stdin  io.Reader
	stdout *bufio.Writer
	stderr io.Writer
}

// verbs are those that are offered, by name.
var verbs = map[string]func(c *command, args []string) error{
	"supervised":             (*command).train,
	"skipgram":               (*command).train,
	"cbow":                   (*command).train,
	"batch_skipgram":         (*command).train,
	"quantize":               (*command).quantize,
	"test":                   (*command).test,
	"test-label":             (*command).test,
	"predict":                (*command).predict,
	"predict-prob":           (*command).predict,
	"print-word-vectors":     (*command).printWordVectors,
	"print-sentence-vectors": (*command).printSentenceVectors,
	"print-ngrams":           (*command).printNgrams,
	"nn":                     (*command).nearestNeighbours,
	"analogies":              (*command).analogies,
	"dump":                   (*command).dump,
}

// Main runs the command line that follows the command's name, verb first, and returns the
// exit code. It ends early when ctx does.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitFailure
	}
	c := &command{ctx: ctx, verb: args[0], stdin: stdin, stdout: bufio.NewWriter(stdout), stderr: stderr}
	err := c.run(args[1:])
	if flushErr := c.stdout.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		if !errors.Is(err, errUsage) {
			fmt.Fprintf(stderr, "fasttext %s: %v\n", c.verb, err)
		}
		return exitFailure
	}
	return exitOK
}

func (c *command) run(args []string) error {
	if run, ok := verbs[c.verb]; ok {
		return run(c, args)
	}
	fmt.Fprint(c.stderr, usage)
	return errUsage
}

// usageError prints how the verb is used.
func (c *command) usageError(text string) error {
	fmt.Fprint(c.stderr, text)
	return errUsage
}
