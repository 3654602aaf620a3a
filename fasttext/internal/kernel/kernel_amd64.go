//go:build amd64 && !purego

package kernel

// most is how many registers of a row the assembly takes at once, and mostSteps, for
// steps with AVX2.
const (
	most      = 8
	mostSteps = 4
)

// detect asks the processor for what it has, and the system for what it keeps when it switches threads.
func detect() level {
	highest, _, _, _ := cpuid(0, 0)
	if highest < 7 {
		return plain
	}
	const fma, osxsave, avx = 1 << 12, 1 << 27, 1 << 28
	if _, _, c, _ := cpuid(1, 0); c&(fma|osxsave|avx) != fma|osxsave|avx {
		return plain
	}
	const ymm, zmm = 0b110, 0b11100110
	saved := xgetbv()
	_, b, _, _ := cpuid(7, 0)
	const hasAVX2, hasAVX512F = 1 << 5, 1 << 16
	switch {
	case saved&zmm == zmm && b&(hasAVX2|hasAVX512F) == hasAVX2|hasAVX512F:
		return avx512
	case saved&ymm == ymm && b&hasAVX2 != 0:
		return avx2
	}
	return plain
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

// A part is a run of columns that one call of an assembly function takes.
type part struct {
	from, regs, mask int
}

// next returns the part from column from on, of at most regs registers, and the column
// after it. It returns no registers after the last part, and for columns
// that assembly leaves over.
func (l level) next(from, width, regs int) (p part, end int) {
	if l == avx512 {
		cols := min(width-from, regs*16)
		p = part{from, (cols + 15) / 16, 1<<((cols-1)%16+1) - 1}
		return p, from + max(cols, 0)
	}
	cols := min((width-from)&^7, regs*8)
	return part{from: from, regs: cols / 8}, from + cols
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
		sum := sumRowsAVX512
		if l == avx2 {
			sum = sumRowsAVX2
		}
		if !sum(&dst[p.from], &data[p.from], 4*stride, limit, &rows[0], len(rows), p.regs, p.mask) {
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
		add := addToRowsAVX512
		if l == avx2 {
			add = addToRowsAVX2
		}
		if !add(&v[p.from], &data[p.from], 4*stride, limit, &rows[0], len(rows), p.regs, p.mask) {
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
		add := addScaledToRowsAVX512
		if l == avx2 {
			add = addScaledToRowsAVX2
		}
		if !add(&v[p.from], &data[p.from], 4*stride, limit, &rows[0], len(rows), p.regs, p.mask, &scale[0]) {
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
		if l == avx2 {
			dotsAVX2(&out[0], &data[p.from], 4*stride, len(out), &x[p.from], p.regs, p.mask)
		} else {
			dotsAVX512(&out[0], &data[p.from], 4*stride, len(out), &x[p.from], p.regs, p.mask)
		}
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
	regs := most
	if l == avx2 {
		regs = mostSteps
	}
	p, end := l.next(0, len(x), regs)
	for ; p.regs > 0; p, end = l.next(end, len(x), regs) {
		if l == avx2 {
			stepsAVX2(&data[p.from], 4*stride, len(alpha), &alpha[0], &x[p.from], &grad[p.from], p.regs, p.mask)
		} else {
			stepsAVX512(&data[p.from], 4*stride, len(alpha), &alpha[0], &x[p.from], &grad[p.from], p.regs, p.mask)
		}
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
	lanes := 8 * int(l)
	whole := len(v)
	if l != plain {
		whole = len(v) &^ (lanes - 1)
	}
	if l == plain || whole == 0 {
		return plainExps(v)
	}
	var highest, sum float32
	if l == avx2 {
		highest = maxAVX2(&v[0], whole)
	} else {
		highest = maxAVX512(&v[0], whole)
	}
	for _, x := range v[whole:] {
		highest = max(highest, x)
	}
	if l == avx2 {
		sum = expsAVX2(&v[0], whole, highest)
	} else {
		sum = expsAVX512(&v[0], whole, highest)
	}
	return sum + plainExpsOver(v[whole:], highest)
}

func (l level) sigmoids(v []float32) {
	whole := 0
	switch l {
	case avx2:
		if whole = len(v) &^ 7; whole > 0 {
			sigmoidsAVX2(&v[0], whole)
		}
	case avx512:
		if whole = len(v) &^ 15; whole > 0 {
			sigmoidsAVX512(&v[0], whole)
		}
	}
	plainSigmoids(v[whole:])
}

func (l level) prefetch(data []float32, stride int, rows []int32) {
	if l != plain && len(rows) > 0 {
		prefetchRows(&data[0], 4*stride, &rows[0], len(rows), (4*stride+63)/64)
	}
}
