package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/dataset"
)

func newDatasetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dataset",
		Short: "Check, convert and split labelled text",
		Long: `Check, convert and split labelled text.

A file is one of: lines with labels in them (__label__billing My card …), CSV with
a header line, JSON Lines (augmented manifests too), each also compressed with
gzip. Which one is found by looking at it; "-" is standard input or output.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDatasetCheckCommand(), newDatasetConvertCommand(), newDatasetSplitCommand(), newDatasetStarterCommand())
	return c
}

func newDatasetCheckCommand() *cobra.Command {
	var input inputFlags
	var opt dataset.CheckOptions
	var validation string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Report what stands in the way of a good model",
		Long: `Report label counts, duplicates, contradictions (one text, different labels), rows
without text or label, labels with too few rows, imbalance, invalid UTF-8 and, with
--validation, texts that are in both files. Texts are compared as normalised.

The exit code is 1 if a finding is an error: training would fail or mean nothing.`,
		Example: "  heliograph dataset check requests.csv --validation held-out.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			train, err := input.open(c, args[0])
			if err != nil {
				return err
			}
			defer train.Close()
			var held dataset.Source
			if validation != "" {
				r, err := input.open(c, validation)
				if err != nil {
					return err
				}
				defer r.Close()
				held = r
			}
			report, err := dataset.Check(train, held, opt)
			if err != nil {
				return err
			}
			if err := writeReport(c.OutOrStdout(), report, asJSON); err != nil {
				return err
			}
			if report.Worst() == dataset.Serious {
				return exitCode(1)
			}
			return nil
		},
	}
	input.add(c)
	flags := c.Flags()
	flags.StringVar(&validation, "validation", "", "validation file to hold against it")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	flags.IntVar(&opt.MinPerLabel, "min-per-label", 10, "report labels with fewer rows")
	flags.Float64Var(&opt.MaxImbalance, "max-imbalance", 20, "report if a label has so many times the rows of another")
	flags.IntVar(&opt.MaxWords, "max-words", 5000, "report texts with more words")
	return c
}

// writeReport prints something as JSON or for people.
func writeReport(w io.Writer, report interface{ WriteText(io.Writer) error }, asJSON bool) error {
	if !asJSON {
		return report.WriteText(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

func newDatasetConvertCommand() *cobra.Command {
	var input inputFlags
	var output outputFlags
	var normalize normalizeFlags
	c := &cobra.Command{
		Use:   "convert FILE [OUTPUT]",
		Short: "Write a file in another form",
		Long: `Write a file of rows in another form: to OUTPUT, or to standard output. The form is
told by --to or by the name (.csv, .tsv, .jsonl, each with .gz to compress); other
names get lines with labels in them.

Raw text that becomes lines with labels is normalised (lower case, punctuation
apart), since training takes such lines as they are; --raw leaves it alone. In all
other cases texts stay as they are unless --normalize says otherwise.`,
		Example: "  heliograph dataset convert requests.csv train.txt\n  heliograph dataset convert old.txt new.jsonl.gz",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			path := "-"
			if len(args) == 2 {
				path = args[1]
			}
			if err := mayWrite(path, output.force); err != nil {
				return err
			}
			r, err := input.open(c, args[0])
			if err != nil {
				return err
			}
			defer r.Close()
			opt, err := output.options(path, input.readOptions.LabelPrefix)
			if err != nil {
				return err
			}
			var source dataset.Source = r
			if opt.Format == dataset.CSV { // whether it needs several labels a row is known at the end
				rows, err := dataset.ReadAll(r)
				if err != nil {
					return err
				}
				opt.Several = haveSeveral(rows)
				source = dataset.Slice(rows)
			}
			n := 0
			err = writeTo(c, path, func(w io.Writer) error {
				n, err = writeRows(w, source, opt, normalize.forOutput(r, opt))
				return err
			})
			if err == nil && path != "-" {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", path, counted(n, "row"))
			}
			return err
		},
	}
	input.add(c)
	output.add(c)
	normalize.add(c)
	return c
}

func haveSeveral(rows []dataset.Row) bool {
	for _, row := range rows {
		if len(row.Labels) > 1 {
			return true
		}
	}
	return false
}

func writeRows(w io.Writer, source dataset.Source, opt dataset.WriteOptions, normalize bool) (n int, err error) {
	out, err := dataset.NewWriter(w, opt)
	if err != nil {
		return 0, err
	}
	for row, err := range source.Rows() {
		if err != nil {
			return n, err
		}
		if normalize {
			row.Text = dataset.Normalize(row.Text)
		}
		if err := out.Write(row); err != nil {
			return n, err
		}
		n++
	}
	return n, out.Close()
}

// normalizeFlags say whether texts are normalised.
type normalizeFlags struct {
	normalize, raw bool
}

func (f *normalizeFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.normalize, "normalize", false, "normalise texts: lower case, punctuation apart")
	c.Flags().BoolVar(&f.raw, "raw", false, "leave texts as they are")
	c.MarkFlagsMutuallyExclusive("normalize", "raw")
}

func (f *normalizeFlags) forOutput(r *dataset.Reader, opt dataset.WriteOptions) bool {
	return f.normalize || !f.raw && r.Format() != dataset.LabelPrefix && opt.Format == dataset.LabelPrefix
}

// forTraining says whether what is read from r is normalised before a model learns
// from it: raw text is, lines with labels in them are taken as they are.
func (f *normalizeFlags) forTraining(r *dataset.Reader) bool {
	return f.normalize || !f.raw && r.Format() != dataset.LabelPrefix
}

func newDatasetSplitCommand() *cobra.Command {
	var input inputFlags
	var output outputFlags
	var normalize normalizeFlags
	var train, validation string
	var fraction float64
	var seed uint64
	c := &cobra.Command{
		Use:   "split FILE --train OUTPUT --validation OUTPUT",
		Short: "Part a file into training and validation data",
		Long: `Part a file into training and validation data, so that each label has its share on
