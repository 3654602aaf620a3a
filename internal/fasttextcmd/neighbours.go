package fasttextcmd

import (
	"bufio"
	"fmt"

	"github.com/heliograph/heliograph/fasttext"
)

// nearestNeighbours is the verb nn.
func (c *command) nearestNeighbours(args []string) error {
	m, k, err := c.neighboursQuery(args, false)
	if err != nil {
		return err
	}
	return c.ask("Query word? ", 1, func(dst []fasttext.Neighbour, words []string) ([]fasttext.Neighbour, error) {
		return m.NearestNeighbours(dst, words[0], k)
	})
}

func (c *command) analogies(args []string) error {
	m, k, err := c.neighboursQuery(args, true)
	if err != nil {
		return err
	}
	return c.ask("Query triplet (A - B + C)? ", 3, func(dst []fasttext.Neighbour, words []string) ([]fasttext.Neighbour, error) {
		return m.Analogies(dst, words[0], words[1], words[2], k)
	})
}

// neighboursQuery reads the arguments <model> [<k>] and opens the model, and says so if announce is set.
func (c *command) neighboursQuery(args []string, announce bool) (m *fasttext.Model, k int, err error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, 0, c.usageError(fmt.Sprintf(neighboursUsage, c.verb))
	}
	k = 10
	if len(args) > 1 {
		if k, err = parseInt(args[1]); err != nil {
			return nil, 0, fmt.Errorf("<k>: %w", err)
		}
		if k < 1 {
			return nil, 0, fmt.Errorf("<k> is %d: want at least 1", k)
		}
	}
	if announce {
		fmt.Fprintf(c.stdout, "Loading model %s\n", args[0])
		if err := c.stdout.Flush(); err != nil {
			return nil, 0, err
		}
	}
	m, err = loadModel(args[0])
	return m, k, err
}

// ask prompts for n words at a time and prints what is nearest to them, until the input ends. The
// original's analogies then asks for ever.
func (c *command) ask(prompt string, n int, answer func([]fasttext.Neighbour, []string) ([]fasttext.Neighbour, error)) error {
	input := bufio.NewScanner(c.stdin)
	input.Buffer(nil, 1<<30)
	input.Split(scanWords)
	var words []string
	var found []fasttext.Neighbour
	var line []byte
	for {
		if len(words) == 0 {
			c.stdout.WriteString(prompt)
			if err := c.stdout.Flush(); err != nil {
				return err
			}
		}
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if !input.Scan() {
			return input.Err()
		}
		if words = append(words, input.Text()); len(words) < n {
			continue
		}
		var err error
		if found, err = answer(found[:0], words); err != nil {
			return err
		}
		words = words[:0]
		for _, f := range found {
			line = append(append(line[:0], f.Word...), ' ')
			line = append(fasttext.AppendFloat(line, float64(f.Similarity), 6), '\n')
			c.stdout.Write(line)
		}
	}
}

func (c *command) printNgrams(args []string) error {
	if len(args) != 2 {
		return c.usageError(ngramsUsage)
	}
	m, err := loadModel(args[0])
	if err != nil {
		return err
	}
	var line []byte
	for _, g := range m.NgramVectors(args[1]) {
		line = append(append(line[:0], g.Ngram...), ' ')
		line = append(fasttext.AppendVector(line, g.Vector), '\n')
		if _, err := c.stdout.Write(line); err != nil {
			return err
		}
	}
	return nil
}
