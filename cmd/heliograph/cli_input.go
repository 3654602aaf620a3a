package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
	"github.com/heliograph/heliograph/fasttext"
)

// inputFlags say how a file of rows is read; the commands that read one share them.
type inputFlags struct {
	format      string
	delimiter   string
	maxLine     int
	readOptions dataset.ReadOptions
}

func (f *inputFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.format, "format", "auto", "form of the input: "+strings.Join(dataset.FormatNames(), ", "))
	flags.StringVar(&f.readOptions.TextColumn, "text-column", "", "column or JSON member that holds the text, several with commas between (default: the first of text, body, message, …)")
	flags.StringVar(&f.readOptions.LabelColumn, "label-column", "", "column or JSON member that holds the label, several with commas between (default: the first of label, labels, category, …)")
	flags.StringVar(&f.readOptions.LabelSeparator, "label-separator", "", "what stands between the labels of one CSV cell (default: white space in a column called labels, else a cell is one label)")
	flags.StringVar(&f.readOptions.LabelPrefix, "label-prefix", dataset.DefaultLabelPrefix, "what a label begins with in lines of text")
	flags.StringSliceVar(&f.readOptions.Header, "header", nil, "column names of a CSV file that has no header line")
	flags.StringVar(&f.delimiter, "delimiter", "", `what stands between CSV cells: one character, or \t (default: the most frequent of , ; | and tab)`)
	flags.IntVar(&f.maxLine, "max-line", dataset.DefaultMaxLine, "longest row in bytes")
	flags.BoolVar(&f.readOptions.Strict, "strict", false, "refuse text that isn't UTF-8 instead of replacing what is wrong")
	completeFlag(c, "format", dataset.FormatNames()...)
}

func (f *inputFlags) options() (dataset.ReadOptions, error) {
	opt := f.readOptions
	var err error
	if opt.Format, err = dataset.ParseFormat(f.format); err != nil {
		return opt, fmt.Errorf("--format: %w", err)
	}
	if opt.Delimiter, err = parseDelimiter(f.delimiter); err != nil {
		return opt, fmt.Errorf("--delimiter: %w", err)
	}
	if f.maxLine < 1 {
		return opt, fmt.Errorf("--max-line: %d isn't a positive number of bytes", f.maxLine)
	}
	opt.MaxLine = f.maxLine
	return opt, nil
}

func parseDelimiter(s string) (byte, error) {
	switch {
	case s == "":
		return 0, nil
	case s == `\t` || s == "tab":
		return '\t', nil
	case len(s) != 1 || s[0] >= 0x80 || s[0] == '"' || s[0] == '\n' || s[0] == '\r':
		return 0, fmt.Errorf("%q can't be a delimiter: use one ASCII character that isn't a quote", s)
	}
	return s[0], nil
}

// open opens the file for reading, "-" being standard input.
func (f *inputFlags) open(c *cobra.Command, path string) (*dataset.Reader, error) {
	opt, err := f.options()
	if err != nil {
		return nil, err
	}
	if path == "-" {
		return dataset.NewReader(c.InOrStdin(), "standard input", opt)
	}
	return dataset.Open(path, opt)
}

// needLabels is the error for a file none of whose rows has a label.
func needLabels(r *dataset.Reader) error {
	switch {
	case r.Format() == dataset.LabelPrefix:
		return fmt.Errorf("%s: no line has a label: begin each with a token like %sname, or choose another --format or --label-prefix", r.Name(), dataset.DefaultLabelPrefix)
	case len(r.LabelColumns()) == 0:
		return fmt.Errorf("%s: no column is known to hold labels: name it with --label-column; the columns are %s", r.Name(), strings.Join(r.Columns(), ", "))
	}
	return fmt.Errorf("%s: no row has a label in %s: is that the right --label-column? The columns are %s", r.Name(), strings.Join(r.LabelColumns(), ", "), strings.Join(r.Columns(), ", "))
}

// outputFlags say how rows are written.
type outputFlags struct {
	to    string
	force bool
}

func (f *outputFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.to, "to", "", "form of the output: label, csv or jsonl (default: by the file's name, else label)")
	c.Flags().BoolVar(&f.force, "force", false, "overwrite files that exist")
	completeFlag(c, "to", dataset.FormatNames()[1:]...)
}

// options are the write options for a file of that name.
func (f *outputFlags) options(path, prefix string) (dataset.WriteOptions, error) {
	opt := dataset.WriteOptions{LabelPrefix: prefix}
	var err error
	if opt.Format, err = dataset.ParseFormat(f.to); err != nil {
		return opt, fmt.Errorf("--to: %w", err)
	}
	opt.Format = cmp.Or(opt.Format, dataset.FormatOf(path), dataset.LabelPrefix)
	plain, zipped := strings.CutSuffix(strings.ToLower(path), ".gz")
	opt.Gzip = zipped
	if strings.HasSuffix(plain, ".tsv") {
		opt.Delimiter = '\t'
	}
	return opt, nil
}

// mayWrite refuses to overwrite a file.
func mayWrite(path string, force bool) error {
	if path == "-" || force {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists: choose another name, or overwrite it with --force", path)
	}
	return nil
}

// completeFlag completes a flag with fixed words.
func completeFlag(c *cobra.Command, flag string, words ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag doesn't exist: a slip of ours, found by the first start
	}
}

// writeTo writes a file whole or not at all, "-" being standard output.
func writeTo(c *cobra.Command, path string, write func(io.Writer) error) error {
	if path == "-" {
		return write(c.OutOrStdout())
	}
	return fasttext.WriteFile(path, write)
}
