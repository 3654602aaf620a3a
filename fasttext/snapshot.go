package fasttext

// A snapshot holds the weights of one moment: the output matrix and those input
// rows that training can change.
type snapshot struct {
	rows    []int32
	in, out []float32
}

func newSnapshot(t *trainer) *snapshot {
	s := &snapshot{out: make([]float32, len(t.out.data))}
	for r := t.in.nextUsed(0); r < t.in.rows; r = t.in.nextUsed(r + 1) {
		s.rows = append(s.rows, int32(r))
	}
	s.in = make([]float32, len(s.rows)*t.in.cols)
	return s
}

func (s *snapshot) take(t *trainer) {
	for i, r := range s.rows {
		copy(s.in[i*t.in.cols:], t.in.row(int(r)))
	}
	copy(s.out, t.out.data)
}

func (s *snapshot) restore(t *trainer) {
	for i, r := range s.rows {
		copy(t.in.row(int(r)), s.in[i*t.in.cols:])
	}
	copy(t.out.data, s.out)
}
