package fasttextcmd

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/heliograph/heliograph/fasttext"
)

// A query is what test and predict are given.
type query struct {
	model     *fasttext.Model
	in        io.ReadCloser
	k         int
	threshold float32
}

// query reads the arguments <model> <file> [<k>] [<th>] and opens both files.
func (c *command) query(args []string, usage, cannotOpen string) (*query, error) {
	if len(args) < 2 || len(args) > 4 {
		return nil, c.usageError(usage)
	}
	q := &query{k: 1}
	var err error
	if len(args) > 2 {
		if q.k, err = parseInt(args[2]); err != nil {
			return nil, fmt.Errorf("<k>: %w", err)
		}
		if q.k != -1 && q.k < 1 {
			return nil, fmt.Errorf("<k> is %d: want at least 1, or -1 for all labels", q.k)
		}
	}
	if len(args) > 3 {
		th, err := parseFloat(args[3])
		if err != nil {
			return nil, fmt.Errorf("<th>: %w", err)
		}
		q.threshold = float32(th)
	}
	if q.model, err = loadModel(args[0]); err != nil {
		return nil, err
	}
	if args[1] == "-" {
		q.in = io.NopCloser(c.stdin)
		return q, nil
	}
	if q.in, err = os.Open(args[1]); err != nil {
		return nil, fmt.Errorf("%s: %w", cannotOpen, err)
	}
	return q, nil
}

func loadModel(path string) (*fasttext.Model, error) {
	m, err := fasttext.Open(path)
	if err != nil {
		return nil, fmt.Errorf("model cannot be loaded: %w", err)
	}
	return m, nil
}

func (c *command) predict(args []string) error {
	q, err := c.query(args, predictUsage, "the text cannot be opened")
	if err != nil {
		return err
	}
	defer q.in.Close()
	out := c.lineWriter()
	var line []byte
	return q.model.PredictLines(c.ctx, q.in, q.k, q.threshold, func(found []fasttext.Prediction) error {
		line = line[:0]
		for i, p := range found {
			if i > 0 {
				line = append(line, ' ')
			}
			line = append(line, p.Label...)
			if c.verb == "predict-prob" {
				line = fasttext.AppendFloat(append(line, ' '), float64(p.Prob), 6)
			}
		}
		return out.line(line)
	})
}

func (c *command) test(args []string) error {
	q, err := c.query(args, fmt.Sprintf(testUsage, c.verb), "the test data cannot be opened")
	if err != nil {
		return err
	}
	defer q.in.Close()
	m, err := q.model.Test(c.ctx, q.in, q.k, q.threshold)
	if err != nil {
		return err
	}
	form := byte('g')
	if c.verb == "test-label" {
		form = 'f' // the original sets it for the labels and leaves it on for the totals
		for _, l := range m.Labels {
			fmt.Fprintf(c.stdout, "F1-Score : %s  Precision : %s  Recall : %s   %s\n",
				metric(l.F1()), metric(l.Precision()), metric(l.Recall()), l.Label)
		}
	}
	fmt.Fprintf(c.stdout, "N\t%d\nP@%d\t%s\nR@%d\t%s\n",
		m.Examples, q.k, total(m.Precision(), form), q.k, total(m.Recall(), form))
	return nil
}

// metric prints a metric of a label, or dashes where it is undefined.
func metric(x float64) string {
	if math.IsNaN(x) {
		return "--------"
	}
	return strconv.FormatFloat(x, 'f', 6, 64)
}

func total(x float64, form byte) string {
	if math.IsNaN(x) || form == 'g' {
		return string(fasttext.AppendFloat(nil, x, 3))
	}
	return strconv.FormatFloat(x, form, 3, 64)
}

// A lineWriter writes lines, at once when somebody may be waiting for them.
type lineWriter struct {
	w        *bufio.Writer
	flushing bool
}

// lineWriter writes to standard output, and flushes each line when that is a terminal or a pipe.
func (c *command) lineWriter() lineWriter { return lineWriter{w: c.stdout, flushing: waits(c.stdin)} }

// waits reports whether input comes from somebody who may wait for an answer.
func waits(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && !info.Mode().IsRegular()
}

func (l lineWriter) line(text []byte) error {
	l.w.Write(text)
	if err := l.w.WriteByte('\n'); err != nil {
		return err
	}
	if l.flushing {
		return l.w.Flush()
	}
	return nil
}