both sides, and no text is on both. The same file and seed give the same parts on
every machine. Forms of output are told and texts normalised as by convert.`,
		Example: "  heliograph dataset split requests.csv --train train.csv --validation held-out.csv --fraction 0.2",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if train == validation {
				return fmt.Errorf("--train and --validation are both %s: give two names", train)
			}
			if train == "-" || validation == "-" {
				return errors.New("--train and --validation must be files")
			}
			if err := errors.Join(mayWrite(train, output.force), mayWrite(validation, output.force)); err != nil {
				return err
			}
			r, err := input.open(c, args[0])
			if err != nil {
				return err
			}
			defer r.Close()
			rows, err := dataset.ReadAll(r)
			if err != nil {
				return err
			}
			kept, held, err := dataset.Split(rows, fraction, seed)
			if err != nil {
				return fmt.Errorf("%s: %w", r.Name(), err)
			}
			for _, part := range []struct {
				path string
				rows []dataset.Row
			}{{train, kept}, {validation, held}} {
				opt, err := output.options(part.path, input.readOptions.LabelPrefix)
				if err != nil {
					return err
				}
				opt.Several = haveSeveral(rows)
				if err := writeTo(c, part.path, func(w io.Writer) error {
					_, err := writeRows(w, dataset.Slice(part.rows), opt, normalize.forOutput(r, opt))
					return err
				}); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", part.path, counted(len(part.rows), "row"))
			}
			return nil
		},
	}
	input.add(c)
	output.add(c)
	normalize.add(c)
	flags := c.Flags()
	flags.StringVar(&train, "train", "", "file for the training rows")
	flags.StringVar(&validation, "validation", "", "file for the validation rows")
	flags.Float64Var(&fraction, "fraction", 0.1, "share of the rows that goes to validation")
	flags.Uint64Var(&seed, "seed", 1, "another seed gives other parts")
	requireFlags(c, "train", "validation")
	return c
}

func requireFlags(c *cobra.Command, names ...string) {
	for _, name := range names {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag doesn't exist: a slip of ours, found by the first start
		}
	}
}

func newDatasetStarterCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "starter [OUTPUT]",
		Short: "Write the starter set of customer requests",
		Long: `Write the starter set, customer requests labelled with category, urgency and tone,
as JSON Lines to OUTPUT or to standard output.`,
		Example: "  heliograph dataset starter requests.jsonl\n  heliograph train --input requests.jsonl --label-column urgency --output urgency.bin",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path := "-"
			if len(args) == 1 {
				path = args[0]
			}
			if err := mayWrite(path, force); err != nil {
				return err
			}
			requests, err := dataset.Starter()
			if err != nil {
				return err
			}
			return writeTo(c, path, func(w io.Writer) error {
				encoder := json.NewEncoder(w)
				encoder.SetEscapeHTML(false)
				for _, request := range requests {
					if err := encoder.Encode(request); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite a file that exists")
	return c
}
