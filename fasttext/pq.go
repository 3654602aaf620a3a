package fasttext

import (
	"context"
	"math"
)

// mostPoints is how many rows a quantiser learns from, about, if there are more.
const mostPoints = centroidsPerPart * 64

// outputPart is the length of the parts of a quantised output matrix. It is the original's.
const outputPart = 2

// quantise codes a matrix in parts of dsub values (Jégou et al., "Product Quantization for
// Nearest Neighbor Search", 2011). With qnorm, it codes each row's length apart, and the parts of
// the row scaled to length 1 (Joulin et al., "FastText.zip: Compressing text classification
// models", 2016, section 3.1). The result depends on the seed and not on the number of workers.
//
// A row of zeros stays one, exactly: untouched rows of n-grams add no noise.
func quantise(m *dense, norms []float32, dsub int, qnorm bool, seed, workers int) *quantised {
	q := &quantised{rows: m.rows, cols: m.cols}
	rows := scaledRows{m: m}
	if qnorm {
		rows.norms = norms
		lengths := scaledRows{m: &dense{rows: m.rows, cols: 1, stride: 1, data: norms}}
		q.norms = newQuantiser(1, 1)
		q.normCodes = q.norms.learn(lengths, norms, true, seed+1, workers)
	}
	q.pq = newQuantiser(m.cols, min(dsub, m.cols))
	q.codes = q.pq.learn(rows, norms, !qnorm, seed, workers)
	return q
}

// scaledRows are the rows of a matrix, divided by norms if there are any.
type scaledRows struct {
	m     *dense
	norms []float32
}

func (s scaledRows) read(dst []float32, i int) {
	copy(dst, s.m.row(i))
	if s.norms != nil && s.norms[i] > 0 {
		for j := range dst {
			dst[j] /= s.norms[i]
		}
	}
}

// rowNorms returns the length of each row; 0 only where all values are. It reports false if a
// value is not a number or too large to have a length.
func rowNorms(m *dense, workers int) ([]float32, bool) {
	norms := make([]float32, m.rows)
	bad := make([]bool, (m.rows+normPiece-1)/normPiece)
	inParallel(context.Background(), workers, m.rows, normPiece, func(from, to int) {
		for i := from; i < to; i++ {
			var sum float64
			for _, v := range m.row(i) {
				sum += float64(v) * float64(v)
			}
			norm := math.Sqrt(sum)
			if !(norm <= math.MaxFloat32) {
				bad[from/normPiece] = true
			}
			norms[i] = float32(norm)
			if norm > 0 && norms[i] == 0 {
				norms[i] = math.SmallestNonzeroFloat32
			}
		}
	})
	for _, b := range bad {
		if b {
			return nil, false
		}
	}
	return norms, true
}

const normPiece = 1 << 14

func newQuantiser(dim, dsub int) *quantiser {
	q := &quantiser{dim: dim, dsub: dsub, parts: (dim + dsub - 1) / dsub}
	q.last = dim - (q.parts-1)*dsub
	q.centroids = make([]float32, dim*centroidsPerPart)
	return q
}

// width returns how many values a part has.
func (q *quantiser) width(part int) int {
	if part == q.parts-1 {
		return q.last
	}
	return q.dsub
}

// learn finds the centroids for the rows and codes them all. Rows whose norm is 0 do not
// count in finding centroids; with keepZero one centroid of each part stays 0 for them.
func (q *quantiser) learn(rows scaledRows, norms []float32, keepZero bool, seed, workers int) []byte {
	sample, zeros := samplePoints(norms, newRNG(seed, -2))
	points := make([]float32, len(sample)*q.dim)
	for i, r := range sample {
		rows.read(points[i*q.dim:][:q.dim], int(r))
	}
	books := make([]*codebook, q.parts)
	// Parts are learned side by side; where there are fewer than workers, several share one.
	inParallel(context.Background(), workers, q.parts, 1, func(part, _ int) {
		k := kmeans{width: q.width(part), pinZero: keepZero && zeros, workers: (workers + q.parts - 1) / q.parts}
		k.points = make([]float32, 0, len(sample)*k.width)
		for i := range sample {
			k.points = append(k.points, points[i*q.dim+part*q.dsub:][:k.width]...)
		}
		k.run(newRNG(seed, part))
		copy(q.centroids[part*centroidsPerPart*q.dsub:], k.centroids)
		books[part] = newCodebook(k.centroids, k.width)
	})
	return q.code(books, rows, workers)
}

// code returns the codes of all rows, those of one row side by side.
func (q *quantiser) code(books []*codebook, rows scaledRows, workers int) []byte {
	codes := make([]byte, rows.m.rows*q.parts)
	zero := make([]byte, q.parts)
	q.codeRow(books, zero, make([]float32, q.dim))
	inParallel(context.Background(), workers, rows.m.rows, 1024, func(from, to int) {
		row := make([]float32, q.dim)
		for i := from; i < to; i++ {
			rows.read(row, i)
			if allZero(row) {
				copy(codes[i*q.parts:], zero)
				continue
			}
			q.codeRow(books, codes[i*q.parts:][:q.parts], row)
		}
	})
	return codes
}

func (q *quantiser) codeRow(books []*codebook, codes []byte, row []float32) {
	for part, b := range books {
		codes[part] = b.nearest(row[part*q.dsub:][:q.width(part)], -1)
	}
}

func allZero(v []float32) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

// samplePoints draws about mostPoints of the rows whose norm is above 0, in order, and reports
// whether there are others. The chance of a row grows with its norm: long rows are few, and
// decide most predictions.
func samplePoints(norms []float32, r *rng) (sample []int32, zeros bool) {
	n, sum := 0, 0.0
	for _, v := range norms {
		if v > 0 {
			n++
			sum += float64(v)
		}
	}
	for i, v := range norms {
		if v > 0 && (n <= mostPoints || r.float64()*sum < float64(v)*mostPoints) {
			sample = append(sample, int32(i))
		}
	}
	return sample, n < len(norms)
}
