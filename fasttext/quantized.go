package fasttext

// A quantised matrix holds each row as codes of a product quantiser (Jégou et
// al., "Product Quantization for Nearest Neighbor Search", 2011) and, if norms are
// kept apart, the code of its length.
type quantised struct {
	rows, cols int
	codes      []byte
	pq         *quantiser
	normCodes  []byte     // nil unless norms are kept apart
	norms      *quantiser // of single values; nil unless norms are kept apart
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
	for _, r := range rows {
		norm := m.norm(int(r))
		codes := m.codes[int(r)*m.pq.parts:][:m.pq.parts]
		for p, code := range codes {
			for i, v := range m.pq.centroid(p, code) {
				dst[p*m.pq.dsub+i] += norm * v
			}
		}
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

func (m *quantised) dots(out, x []float32) {
	for i := range out {
		out[i] = m.dot(i, x)
	}
}
