package fasttext

import (
	"sync"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

// A quantised matrix holds each row as codes of a product quantiser (Jégou et
// al., "Product Quantization for Nearest Neighbor Search", 2011) and, if norms are
// kept apart, the code of its length.
type quantised struct {
	rows, cols int
	codes      []byte
	pq         *quantiser
	normCodes  []byte     // nil unless norms are kept apart
	norms      *quantiser // of single values; nil unless norms are kept apart
	tables     sync.Pool  // of *[]float32, cols/dsub*256 values long; see dots
}

// centroidsPerPart is how many values a code of one byte tells apart.
const centroidsPerPart = 256

// A quantiser splits a row of dim values into parts of dsub values, the last one
// maybe shorter, and holds 256 centroids for each.
type quantiser struct {
	dim, parts, dsub, last int
	centroids              []float32
}

// centroid returns what a code of a part stands for.
func (q *quantiser) centroid(part int, code byte) []float32 {
	start := part * centroidsPerPart * q.dsub
	if part == q.parts-1 {
		return q.centroids[start+int(code)*q.last:][:q.last]
	}
	return q.centroids[start+int(code)*q.dsub:][:q.dsub]
}

func (m *quantised) size() (rows, cols int) { return m.rows, m.cols }

func (m *quantised) norm(row int) float32 {
	if m.norms == nil {
		return 1
	}
	return m.norms.centroid(0, m.normCodes[row])[0]
}

func (m *quantised) sum(dst []float32, rows []int32) {
	clear(dst)
	q := m.pq
	for _, r := range rows {
		norm := m.norm(int(r))
		codes := m.codes[int(r)*q.parts:][:q.parts]
		if q.dsub == 2 && q.last == 2 {
			addPairs(dst, q.centroids, codes, norm)
			continue
		}
		for p, code := range codes {
			part := dst[p*q.dsub:]
			for i, v := range q.centroid(p, code) {
				part[i] += norm * v
			}
		}
	}
}

// addPairs adds a row, times norm, of the usual kind: parts of 2.
func addPairs(dst, centroids []float32, codes []byte, norm float32) {
	for _, code := range codes {
		part := (*[2 * centroidsPerPart]float32)(centroids)
		d := (*[2]float32)(dst)
		d[0] += norm * part[2*int(code)]
		d[1] += norm * part[2*int(code)+1]
		dst, centroids = dst[2:], centroids[2*centroidsPerPart:]
	}
}

func (m *quantised) dot(row int, x []float32) float32 {
	var s float32
	for p, code := range m.codes[row*m.pq.parts:][:m.pq.parts] {
		for i, v := range m.pq.centroid(p, code) {
			s += x[p*m.pq.dsub+i] * v
		}
	}
	return s * m.norm(row)
}

// dots of many rows begins with a table of what each code of each part gives.
func (m *quantised) dots(out, x []float32) {
	if len(out) < centroidsPerPart {
		for i := range out {
			out[i] = m.dot(i, x)
		}
		return
	}
	q := m.pq
	t, _ := m.tables.Get().(*[]float32)
	if t == nil {
		t = new([]float32)
		*t = make([]float32, q.parts*centroidsPerPart)
	}
	table := *t
	for p := range q.parts {
		width := q.width(p)
		kernel.Dots(table[p*centroidsPerPart:][:centroidsPerPart], q.centroids[p*centroidsPerPart*q.dsub:], width, x[p*q.dsub:][:width])
	}
	for i := range out {
		var s float32
		rest := table
		for _, code := range m.codes[i*q.parts:][:q.parts] {
			s += (*[centroidsPerPart]float32)(rest)[code]
			rest = rest[centroidsPerPart:]
		}
		out[i] = s * m.norm(i)
	}
	m.tables.Put(t)
}
