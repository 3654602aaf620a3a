package fasttext

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/heliograph/heliograph/fasttext/internal/kernel"
)

const (
	kmeansRounds = 25
	seedPoints   = 8192 // from which the first centroids are drawn
)

// kmeans finds up to 256 centroids of points (Lloyd, "Least squares quantization in PCM",
// 1982), starting from some that are far apart (Arthur and Vassilvitskii, "k-means++", 2007).
type kmeans struct {
	width   int
	points  []float32 // one after another
	pinZero bool      // the first centroid is 0 and stays so
	workers int

	centroids []float32 // those found, one after another
	codes     []byte    // of the points
	distances []float32 // of each point to its centroid, squared
}

func (k *kmeans) size() int { return len(k.points) / k.width }

func (k *kmeans) point(i int) []float32 { return k.points[i*k.width:][:k.width] }

func (k *kmeans) run(r *rng) {
	k.start(r)
	if k.size() == 0 || len(k.centroids) == 0 {
		return
	}
	k.codes, k.distances = make([]byte, k.size()), make([]float32, k.size())
	last := math.Inf(1)
	for round := range kmeansRounds {
		k.assign(round > 0)
		var sum float64
		for _, d := range k.distances {
			sum += float64(d)
		}
		if !(sum < last*(1-1e-4)) {
			return // the centroids are the means already, or as good as
		}
		last = sum
		k.move()
	}
}

// start draws the first centroids: each is a point, the likelier the farther it is from
// those before. There are as many as there are different points, 256 at most.
func (k *kmeans) start(r *rng) {
	every := max(1, (k.size()+seedPoints-1)/seedPoints)
	n := (k.size() + every - 1) / every
	far := make([]float32, n) // distance of each point to the nearest centroid
	for i := range far {
		far[i] = math.MaxFloat32
	}
	k.centroids = make([]float32, 0, centroidsPerPart*k.width)
	add := func(c []float32) {
		k.centroids = append(k.centroids, c...)
		for i := range far {
			far[i] = min(far[i], distance(k.point(i*every), c))
		}
	}
	switch {
	case k.pinZero:
		add(make([]float32, k.width))
	case n > 0:
		add(k.point(r.intn(n) * every))
	}
	for len(k.centroids) < centroidsPerPart*k.width {
		var total float64
		for _, d := range far {
			total += float64(d)
		}
		if !(total > 0) {
			return
		}
		at, next := r.float64()*total, -1
		for i, d := range far {
			if d > 0 {
				next = i
				if at -= float64(d); at < 0 {
					break
				}
			}
		}
		add(k.point(next * every))
	}
}

// assign gives each point the code of its nearest centroid.
func (k *kmeans) assign(again bool) {
	book := newCodebook(k.centroids, k.width)
	if again {
		book.findAlone()
	}
	inParallel(context.Background(), k.workers, k.size(), 4096, func(from, to int) {
		for i := from; i < to; i++ {
			p, likely := k.point(i), -1
			if again {
				likely = int(k.codes[i])
			}
			c := book.nearest(p, likely)
			k.codes[i], k.distances[i] = c, distance(p, k.centroids[int(c)*k.width:][:k.width])
		}
	})
}

// move makes each centroid the mean of its points. One without points goes to the point that
// is worst off.
func (k *kmeans) move() {
	n := len(k.centroids) / k.width
	sums, counts := make([]float64, len(k.centroids)), make([]int, n)
	for i, c := range k.codes {
		counts[c]++
		sum := sums[int(c)*k.width:][:k.width]
		for j, v := range k.point(i) {
			sum[j] += float64(v)
		}
	}
	for c := range n {
		if c == 0 && k.pinZero {
			continue
		}
		centroid := k.centroids[c*k.width:][:k.width]
		if counts[c] == 0 {
			worst := 0
			for i, d := range k.distances {
				if d > k.distances[worst] {
					worst = i
				}
			}
			copy(centroid, k.point(worst))
			k.distances[worst] = 0 // the next empty one goes elsewhere
			continue
		}
		for j := range centroid {
			centroid[j] = float32(sums[c*k.width+j] / float64(counts[c]))
		}
	}
}

// distance returns the square of the distance between x and y.
func distance(x, y []float32) float32 {
	var sum float32
	y = y[:len(x)]
	for i, v := range x {
		d := v - y[i]
		sum += d * d
	}
	return sum
}

// widestSorted is the longest part that is searched along one axis.
const widestSorted = 4

// A codebook finds the nearest of some centroids.
type codebook struct {
	width     int
	centroids []float32 // by code

	// Of short parts, the centroids in order of the value in which they differ most. A search
	// starts at the point's place in it and ends where that value alone is too far off.
	axis   int
	keys   []float32
	sorted []float32
	code   []byte
	place  []int32 // of each code in sorted

	// The square of half the distance from each centroid to its nearest neighbour, if the search
	// will be told likely ones: within it, none is nearer (Elkan, "Using the triangle
	// inequality to accelerate k-means", 2003).
	alone []float32

	// Of long ones, half the squared length of each, so that a row of inner products tells
	// the nearest.
	half []float32
}

