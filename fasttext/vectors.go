package fasttext

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"sync"
)

// vectors are the contents of a .vec file: a line with how many words and how many
// values each has, and then a line for each word with its values.
type vectors struct {
	words [][]byte
	dim   int
	data  []float32
}

func readVectorsFile(path string, dim int) (*vectors, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pretrained vectors: %w", err)
	}
	defer f.Close()
	v, err := readVectors(f, dim)
	if err != nil {
		return nil, fmt.Errorf("pretrained vectors: %s: %w", path, err)
	}
	return v, nil
}

// readVectors reads a .vec file whose vectors must have dim values.
func readVectors(r io.Reader, dim int) (*vectors, error) {
	br := bufio.NewReaderSize(r, 1<<18)
	head, err := readVectorsLine(br)
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	fields := bytes.Fields(head)
	var n, found int
	if len(fields) == 2 {
		n, err = strconv.Atoi(string(fields[0]))
		if err == nil {
			found, err = strconv.Atoi(string(fields[1]))
		}
	}
	if len(fields) != 2 || err != nil || n < 0 {
		return nil, fmt.Errorf("line 1: want the number of words and of values, as in \"1000 %d\"", dim)
	}
	if dim == 0 && found >= 1 && found <= maxRowLength {
		dim = found
	}
	if found != dim {
		return nil, fmt.Errorf("the vectors have %d values and -dim is %d: they must be the same", found, dim)
	}
	v := &vectors{dim: dim}
	for line := 2; ; line++ {
		text, err := readVectorsLine(br)
		if err != nil && err != io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		fields := bytes.Fields(text)
		if err == io.ErrUnexpectedEOF && len(fields) == 0 {
			break
		}
		if len(fields) != dim+1 {
			return nil, fmt.Errorf("line %d: %d fields: want a word and %d values", line, len(fields), dim)
		}
		v.words = append(v.words, bytes.Clone(fields[0]))
		for _, f := range fields[1:] {
			x, err := strconv.ParseFloat(viewString(f), 32)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("line %d: %q is not a number", line, f)
			}
			v.data = append(v.data, float32(x))
		}
	}
	if len(v.words) != n {
		return nil, fmt.Errorf("line 1 promises %d words and %d follow", n, len(v.words))
	}
	return v, nil
}

// readVectorsLine returns the next line, or io.ErrUnexpectedEOF with what is left at the end.
func readVectorsLine(br *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		part, err := br.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull:
			long = append(long, part...)
			continue
		case err == io.EOF:
			return append(long, part...), io.ErrUnexpectedEOF
		case long != nil:
			part = append(long, part...)
		}
		return part, err
	}
}

// addTo counts each word once more.
func (v *vectors) addTo(l *lexicon) {
	for i, w := range v.words {
		l.add(w, hashWord(w), 1, afterText+int64(i))
	}
}

// copyTo sets the rows of the words.
func (v *vectors) copyTo(m *dense, d *dictionary) {
	for i, w := range v.words {
		if id := d.find(w, hashWord(w)); id >= 0 && int(id) < d.words {
			copy(m.row(int(id)), v.data[i*v.dim:])
		}
	}
}

// WriteVectors writes the vectors of all words as text, in the form of a .vec file.
func (m *Model) WriteVectors(w io.Writer) error {
	return m.writeVectors(w, m.dict.words, func(s *scratch, i int) ([]byte, []float32) {
		word := m.dict.token(i)
		return word, m.wordVector(s, word)
	})
}

// WriteOutputVectors writes the rows of the output matrix as text, in the form of a .vec
// file: those of the labels or, for word vectors, of the words.
func (m *Model) WriteOutputVectors(w io.Writer) error {
	out, ok := m.out.(*dense)
	if !ok || m.quantised {
		return fmt.Errorf("the output rows of a quantised model cannot be written as text")
	}
	first := 0
	if m.Supervised() {
		first = m.dict.words
	}
	return m.writeVectors(w, out.rows, func(_ *scratch, i int) ([]byte, []float32) {
		return m.dict.token(first + i), out.row(i)
	})
}

// writeVectors writes n lines. Formatting takes the time, so it is done in parallel.
func (m *Model) writeVectors(w io.Writer, n int, line func(s *scratch, i int) ([]byte, []float32)) error {
	held := m.borrow()
	if held == nil {
		return ErrClosed
	}
	defer m.giveBack(held)
	if _, err := fmt.Fprintf(w, "%d %d\n", n, m.args.Dim); err != nil {
		return err
	}
	const (
		piece                  = 1024 // lines
		usualWord, usualNumber = 10, 9
	)
	var (
		mu       sync.Mutex
		turn     = sync.NewCond(&mu)
		writing  int // the piece whose turn it is
		writeErr error
	)
	inParallel(context.Background(), maxWorkers(), n, piece, func(from, to int) {
		s := m.pool.Get().(*scratch) // the matrices are held already
		defer m.pool.Put(s)
		text := make([]byte, 0, (to-from)*(usualWord+usualNumber*m.args.Dim))
		for i := from; i < to; i++ {
			name, v := line(s, i)
			text = append(append(text, name...), ' ')
			text = append(AppendVector(text, v), '\n')
		}
		mu.Lock()
		defer mu.Unlock()
		for writing != from {
			turn.Wait()
		}
		if writeErr == nil {
			_, writeErr = w.Write(text)
		}
		writing += piece
		turn.Broadcast()
	})
	return writeErr
}

// AppendVector appends the values of a vector as the original prints them: five
// digits, each followed by a space.
func AppendVector(dst []byte, v []float32) []byte {
	for _, x := range v {
		dst = append(AppendFloat(dst, float64(x), 5), ' ')
	}
	return dst
}
