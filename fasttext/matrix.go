package fasttext

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A matrix holds rows that prediction reads: dense ones, or quantised codes.
type matrix interface {
	size() (rows, cols int)
	// sum sets dst, cols long, to the sum of the named rows.
	sum(dst []float32, rows []int32)
	// dot returns the inner product of a row and x, cols long.
	dot(row int, x []float32) float32
	// dots sets out[i] to the inner product of row i and x.
	dots(out, x []float32)
}

// A dense matrix holds its rows one after another, each in stride values of which
// the first cols are the row and the others stay 0. See allocate on whose memory data is.
type dense struct {
	rows, cols, stride int
	data               []float32
	used               rowSet // if not nil, all other rows are 0
}

// newDense makes a matrix of zeros of which only the used rows (nil: all) will be
// changed. Rows that fit are laid out so that none
// straddles more cache lines (16 values) than it must: training is bound by how many of
// them it touches.
func newDense(rows, cols int, used rowSet) (*dense, error) {
	m := &dense{rows: rows, cols: cols, stride: strideOf(cols), used: used}
	if err := m.allocate(rows * m.stride); err != nil {
		return nil, fmt.Errorf("a matrix of %d rows of %d values: %w; lower -bucket or -dim", rows, cols, err)
	}
	// Rows are scattered by hash. If they are so few that most small pages stay
	// untouched, and so without memory, huge ones would undo that.
	if used == nil || used.count() > len(m.data)*4/page/2 {
		adviseHugePages(m.data)
	}
	return m, nil
}

// newHeapDense is newDense in the collector's memory, for matrices no larger than one that is
// in memory already.
func newHeapDense(rows, cols int) *dense {
	stride := strideOf(cols)
	return &dense{rows: rows, cols: cols, stride: stride, data: make([]float32, rows*stride)}
}

func strideOf(cols int) int {
	switch {
	case cols > 8:
		return (cols + 15) &^ 15
	case cols > 4:
		return 8
	case cols == 3:
		return 4
	}
	return cols
}

func (m *dense) size() (rows, cols int) { return m.rows, m.cols }

func (m *dense) row(i int) []float32 { return m.data[i*m.stride:][:m.cols:m.cols] }

func (m *dense) sum(dst []float32, rows []int32) {
	kernel.SumRows(dst, m.data, m.stride, rows)
	runtime.KeepAlive(m)
}

func (m *dense) dot(row int, x []float32) float32 {
	d := kernel.Dot(x, m.row(row))
	runtime.KeepAlive(m)
	return d
}

func (m *dense) dots(out, x []float32) {
	kernel.Dots(out, m.data, m.stride, x)
	runtime.KeepAlive(m)
}

// steps makes one gradient step for every row; see kernel.Steps.
func (m *dense) steps(alpha, x, grad []float32) {
	kernel.Steps(m.data, m.stride, alpha, x, grad)
	runtime.KeepAlive(m)
}

// fillUniform draws the used rows from [-1/cols, 1/cols). Each row has random
// numbers of its own, so the order does not matter.
func (m *dense) fillUniform(ctx context.Context, seed, workers int) {
	inParallel(ctx, workers, m.rows, 1<<14, func(from, to int) {
		for i := m.nextUsed(from); i < to; i = m.nextUsed(i + 1) {
			kernel.Uniform(m.row(i), uint64(*newRNG(seed, i)), 1/float32(m.cols))
		}
	})
}

// finite reports whether every value is a number. Unused rows are looked at where they lie between used ones.
func (m *dense) finite(workers int) bool {
	const gap = 16 // rows
	var wrong atomic.Bool
	inParallel(context.Background(), workers, m.rows, 1<<12, func(from, to int) {
		for i := m.nextUsed(from); i < to && !wrong.Load(); i = m.nextUsed(i) {
			start := i
			for next := i; next < to && next-i <= gap; next = m.nextUsed(next + 1) {
				i = next
			}
			i++
			if !finite(m.data[start*m.stride : (i-1)*m.stride+m.cols]) {
				wrong.Store(true)
			}
		}
	})
	return !wrong.Load()
}

// nextUsed returns the first row from i on that may be other than 0, or m.rows.
func (m *dense) nextUsed(i int) int {
	if m.used == nil {
		return min(i, m.rows)
	}
	return m.used.next(i, m.rows)
}

// An rng is SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators", 2014).
type rng uint64

func newRNG(seed, stream int) *rng {
	r := rng(uint64(seed)*kernel.Gamma ^ uint64(stream)*0xD1B54A32D192ED03)
	return &r
}

func (r *rng) uint64() uint64 {
	*r += kernel.Gamma
	return kernel.Mix(uint64(*r))
}

func (r *rng) float64() float64 { return float64(r.uint64()>>11) / (1 << 53) }

// intn returns a number from 0 to n-1.
func (r *rng) intn(n int) int { return int((r.uint64() >> 32) * uint64(n) >> 32) }

func dot(x, y []float32) float32 { return kernel.Dot(x, y) }

func step(row []float32, a float32, x, grad []float32) { kernel.Step(row, a, x, grad) }
