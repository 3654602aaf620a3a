//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// The loops over parts of the columns, the same for every level. What one call of assembly takes, and what
// it leaves to plain Go, is the level's affair: parts, next and the calls themselves stand in the file of the architecture.

// A part is a run of columns that one call of an assembly function takes.
type part struct {
	from, regs, mask int
}

// rowsIn returns how many rows of that width lie wholly in data.
func rowsIn(data []float32, stride, width int) int {
	switch {
	case len(data) < width:
		return 0
	case stride <= 0:
		return 1
	}
	return (len(data)-width)/stride + 1
}

func badRow() { panic("kernel: row number out of range") }

func (l level) sumRows(dst, data []float32, stride int, rows []int32) {
	limit := rowsIn(data, stride, len(dst))
	if l == plain || len(rows) == 0 || limit == 0 {
		plainSumRows(dst, data, stride, rows)
		return
	}
	p, end := l.next(0, len(dst), most)
	for ; p.regs > 0; p, end = l.next(end, len(dst), most) {
		if !l.sumRowsPart(&dst[p.from], &data[p.from], 4*stride, limit, &rows[0], len(rows), p) {
			badRow()
		}
	}
	if end < len(dst) {
		plainSumRows(dst[end:], data[end:], stride, rows)
	}
}

func (l level) addToRows(data []float32, stride int, rows []int32, v []float32) {
	limit := rowsIn(data, stride, len(v))
	if l == plain || len(rows) == 0 || limit == 0 || len(v) == 0 {
		plainAddToRows(data, stride, rows, v)
		return
	}
	p, end := l.next(0, len(v), most)
	for ; p.regs > 0; p, end = l.next(end, len(v), most) {
		if !l.addToRowsPart(&v[p.from], &data[p.from], 4*stride, limit, &rows[0], len(rows), p) {
			badRow()
		}
	}
	if end < len(v) {
		plainAddToRows(data[end:], stride, rows, v[end:])
	}
}

func (l level) addScaledToRows(data []float32, stride int, rows []int32, scale, v []float32) {
	limit := rowsIn(data, stride, len(v))
	if l == plain || len(rows) == 0 || limit == 0 || len(v) == 0 {
		plainAddScaledToRows(data, stride, rows, scale, v)
		return
	}
	p, end := l.next(0, len(v), most)
	for ; p.regs > 0; p, end = l.next(end, len(v), most) {
		if !l.addScaledToRowsPart(&v[p.from], &data[p.from], 4*stride, limit, &rows[0], len(rows), p, &scale[0]) {
			badRow()
		}
	}
	if end < len(v) {
		plainAddScaledToRows(data[end:], stride, rows, scale, v[end:])
	}
}

func (l level) dots(out, data []float32, stride int, x []float32) {
	if l == plain || len(out) == 0 || len(x) == 0 {
		plainDots(out, data, stride, x)
		return
	}
	if rowsIn(data, stride, len(x)) < len(out) {
		badRow()
	}
	clear(out)
	p, end := l.next(0, len(x), most)
	for ; p.regs > 0; p, end = l.next(end, len(x), most) {
		l.dotsPart(&out[0], &data[p.from], 4*stride, len(out), &x[p.from], p)
	}
	if end < len(x) {
		for i := range out {
			row := data[i*stride:][:len(x)]
			for j := end; j < len(x); j++ {
				out[i] += x[j] * row[j]
			}
		}
	}
}

func (l level) dot(x, y []float32) float32 {
	if l == plain {
		return plainDot(x, y)
	}
	var out [1]float32
	l.dots(out[:], y, len(y), x)
	return out[0]
}

func (l level) steps(data []float32, stride int, alpha, x, grad []float32) {
	if l == plain || len(alpha) == 0 || len(x) == 0 {
		plainSteps(data, stride, alpha, x, grad)
		return
	}
	if rowsIn(data, stride, len(x)) < len(alpha) {
		badRow()
	}
	regs := l.mostSteps()
	p, end := l.next(0, len(x), regs)
	for ; p.regs > 0; p, end = l.next(end, len(x), regs) {
		l.stepsPart(&data[p.from], 4*stride, len(alpha), &alpha[0], &x[p.from], &grad[p.from], p)
	}
	if end < len(x) {
		plainSteps(data[end:], stride, alpha, x[end:], grad[end:])
	}
}

func (l level) step(row []float32, a float32, x, grad []float32) {
	alpha := [1]float32{a}
	l.steps(row, len(row), alpha[:], x, grad)
}

func (l level) exps(v []float32) float32 {
	if l == plain {
		return plainExps(v)
	}
	lanes := l.lanes()
	whole := len(v) - len(v)%lanes
	rest := v[whole:]
	var last [16]float32 // the rest, in a register of its own
	highest := v[0]
	if len(rest) > 0 {
		for i := copy(last[:], rest); i < lanes; i++ {
			last[i] = highest
		}
		highest = l.maxWhole(&last[0], lanes)
	}
	var sum float32
	if whole > 0 {
		highest = max(highest, l.maxWhole(&v[0], whole))
		sum = l.expsWhole(&v[0], whole, highest)
	}
	if len(rest) > 0 {
		// What fills the register is too low to count.
		for i := len(rest); i < lanes; i++ {
			last[i] = highest - 100
		}
		sum += l.expsWhole(&last[0], lanes, highest)
		copy(rest, last[:])
	}
	return sum
}

func (l level) sigmoids(v []float32) {
	whole := 0
	if l != plain {
		if whole = len(v) - len(v)%l.lanes(); whole > 0 {
			l.sigmoidsWhole(&v[0], whole)
		}
	}
	plainSigmoids(v[whole:])
}

func (l level) prefetch(data []float32, stride int, rows []int32) {
	if l != plain && len(rows) > 0 {
		l.prefetchRowsPart(&data[0], 4*stride, &rows[0], len(rows), (4*stride+63)/64)
	}
}

func (l level) prefetchPlaces(table unsafe.Pointer, size int, places []int32) {
	if l != plain {
		prefetchRows((*float32)(table), size, &places[0], len(places), 1)
	}
}