func newCodebook(centroids []float32, width int) *codebook {
	b := &codebook{width: width, centroids: centroids}
	n := len(centroids) / width
	if width > widestSorted {
		b.half = make([]float32, n)
		for c := range b.half {
			row := centroids[c*width:][:width]
			b.half[c] = kernel.Dot(row, row) / 2
		}
		return b
	}
	b.axis = widestAxis(centroids, width)
	b.code, b.place = make([]byte, n), make([]int32, n)
	for c := range b.code {
		b.code[c] = byte(c)
	}
	slices.SortStableFunc(b.code, func(x, y byte) int {
		return cmp.Compare(centroids[int(x)*width+b.axis], centroids[int(y)*width+b.axis])
	})
	for i, c := range b.code {
		row := centroids[int(c)*width:][:width]
		b.place[c] = int32(i)
		b.keys = append(b.keys, row[b.axis])
		b.sorted = append(b.sorted, row...)
	}
	return b
}

func (b *codebook) findAlone() {
	n := len(b.centroids) / b.width
	b.alone = make([]float32, n)
	for i := range b.alone {
		b.alone[i] = math.MaxFloat32
	}
	for i := range n {
		for j := range i {
			d := distance(b.centroids[i*b.width:][:b.width], b.centroids[j*b.width:][:b.width]) / 4
			b.alone[i], b.alone[j] = min(b.alone[i], d), min(b.alone[j], d)
		}
	}
}

// widestAxis returns in which of their values the centroids vary most.
func widestAxis(centroids []float32, width int) (axis int) {
	most := -1.0
	for j := range width {
		var sum, squares, n float64
		for i := j; i < len(centroids); i += width {
			v := float64(centroids[i])
			sum, squares, n = sum+v, squares+v*v, n+1
		}
		if spread := squares - sum*sum/n; spread > most {
			axis, most = j, spread
		}
	}
	return axis
}

// nearest returns the code of the centroid nearest to x. likely is a code that may be
// it, or -1; a good one makes the search shorter.
func (b *codebook) nearest(x []float32, likely int) byte {
	switch {
	case len(b.centroids) == 0:
		return 0
	case likely >= 0 && b.alone != nil && distance(x, b.centroids[likely*b.width:][:b.width]) <= b.alone[likely]:
		return byte(likely)
	case b.half != nil:
		return b.nearestByDot(x)
	}
	key := x[b.axis]
	var at int
	if likely >= 0 {
		at = int(b.place[likely])
	} else {
		lo, hi := 0, len(b.keys)
		for lo < hi {
			if mid := int(uint(lo+hi) / 2); b.keys[mid] < key {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		at = min(lo, len(b.keys)-1)
	}
	best, least := at, b.distance(x, at)
	// Centroids that share the key's side follow in both directions until they are too far
	// along the axis alone.
	for i := at + 1; i < len(b.keys); i++ {
		if d := b.keys[i] - key; d > 0 && d*d >= least {
			break
		}
		if d := b.distance(x, i); d < least {
			best, least = i, d
		}
	}
	for i := at - 1; i >= 0; i-- {
		if d := key - b.keys[i]; d > 0 && d*d >= least {
			break
		}
		if d := b.distance(x, i); d < least {
			best, least = i, d
		}
	}
	return b.code[best]
}

// distance is that of x to the centroid at a place in the order.
func (b *codebook) distance(x []float32, at int) float32 {
	switch b.width {
	case 1:
		d := x[0] - b.sorted[at]
		return d * d
	case 2:
		c := (*[2]float32)(b.sorted[2*at:])
		d0, d1 := x[0]-c[0], x[1]-c[1]
		return d0*d0 + d1*d1
	case 4:
		c := (*[4]float32)(b.sorted[4*at:])
		p := (*[4]float32)(x)
		d0, d1, d2, d3 := p[0]-c[0], p[1]-c[1], p[2]-c[2], p[3]-c[3]
		return d0*d0 + d1*d1 + (d2*d2 + d3*d3)
	}
	return distance(x, b.sorted[at*b.width:][:b.width])
}

func (b *codebook) nearestByDot(x []float32) byte {
	var dots [centroidsPerPart]float32
	out := dots[:len(b.half)]
	kernel.Dots(out, b.centroids, b.width, x)
	half := b.half[:len(out)]
	best, most := 0, out[0]-half[0]
	for c, v := range out {
		if s := v - half[c]; s > most {
			best, most = c, s
		}
	}
	return byte(best)
}
