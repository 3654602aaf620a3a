package fasttextcmd

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

func (c *command) printWordVectors(args []string) error {
	if len(args) != 1 {
		return c.usageError(fmt.Sprintf(vectorsUsage, c.verb))
	}
	m, err := loadModel(args[0])
	if err != nil {
		return err
	}
	out := c.lineWriter()
	words := bufio.NewScanner(c.stdin)
	words.Buffer(nil, 1<<30)
	words.Split(scanWords)
	var v []float32
	var line []byte
	for words.Scan() {
		v = m.WordVector(v[:0], words.Text())
		line = append(append(line[:0], words.Bytes()...), ' ')
		if err := out.line(fasttext.AppendVector(line, v)); err != nil {
			return err
		}
	}
	return words.Err()
}

// scanWords splits at the bytes that C counts as space, and at no other character.
func scanWords(data []byte, atEOF bool) (advance int, token []byte, err error) {
	start := 0
	for start < len(data) && strings.IndexByte(" \t\n\v\f\r", data[start]) >= 0 {
		start++
	}
	for i := start; i < len(data); i++ {
		if strings.IndexByte(" \t\n\v\f\r", data[i]) >= 0 {
			return i + 1, data[start:i], nil
		}
	}
	if atEOF && len(data) > start {
		return len(data), data[start:], nil
	}
	return start, nil, nil
}

func (c *command) printSentenceVectors(args []string) error {
	if len(args) != 1 {
		return c.usageError(fmt.Sprintf(vectorsUsage, c.verb))
	}
	m, err := loadModel(args[0])
	if err != nil {
		return err
	}
	out := c.lineWriter()
	var line []byte
	return m.SentenceVectorLines(c.ctx, c.stdin, func(v []float32) error {
		line = fasttext.AppendVector(line[:0], v)
		return out.line(line)
	})
}

func (c *command) dump(args []string) error {
	if len(args) != 2 {
		return c.usageError(dumpUsage)
	}
	m, err := loadModel(args[0])
	if err != nil {
		return err
	}
	switch args[1] {
	case "args":
		a := m.Args()
		fmt.Fprintf(c.stdout, "dim %d\nws %d\nepoch %d\nminCount %d\nneg %d\nwordNgrams %d\nloss %v\nmodel %v\n"+
			"bucket %d\nminn %d\nmaxn %d\nlrUpdateRate %d\nt %s\n",
			a.Dim, a.WS, a.Epoch, a.MinCount, a.Neg, a.WordNgrams, a.Loss, a.Model,
			a.Bucket, a.Minn, a.Maxn, a.LRUpdateRate, fasttext.AppendFloat(nil, a.T, 6))
		return nil
	case "dict":
		return m.DumpDictionary(c.stdout)
	case "input":
		return m.DumpInput(c.stdout)
	case "output":
		return m.DumpOutput(c.stdout)
	}
	return c.usageError(dumpUsage)
}
